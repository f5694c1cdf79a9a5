"""Estimate: how large a snapshot will be and how long its building takes, before anything is built.

Rows are counted. Bytes are those of a trial: the first rows, written as they will be. Seconds are what earlier builds
took for each judgment; before there were any, what the benchmark's machine takes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from exports.models import Snapshot
from exports.pipeline import readers
from exports.pipeline.configs import Config
from exports.pipeline.formats import FORMATS, Format, Rows
from exports.pipeline.read import JUDGMENTS, read_pairs, size_of
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.session import Session

TRIAL_ROWS = 200
# Of every snapshot: sessions, the plans of the statements, the card.
SECONDS_TO_BEGIN = 0.5
SECONDS_A_JUDGMENT = 60e-6
# How many builds of how many judgments at least are looked back at.
BUILDS, LEAST_JUDGMENTS = 5, 5_000


def estimate(session: Session, recipe: RecipeBody, counts: Mapping[str, Any]) -> dict[str, Any]:
    """Rows and bytes of all data files, and seconds for one worker; after the split stage, on the tables of a session.

    An increment is estimated as a full version: how much of it is new is known only when it is built.
    """
    rows, size = 0, 0.0
    for name in recipe.formats:
        mine = _rows(FORMATS[name], counts)
        tried, written, taken = _trial(session, recipe, FORMATS[name]) if mine else (0, 0, 0)
        if tried:
            rows += round(mine * taken / tried)
            size += mine * written / tried
    judgments = counts["selected"]["judgments"]
    return {
        "rows": rows,
        "bytes": round(size),
        "seconds": round(SECONDS_TO_BEGIN + judgments * _seconds_a_judgment(), 1),
    }


def _rows(format_: Format, counts: Mapping[str, Any]) -> int:
    """How many pairs, rated outputs or judgments a format is given."""
    sampled = counts["sampled"]
    given: dict[Rows, int] = {
        Rows.DECIDED: sampled["decided"],
        Rows.PAIRS: sampled["pairs"],
        Rows.DECIDED_AND_RATED: sampled["decided"] + sampled["rated_outputs"],
        Rows.JUDGMENTS: counts["selected"]["judgments"],
    }
    return given[format_.rows]


def _trial(session: Session, recipe: RecipeBody, format_: Format) -> tuple[int, int, int]:
    """Of the first rows: how many the format was given, the bytes that it wrote, and its rows."""
    if format_.rows is Rows.JUDGMENTS:
        query, table = JUDGMENTS, "audit"
    else:
        query, table = read_pairs([format_]), "picked"
    with tempfile.TemporaryDirectory() as folder:
        config = Config(format_, Path(folder), recipe.file_format, lambda *_: None)
        tried = 0
        with readers.in_order([session], query, range(size_of(session, table).chunks)) as chunks:
            for batch in chain.from_iterable(chunks):
                given = format_.given(batch).slice(0, TRIAL_ROWS - tried)
                tried += given.num_rows
                config.add(given)
                if tried >= TRIAL_ROWS:
                    break
        parts = list(chain.from_iterable(config.end().values()))
    return tried, sum(part.bytes for part in parts), sum(part.rows for part in parts)


def _seconds_a_judgment() -> float:
    """By the newest builds of this installation."""
    built = Snapshot.objects.filter(
        status=Snapshot.Status.READY,
        started_at__isnull=False,
        manifest__counts__selected__judgments__gte=LEAST_JUDGMENTS,
    )
    told = built.order_by("-pk").values_list("started_at", "ended_at", "manifest__counts__selected__judgments")
    taken = [
        ((ended - started).total_seconds(), judgments)
        for started, ended, judgments in told[:BUILDS]
        if started and ended
    ]
    seconds = sum(max(0.0, seconds - SECONDS_TO_BEGIN) for seconds, _ in taken)
    return seconds / sum(judgments for _, judgments in taken) if taken else SECONDS_A_JUDGMENT
