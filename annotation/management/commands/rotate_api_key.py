"""Give an API key a new secret."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation import keys
from annotation.models import ApiKey

ACTOR = "command:rotate_api_key"
OVERLAP_HOURS = keys.ROTATION_OVERLAP // dt.timedelta(hours=1)
MOST_HOURS = keys.LONGEST_OVERLAP // dt.timedelta(hours=1)


class Command(BaseCommand):
    help = (
        "Make a new API key of the same name and settings and print it, once, as the last line. "
        "The old one stays valid for a while, so that programs can change from one to the other."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", help="the key's id, as create_api_key prints it and the admin shows it")
        parser.add_argument(
            "--overlap-hours",
            type=int,
            default=OVERLAP_HOURS,
            metavar="N",
            help=f"how long the old key still works; {OVERLAP_HOURS} unless given, 0 ends it at once",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        old, hours = _find(options["id"]), options["overlap_hours"]
        if not 0 <= hours <= MOST_HOURS:
            raise CommandError(f"--overlap-hours must be from 0 to {MOST_HOURS}")
        try:
            new, secret = keys.rotate_key(old, overlap=dt.timedelta(hours=hours), actor=ACTOR)
        except keys.KeyEndedError as error:
            raise CommandError(str(error)) from None
        old.refresh_from_db(fields=["expires_at"])
        self.stdout.write(f"The old key ends at {old.expires_at:%Y-%m-%d %H:%M:%S %Z}.")
        self.stdout.write(f"{new} for {new.project.slug}, id {new.uid}; it is shown only now:")
        self.stdout.write(secret)


def _find(id_: str) -> ApiKey:
    try:
        return ApiKey.objects.get(uid=uuid.UUID(id_))
    except (ValueError, ApiKey.DoesNotExist):
        raise CommandError(f"there is no key of the id “{id_}”") from None
