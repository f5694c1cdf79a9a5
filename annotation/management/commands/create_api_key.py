"""Make an API key for a program."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import keys
from annotation.models import ApiKey, Project

ACTOR = "command:create_api_key"


class Command(BaseCommand):
    help = (
        "Make an API key for a project and print it, once, as the last line; only its hash is stored. "
        "Scopes: ingest (write inferences and feedback), annotate (draw from the queue), read, manage (everything)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG", help="the project that the key opens")
        parser.add_argument(
            "--scope",
            required=True,
            action="append",
            choices=ApiKey.Scope.values,
            help="what the key may do; may be repeated",
        )
        parser.add_argument("--name", required=True, metavar="TEXT", help="what or whom the key is for")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project “{options['project']}”")
        if not 1 <= len(options["name"]) <= 200:
            raise CommandError("--name must have 1 to 200 characters")
        key, secret = keys.create_key(project, name=options["name"], scopes=options["scope"], actor=ACTOR)
        self.stdout.write(f"{key} for {project.slug}; it is shown only now:")
        self.stdout.write(secret)
