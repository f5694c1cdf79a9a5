"""Build a snapshot again, and say whether the same bytes come out."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.models import Project
from exports.models import Snapshot
from exports.pipeline.rebuild import rebuild


class Command(BaseCommand):
    help = (
        "Builds a ready snapshot again from its recipe and watermark, into a folder of its own, and compares every "
        "file with what was published. Exit 0 and “identical: N files”, or exit 1 naming each file that differs and "
        "the versions that wrote it, if those differ. Nothing of the snapshot is changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("version", metavar="V", help="a version, or “latest”")
        parser.add_argument("--project", metavar="SLUG", help="may be left out when there is one project alone")
        parser.add_argument("--check", action="store_true", help="compare and throw away what was built (the default)")
        parser.add_argument("--out", metavar="DIR", type=Path, help="keep what was built, in a new or an empty folder")

    def handle(self, *, version: str, project: str | None, out: Path | None, **_: Any) -> None:
        snapshot = _find(version, project)
        if out and out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} is in use: --out wants a new or an empty folder.")
        with tempfile.TemporaryDirectory(prefix="prefapp-rebuild-") as temporary:
            differences = rebuild(snapshot, out or Path(temporary))
        for line in differences[:-1]:
            self.stderr.write(line)
        if differences:
            raise CommandError(differences[-1])
        self.stdout.write(f"identical: {snapshot.files.count()} files")


def _find(version: str, slug: str | None) -> Snapshot:
    projects = Project.objects.filter(slug=slug) if slug else Project.objects.all()[:2]
    if len(projects) != 1:
        raise CommandError(f"There is no project “{slug}”." if slug else "Name the project: --project SLUG.")
    ready = Snapshot.objects.filter(project=projects[0], status=Snapshot.Status.READY)
    ready = ready.select_related("project", "named_recipe", "parent").order_by("-version")
    found = (
        ready.first() if version == "latest" else ready.filter(version=version).first() if version.isdecimal() else None
    )
    if found is None:
        raise CommandError(f"There is no ready version “{version}” in the project “{projects[0].slug}”.")
    return found
