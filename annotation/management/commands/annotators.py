"""List a project's annotators, and say what they can be asked about."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import projects, routing
from annotation.models import Annotator, Project

ACTOR = "command:annotators"


class Command(BaseCommand):
    help = (
        "Lists the annotators of a project, each with its tags and how much it has judged. With --tags they are given "
        "tags first, in place of those that they had; comparisons and projects that require tags go to those who have "
        "them all. NAME is a user name, or api: and the name of a program."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument(
            "--tags", action="append", default=[], metavar="NAME=TAG,…", help="set tags; may be repeated"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project “{options['project']}”")
        for text in options["tags"]:
            # A program's name may hold a sign of its own; a tag does not need one.
            name, sign, tags = text.rpartition("=")
            if not sign:
                raise CommandError(f"--tags {text}: must be NAME=TAG,…")
            try:
                routing.tag(project, name, projects.listed(tags), actor=ACTOR)
            except routing.NobodyError:
                raise CommandError(f"--tags {text}: there is nobody “{name}”") from None
            except routing.TagError as error:
                raise CommandError(f"--tags {text}: {error}") from None
        for annotator in Annotator.objects.filter(project=project).order_by("name").iterator():
            tags = ", ".join(annotator.tags) or "no tags"
            self.stdout.write(f"{_shown(annotator.name)}: {_shown(tags)}; {annotator.judged} judged")


def _shown(text: str) -> str:
    """A name that somebody else chose; what could steer a terminal is written out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
