"""Import prompts, outputs and preferences from files."""

from __future__ import annotations

import gc
import sys
from argparse import RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from tqdm import tqdm

from annotation import projects
from annotation.intake.files import FileError, check_file
from annotation.intake.formats import AUTO, FORMATS
from annotation.intake.importing import Step, import_files
from annotation.models import Project
from annotation.pairing import RuleError

ACTOR = "command:import_pairs"

EPILOG = """
endings:  .jsonl and .ndjson (one record a line), .json (a list, or an object with one), .csv (with a header),
          each also with .gz or .zst; .parquet; - is JSON Lines on standard input

formats:  native     an inference record a line (request_id, prompt, outputs, ...), perhaps with a list of feedback
          trl        prompt, chosen, rejected: strings or message lists; the prompt may be inside of both
          hh         chosen, rejected: transcripts marked by "\\n\\nHuman: " and "\\n\\nAssistant: "
          arena      model_a, model_b, conversation_a, conversation_b, winner; also prompt, response_a, response_b
          helpsteer  context, response1, response2, overall_preference or individual_preference
          alpaca     instruction, input, chosen, rejected
          prefapp    rows of any config of our own snapshots that holds texts; a snapshot's whole folder, named as a
                     FILE, brings its judgments along
          ultrafeedback, helpsteer2, webgpt, summaries (summarize-from-feedback), argilla, label_studio
                     as these are published or exported

A record that cannot be taken is told of as FILE:LINE: /field: reason and the others are kept; the exit code is then 1.
Importing the same file again makes nothing twice.
"""


class Command(BaseCommand):
    help = "Import prompts with their outputs, and preferences between them, from files into a project."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(
            prog_name, subcommand, formatter_class=RawDescriptionHelpFormatter, epilog=EPILOG, **kwargs
        )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE", help="a file, or - for standard input")
        parser.add_argument("--project", required=True, metavar="SLUG", help="the project to import into")
        parser.add_argument("--create", action="store_true", help="make the project if there is none of that name")
        parser.add_argument(
            "--format", default=AUTO, choices=[AUTO, *FORMATS], help="of the records (auto: told by their fields)"
        )
        parser.add_argument(
            "--pairing",
            choices=Project.Pairing.values,
            help="which outputs of a prompt to compare (the project's own rule when left out)",
        )
        parser.add_argument("--strict", action="store_true", help="keep nothing when any record is refused")

    def handle(self, *args: Any, **options: Any) -> None:
        # Millions of small objects live for one batch each; to look for cycles among them takes a third of the time.
        gc.set_threshold(100_000, 50, 50)
        try:
            size = sum(map(check_file, options["files"]))
            project = _find_project(options["project"], create=options["create"])
            with _Progress(size, self.stderr) as progress:
                totals = import_files(
                    project,
                    options["files"],
                    format_name=options["format"],
                    rule=options["pairing"],
                    strict=options["strict"],
                    actor=ACTOR,
                    tell=progress.tell,
                )
        except (FileError, projects.SettingError) as error:
            raise CommandError(str(error)) from None
        except RuleError as error:
            raise CommandError(f"--pairing {options['pairing']}: the project's pairing_{error}") from None
        self.stdout.write(str(totals))
        if totals.refused:
            sys.exit(1)


def _find_project(slug: str, *, create: bool) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is None and not create:
        raise CommandError(f"there is no project “{slug}”; --create makes it")
    return project or projects.create_project(slug, actor=ACTOR)


class _Progress:
    """A bar of bytes on a terminal, and what was wrong as lines on stderr."""

    def __init__(self, size: int, stderr: OutputWrapper) -> None:
        self._bar = tqdm(total=size or None, unit="B", unit_scale=True, file=sys.stderr, disable=None)
        self._stderr = stderr
        self._name = ""
        self._before = 0.0  # bytes of the files before this one

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tell(self, step: Step) -> None:
        if step.problems:
            with tqdm.external_write_mode(file=sys.stderr):
                for line, problem in step.problems:
                    told = f"{step.name}:{line}: {problem.pointer or 'record'}: {problem.detail}"
                    self._stderr.write("".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in told))
        if step.name != self._name:
            self._name, self._before = step.name, self._bar.n
        self._bar.update(self._before + step.position - self._bar.n)
