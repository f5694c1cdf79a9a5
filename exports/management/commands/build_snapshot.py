"""Ask for a snapshot from the command line, and wait for it and copy it where wanted."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.intake.soundness import UnsoundError, read_json
from annotation.models import Project
from exports.models import Snapshot
from exports.pipeline import publish
from exports.pipeline.build import build
from exports.pipeline.recipe import RecipeError
from exports.recipes import resolve
from exports.storage import StorageError, store


class Command(BaseCommand):
    help = (
        "Makes a new snapshot of a project and prints its version. Without --wait and --out a Celery worker builds it; "
        "with either of them this command builds it itself, worker or not, and ends when it is ready."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", metavar="SLUG", required=True)
        parser.add_argument(
            "--recipe", metavar="NAME|FILE", help="a recipe of the project, or a JSON file; default: every default"
        )
        parser.add_argument(
            "--format",
            metavar="F",
            dest="formats",
            action="append",
            help="in place of the recipe's formats; repeatable",
        )
        parser.add_argument("--wait", action="store_true", help="build it here and now")
        parser.add_argument("--out", metavar="DIR", type=Path, help="copy the files there (implies --wait)")

    def handle(
        self, *, project: str, recipe: str | None, formats: list[str] | None, wait: bool, out: Path | None, **_: Any
    ) -> None:
        found = Project.objects.filter(slug=project).first()
        if found is None:
            raise CommandError(f"There is no project “{project}”.")
        if out and out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} is in use: --out wants a new or an empty folder.")
        here = wait or out is not None
        snapshot = _request(found, recipe, formats, enqueue=not here)
        if here:
            build(snapshot.pk)
            _expect_ready(snapshot)
        if out:
            _copy(snapshot, out)
        self.stdout.write(str(snapshot.version))


def _request(project: Project, recipe: str | None, formats: list[str] | None, *, enqueue: bool) -> Snapshot:
    try:
        body, named = resolve(project, _read_recipe(recipe), formats)
    except RecipeError as error:
        raise CommandError(f"The recipe is refused: {error}") from None
    return publish.request(project, publish.Request(body, "system:build_snapshot", named=named), enqueue=enqueue)


def _read_recipe(given: str | None) -> Any:
    """A recipe object out of a file, or the name of a recipe."""
    if given is None:
        return {}
    file = Path(given)
    if not file.is_file():
        return given
    try:
        return read_json(file.read_bytes()).value
    except UnsoundError as error:
        where = f" at {error.problem.pointer}" if error.problem.pointer else ""
        raise CommandError(f"{given} is refused{where}: {error}") from None
    except OSError as error:
        raise CommandError(f"{given} cannot be read: {error}") from None


def _expect_ready(snapshot: Snapshot) -> None:
    snapshot.refresh_from_db()
    if snapshot.status == Snapshot.Status.FAILED:
        raise CommandError(f"Version {snapshot.version} failed: {snapshot.error}")
    if snapshot.status != Snapshot.Status.READY:
        raise CommandError(f"Version {snapshot.version} is {snapshot.status}: its building was broken off here.")


def _copy(snapshot: Snapshot, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        store().fetch(snapshot.folder, snapshot.files.values_list("path", flat=True), out)
    except (OSError, StorageError) as error:
        raise CommandError(f"Version {snapshot.version} is ready but cannot be copied to {out}: {error}") from None
