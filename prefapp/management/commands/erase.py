"""Erase a person from a project."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from annotation.erased import Erased
from annotation.erasure import ReasonError, count_records
from annotation.models import Project
from prefapp.erasing.person import Report, erase_person

ACTOR = "command:erase"
AGAIN = "What is erased stays erased; the same command erases the rest."


class Command(BaseCommand):
    help = (
        "Erases a person from a project, for good: texts, metadata, digests and salts of the inferences with this "
        "metadata.user_id, of all feedback on them, of the feedback of this end user or with this metadata.user_id, "
        "and of what was derived of any of it. Ids and outcomes stay, so that the log still verifies; they count "
        "nowhere any more. Names the earlier snapshots whose files hold some of it. Asks before, on a terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", required=True)
        parser.add_argument("--user-id", metavar="U", required=True, help="as the service sent it")
        parser.add_argument("--reason", default="", help="for the log, which keeps it; must not name the person")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--yes", action="store_true", help="do not ask on a terminal")

    def handle(self, *, project: str, user_id: str, reason: str, dry_run: bool, yes: bool, **options: Any) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None:
            raise CommandError(f"there is no project “{project}”")
        if not user_id or not user_id.encode(errors="replace").decode() == user_id:
            raise CommandError("--user-id is empty, or not Unicode")
        there = count_records(found, user_id)
        if dry_run:
            self.stdout.write(f"to erase: {there}")
            return
        if there and not yes and sys.stdin.isatty():
            self._ask(there)
        self._tell(self._erase(found, user_id, reason, there))

    def _ask(self, there: Erased) -> None:
        self.stdout.write(f"to erase: {there}")
        if input("This cannot be undone. Type “erase” to go on: ").strip() != "erase":
            raise CommandError("nothing was erased")

    def _erase(self, project: Project, user_id: str, reason: str, there: Erased) -> Report:
        total = there.inferences + there.feedback
        with tqdm(total=total, unit=" records", file=sys.stderr, disable=None) as bar:

            def tell(erased: Erased) -> None:
                bar.update(erased.inferences + erased.feedback)

            try:
                return erase_person(project, user_id, actor=ACTOR, reason=reason, tell=tell)
            except ReasonError as error:
                raise CommandError(f"--reason {error}") from None
            except KeyboardInterrupt:
                raise CommandError(f"broken off after {bar.n:,} records. {AGAIN}") from None

    def _tell(self, report: Report) -> None:
        self.stdout.write(f"erased: {report.erased}" if report.erased else "nothing is left to erase")
        if report.snapshots:
            self.stdout.write(f"snapshots that hold erased rows: {', '.join(map(str, report.snapshots))}")
        else:
            self.stdout.write("no snapshot holds any erased row")
        if report.recipes:
            self.stdout.write(f"recipes that name the person: {', '.join(report.recipes)}")
