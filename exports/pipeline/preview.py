"""Preview: what a recipe would give, counts of every stage and some rows, with nothing built."""

from __future__ import annotations

from typing import Any

from annotation import log
from annotation.models import Project
from exports.pipeline.build import choose, database_dsn
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.read import audited_judgments, picked_pairs
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.select import Scope
from exports.pipeline.session import Session

PREVIEW_ROWS = 10


def preview(project: Project, recipe: RecipeBody) -> dict[str, Any]:
    """The watermark, the counts of each stage, and the first rows of the recipe's first format."""
    head = log.seal(project)
    with Session(database_dsn()) as session:
        counts = choose(session, recipe, Scope(project.pk, head.position), lambda _: None)
        return {
            "watermark": head.position,
            "counts": counts,
            "format": recipe.formats[0],
            "rows": _first_rows(session, recipe.formats[0]),
        }


def _first_rows(session: Session, name: str) -> list[dict[str, Any]]:
    format_ = FORMATS[name]
    if format_.rows is Rows.JUDGMENTS:
        reading = audited_judgments(session)
    else:
        reading = picked_pairs(session, votes=format_.wants_votes)
    rows: list[dict[str, Any]] = []
    for batch in reading.batches(session):
        rows += format_.batch(format_.fitting(batch)[0].slice(0, PREVIEW_ROWS)).to_pylist()
        if len(rows) >= PREVIEW_ROWS:
            break
    return rows[:PREVIEW_ROWS]
