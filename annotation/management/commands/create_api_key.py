"""Make an API key for a program or a web page."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from annotation import keys
from annotation.models import ApiKey, Project

ACTOR = "command:create_api_key"
MOST_DAYS = 36_500


class Command(BaseCommand):
    help = (
        "Make an API key for a project and print it, once, as the last line; only its hash is stored. "
        "Scopes: ingest (write inferences and feedback), annotate (draw from the queue), read, manage (everything). "
        "With --origin instead of --scope it is a browser key: pages of those origins may send feedback of end users "
        "with it, and nothing else."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG", help="the project that the key opens")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            choices=ApiKey.Scope.values,
            help="what the key may do; may be repeated",
        )
        parser.add_argument(
            "--origin",
            action="append",
            default=[],
            metavar="URL",
            help="make a browser key for the pages of this origin, such as https://app.example.org; may be repeated",
        )
        parser.add_argument("--name", required=True, metavar="TEXT", help="what or whom the key is for")
        parser.add_argument(
            "--rate-limit",
            type=int,
            metavar="N",
            help=f"calls a minute; none unless given, {keys.BROWSER_RATE_LIMIT} for a browser key",
        )
        parser.add_argument("--expires-days", type=int, metavar="N", help="days until it ends by itself; else never")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"there is no project “{options['project']}”")
        if not 1 <= len(options["name"]) <= 200:
            raise CommandError("--name must have 1 to 200 characters")
        if not options["scope"] and not options["origin"]:
            raise CommandError("--scope is required, or --origin for a browser key")
        try:
            key, secret = keys.create_key(
                project,
                name=options["name"],
                scopes=options["scope"],
                kind=ApiKey.Kind.BROWSER if options["origin"] else ApiKey.Kind.SERVER,
                origins=options["origin"],
                rate_limit=options["rate_limit"],
                expires_at=_after(options["expires_days"]),
                actor=ACTOR,
            )
        except keys.KeySettingError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{key} for {project.slug}, id {key.uid}; it is shown only now:")
        self.stdout.write(secret)


def _after(days: int | None) -> dt.datetime | None:
    if days is None:
        return None
    if not 1 <= days <= MOST_DAYS:
        raise CommandError(f"--expires-days must be from 1 to {MOST_DAYS}")
    return timezone.now() + dt.timedelta(days=days)
