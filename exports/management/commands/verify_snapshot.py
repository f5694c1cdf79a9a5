"""Check a downloaded snapshot against its manifest."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports.pipeline.verify import BrokenSnapshotError, verify_folder


class Command(BaseCommand):
    help = (
        "Checks every file of a snapshot's folder against its manifest.json: present, unchanged, with the rows and "
        "columns that were written, and nothing beside. Needs no database. Exit 0 and “ok: N files, M rows”, or exit 1 "
        "naming each file that does not hold."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="the folder that holds manifest.json")

    def handle(self, *, folder: Path, **options: Any) -> None:
        try:
            verified = verify_folder(folder)
        except BrokenSnapshotError as error:
            raise CommandError(str(error)) from None
        for problem in verified.problems[:-1]:
            self.stderr.write(problem)
        if verified.problems:
            raise CommandError(verified.problems[-1])
        self.stdout.write(f"ok: {verified.files} files, {verified.rows} rows")
