"""Rebuild the judgments out of the log and compare."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.models import Project
from annotation.replay import replay


class Command(BaseCommand):
    help = (
        "Rebuilds every judgment's current state out of the event log and compares it with the tables. "
        "Exit 0 and “identical: N judgments”, or exit 1 with the differences."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", metavar="SLUG", required=True)
        parser.add_argument("--check", action="store_true", required=True, help="compare; nothing is ever written")

    def handle(self, *, project: str, **options: Any) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None:
            raise CommandError(f"There is no project “{project}”.")
        result = replay(found)
        for difference in result.differences:
            self.stderr.write(difference)
        if result.differences:
            raise CommandError("the log and the tables differ")
        self.stdout.write(f"identical: {result.judgments} judgments")
