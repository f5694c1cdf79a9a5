"""Tell how often a reward model prefers what the judges of a snapshot preferred."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from exports.models import Snapshot
from exports.scoring import Accuracy, NothingToScoreError, Scored, pair_files, score
from exports.storage import StorageError, at_hand


class Command(BaseCommand):
    help = (
        "Compares a reward model's scores with a ready snapshot and prints its accuracy with 95 % intervals, by subset "
        "and over all. Equal scores count as a half. The snapshot is best a golden one (recipe kind “golden”)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="whose snapshot, when it is not a folder")
        parser.add_argument("--snapshot", metavar="V|DIR", required=True, help="a version, “latest”, or a folder")
        parser.add_argument(
            "--scores",
            metavar="FILE",
            type=Path,
            required=True,
            help='lines {"id": PAIR, "chosen": SCORE, "rejected": SCORE}; PAIR is the column “id” or “meta_pair_id”',
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, project: str | None, snapshot: str, scores: Path, **options: Any) -> None:
        try:
            with _folder(project, snapshot) as folder:
                scored = score(folder, _read_scores(scores))
        except NothingToScoreError:
            raise CommandError(
                "The snapshot has no pairs in Parquet files. Build one with the recipe {“kind”: “golden”}."
            ) from None
        self.stdout.write(json.dumps(asdict(scored)) if options["json"] else "\n".join(_table(scored)))
        if not scored.whole.pairs:
            raise CommandError("No score names a pair of this snapshot.")


@contextmanager
def _folder(slug: str | None, named: str) -> Iterator[Path]:
    if Path(named).is_dir():
        yield Path(named)
        return
    if slug is None:
        raise CommandError("Name the project of the snapshot: --project SLUG.")
    ready = Snapshot.objects.filter(project__slug=slug, status=Snapshot.Status.READY).order_by("-version")
    found = (
        ready.first() if named == "latest" else ready.filter(version=int(named)).first() if named.isdecimal() else None
    )
    if found is None:
        raise CommandError(f"There is no ready version “{named}” in a project “{slug}”.")
    if hasattr(found, "removal"):
        raise CommandError(f"The files of version {found.version} were removed.")
    try:
        with at_hand(found, *pair_files(found)) as folder:
            yield folder
    except StorageError as error:
        raise CommandError(str(error)) from None


def _read_scores(path: Path) -> dict[str, tuple[float, float]]:
    scores: dict[str, tuple[float, float]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    pair, both = _read_line(line, f"{path}:{number}")
                    if scores.setdefault(pair, both) != both:
                        raise CommandError(f"{path}:{number}: another line gives {pair} other scores")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None
    return scores


def _read_line(line: str, where: str) -> tuple[str, tuple[float, float]]:
    try:
        record = json.loads(line)
        pair, chosen, rejected = record["id"], record["chosen"], record["rejected"]
    except (ValueError, TypeError, KeyError):
        raise CommandError(f'{where}: must be {{"id": TEXT, "chosen": NUMBER, "rejected": NUMBER}}') from None
    if not isinstance(pair, str) or not all(map(_is_score, (chosen, rejected))):
        raise CommandError(f"{where}: the id must be a text and both scores finite numbers")
    return pair, (float(chosen), float(rejected))


def _is_score(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        return False


def _table(scored: Scored) -> list[str]:
    rows = [*scored.subsets.items(), ("all pairs", scored.whole)]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {_told(accuracy)}" for name, accuracy in rows]
    if scored.mean is not None and len(scored.subsets) > 1:
        lines.append(f"{'mean of subsets':<{width}}  {scored.mean:.1%}")
    return [*lines, f"{scored.missing} pairs without scores; {scored.unknown} scores without a pair"]


def _told(accuracy: Accuracy) -> str:
    if accuracy.accuracy is None or accuracy.low is None or accuracy.high is None:
        return "–"
    return f"{accuracy.accuracy:6.1%}  [{accuracy.low:.1%}, {accuracy.high:.1%}]  of {accuracy.pairs}"
