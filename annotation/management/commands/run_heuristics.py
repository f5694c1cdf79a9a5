"""Derive preferences from the implicit signals that were kept."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from annotation.heuristics import HEURISTICS
from annotation.intake import joining
from annotation.models import Project


class Command(BaseCommand):
    help = (
        "Run named heuristics over all implicit signals of a project. What was derived before is not made again. "
        "The project's setting `heuristics` names those that run on signals as they arrive."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("names", nargs="+", metavar="NAME", help=f"one of {', '.join(HEURISTICS)}")
        parser.add_argument("--project", required=True, metavar="SLUG")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project “{options['project']}”")
        unknown = [name for name in options["names"] if name not in HEURISTICS]
        if unknown:
            raise CommandError(f"there is no heuristic “{unknown[0]}”; there are {', '.join(HEURISTICS)}")
        made = joining.derive_again(project, options["names"], now=timezone.now())
        self.stdout.write(f"derived {made} new preferences")
