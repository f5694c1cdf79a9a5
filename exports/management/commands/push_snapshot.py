"""Push a ready snapshot to a data set's repository on a Hugging Face Hub."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports import hub
from exports.models import Snapshot


class Command(BaseCommand):
    help = (
        "Makes a repository on a Hugging Face Hub what a ready snapshot holds, in one commit tagged vN. The token is "
        f"read from {hub.TOKEN} in the environment. A repository that is not there is made, private unless --public."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("snapshot", metavar="V", help="a version, or “latest”")
        parser.add_argument("--project", metavar="SLUG", required=True)
        parser.add_argument("--repo", metavar="OWNER/NAME", required=True)
        parser.add_argument("--public", action="store_true", help="a repository that is made is open to everybody")

    def handle(self, *, snapshot: str, project: str, repo: str, public: bool, **_: Any) -> None:
        ready = Snapshot.objects.filter(project__slug=project, status=Snapshot.Status.READY).order_by("-version")
        ready = ready if snapshot == "latest" else ready.filter(version=int(snapshot) if snapshot.isdecimal() else 0)
        found = ready.select_related("project").first()
        if found is None:
            raise CommandError(f"There is no ready version “{snapshot}” in a project “{project}”.")
        try:
            self.stdout.write(hub.push(found, repo, private=not public, actor="system:push_snapshot"))
        except hub.HubError as error:
            raise CommandError(str(error)) from None
