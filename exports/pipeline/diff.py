"""Diff: how the selections of two snapshots differ, by their indexes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from exports.models import Snapshot
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.index import CHANGES, NEEDED, compare, read_index
from exports.pipeline.session import Session
from exports.pipeline.stages import database_dsn

Kind = Literal["pair", "judgment"]
IDS_SHOWN = 1_000
STATEMENT_SECONDS = 60
FIRST = """
SELECT id FROM changed WHERE kind = '{kind}' AND change = '{change}' ORDER BY id COLLATE "C" LIMIT {limit}
"""


@dataclass(frozen=True)
class Change:
    """How many rows changed in one way, and the first of their ids."""

    count: int
    ids: list[str]


def kind_of(*snapshots: Snapshot) -> Kind:
    """What these snapshots are compared by unless somebody says otherwise: pairs, if one of them has any."""
    formats = {name for snapshot in snapshots for name in snapshot.recipe["formats"]}
    return "judgment" if all(FORMATS[name].rows is Rows.JUDGMENTS for name in formats) else "pair"


def diff(older: Snapshot, newer: Snapshot, kind: Kind) -> dict[str, Change]:
    """What the newer selection added, changed and removed, of rows of one kind. Both snapshots must be ready."""
    with Session(database_dsn(), statement_seconds=STATEMENT_SECONDS) as session:
        session.load("held", read_index(newer.path))
        counts = compare(session, older.path).get(kind, {})
        return {change: Change(counts.get(change, 0), _first(session, kind, change)) for change in CHANGES}


def _first(session: Session, kind: Kind, change: str) -> list[str]:
    return [row["id"] for row in session.rows(FIRST.format(kind=kind, change=change, limit=IDS_SHOWN))]
