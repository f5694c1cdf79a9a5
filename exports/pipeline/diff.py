"""Diff: how the selections of two snapshots differ, by their indexes alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import adbc_driver_manager

from exports.models import Snapshot
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.index import CHANGES, NEEDED, compare, read_index
from exports.pipeline.session import Session, StreamBrokenError
from exports.pipeline.stages import database_dsn
from exports.storage import at_hand

Kind = Literal["pair", "judgment"]
IDS_SHOWN = 1_000
STATEMENT_SECONDS = 60
FIRST = """
SELECT id FROM changed WHERE kind = '{kind}' AND change = '{change}' ORDER BY id COLLATE "C" LIMIT {limit}
"""
FILES_GONE = "The files of one of the two versions are gone from the disk, and with them its index."


class DiffTooLongError(Exception):
    """Two selections are too large to be compared while somebody waits."""

    def __init__(self) -> None:
        super().__init__(
            f"The comparison was broken off after {STATEMENT_SECONDS} s: the versions are too large to be compared "
            "while somebody waits. Their index files hold what it needs."
        )


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
    """What the newer selection added, changed and removed, of rows of one kind. Both snapshots must be ready.

    Raises FileNotFoundError when the files of one are gone, and DiffTooLongError.
    """
    with at_hand(newer, *NEEDED) as newer_folder, at_hand(older, *NEEDED) as older_folder:
        began = time.monotonic()
        try:
            with Session(database_dsn(), statement_seconds=STATEMENT_SECONDS) as session:
                session.load("held", read_index(newer_folder))
                counts = compare(session, older_folder).get(kind, {})
                return {change: Change(counts.get(change, 0), _first(session, kind, change)) for change in CHANGES}
        except (adbc_driver_manager.Error, StreamBrokenError):
            if time.monotonic() - began >= STATEMENT_SECONDS:
                raise DiffTooLongError from None
            raise


def _first(session: Session, kind: Kind, change: str) -> list[str]:
    return [row["id"] for row in session.rows(FIRST.format(kind=kind, change=change, limit=IDS_SHOWN))]
