"""Preview: what a recipe would give, counts of every stage and some rows, with nothing built."""

from __future__ import annotations

import time
from itertools import chain
from typing import Any

import adbc_driver_manager

from annotation import log
from annotation.models import Project
from exports.pipeline import readers
from exports.pipeline.estimate import estimate
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.read import JUDGMENTS, read_pairs, size_of
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.select import Scope
from exports.pipeline.session import Session, StreamBrokenError
from exports.pipeline.split import split
from exports.pipeline.stages import choose, count_chosen, database_dsn

PREVIEW_ROWS = 10
PREVIEW_SECONDS = 20


class PreviewTooLongError(Exception):
    """The recipe takes longer than somebody waits for a page."""


def preview(project: Project, recipe: RecipeBody) -> dict[str, Any]:
    """The watermark, the counts of each stage, an estimate, and the first rows of the recipe's first format.

    Raises PreviewTooLongError after about PREVIEW_SECONDS.
    """
    ends = time.monotonic() + PREVIEW_SECONDS

    def expect_time_left() -> None:
        if time.monotonic() >= ends:
            raise PreviewTooLongError

    head = log.seal(project)
    try:
        # Each statement has the whole time, and no further one begins when it is over.
        with Session(database_dsn(), statement_seconds=PREVIEW_SECONDS) as session:
            dropped = choose(session, recipe, Scope(project.pk, head.position), lambda _: expect_time_left())
            split(session, audited=any(FORMATS[name].rows is Rows.JUDGMENTS for name in recipe.formats))
            expect_time_left()
            counts = count_chosen(session, dropped)
            expect_time_left()
            return {
                "watermark": head.position,
                "counts": counts,
                "estimate": estimate(session, recipe, counts),
                "format": recipe.formats[0],
                "rows": _first_rows(session, recipe.formats[0]),
            }
    except (adbc_driver_manager.Error, StreamBrokenError):
        expect_time_left()
        raise


def _first_rows(session: Session, name: str) -> list[dict[str, Any]]:
    format_ = FORMATS[name]
    if format_.rows is Rows.JUDGMENTS:
        query, table = JUDGMENTS, "audit"
    else:
        query, table = read_pairs([format_]), "picked"
    rows: list[dict[str, Any]] = []
    with readers.in_order([session], query, range(size_of(session, table).chunks)) as chunks:
        for batch in chain.from_iterable(chunks):
            rows += format_.batch(format_.fitting(batch)[0].slice(0, PREVIEW_ROWS)).to_pylist()
            if len(rows) >= PREVIEW_ROWS:
                break
    return rows[:PREVIEW_ROWS]
