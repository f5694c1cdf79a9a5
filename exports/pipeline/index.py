"""Index: which rows a selection holds, by id and signature, and how two selections differ.

Every snapshot carries the index of its whole selection, an increment too, so that any later version can be compared
with it. A row is a pair (or rated output) or a judgment; its signature changes with whatever an export tells of it. The
index does not know configs: an id that is added, changed or removed is so in each config that holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.session import Session
from exports.pipeline.write import WrittenFile, write_all

FOLDER = "index"
# What of a snapshot's files a comparison reads.
NEEDED = ("manifest.json", f"{FOLDER}/")
SCHEMA = pa.schema([("id", pa.string()), ("kind", pa.string()), ("signature", pa.string())])
CHANGE_SCHEMA = pa.schema([("id", pa.string()), ("kind", pa.string())])
CHANGES = ("added", "changed", "removed")

# pool_position: where every vote is a pair of its own, a row may also tell of the others on its outputs.
# As text, for JSON takes twice as long to build.
PAIRS = """
SELECT pg_temp.shown(pair_id) AS id, 'pair' AS kind, pg_temp.name(ROW(request_id, in_pairs, in_decided, in_rated,
    winner, votes_a, votes_b, votes_tie, votes_both_bad, agreement, winning, strength_sum, strong, score_a, score_b,
    source, judge, pool_position, extract(epoch FROM judged_at))::text)::text AS signature, pair_id,
    NULL::bigint AS judgment_id
FROM sampled
"""
# A judgment never changes; which pair it is a vote on could, in a later version of this code.
JUDGMENTS = """
SELECT j.uid::text AS id, 'judgment' AS kind, v.pool_id::text AS signature, NULL::uuid AS pair_id, j.id AS judgment_id
FROM vote v JOIN annotation_judgment j ON j.id = v.judgment_id
"""
ALL = 'SELECT id, kind, signature FROM {held} ORDER BY kind COLLATE "C", id COLLATE "C"'

CHANGED = """
SELECT coalesce(h.id, b.id) AS id, coalesce(h.kind, b.kind) AS kind,
    CASE WHEN b.id IS NULL THEN 'added' WHEN h.id IS NULL THEN 'removed' ELSE 'changed' END AS change
FROM held h FULL JOIN before b ON b.id = h.id AND b.kind = h.kind
WHERE h.signature IS DISTINCT FROM b.signature
"""
COUNT = 'SELECT kind, change, count(*) AS rows FROM changed GROUP BY kind, change ORDER BY kind COLLATE "C", change'
SOME = """
SELECT id, kind FROM changed WHERE change = '{change}' ORDER BY kind COLLATE "C", id COLLATE "C"
"""


def hold(session: Session, formats: Sequence[str]) -> None:
    """Make `held`: every row of the selection that one of these formats can tell of; after sampling."""
    session.make("held", _rows(formats))


def _rows(formats: Sequence[str]) -> str:
    kinds = {FORMATS[name].rows is Rows.JUDGMENTS for name in formats}
    return " UNION ALL ".join(query for query, wanted in ((PAIRS, False), (JUDGMENTS, True)) if wanted in kinds)


def compare(session: Session, before: Path | None) -> dict[str, dict[str, int]]:
    """Make `changed`: how `held` differs from the snapshot in a folder (None: from nothing); count what changed."""
    session.load("before", read_index(before) if before else SCHEMA.empty_table().to_reader())
    session.make("changed", CHANGED)
    counts: dict[str, dict[str, int]] = {}
    for row in session.rows(COUNT):
        counts.setdefault(row["kind"], dict.fromkeys(CHANGES, 0))[row["change"]] = row["rows"]
    return counts


def read_index(folder: Path) -> pa.RecordBatchReader:
    """The index of a snapshot, streamed. Raises FileNotFoundError when the folder is gone or incomplete."""
    listed = json.loads((folder / "manifest.json").read_bytes())["files"]
    paths = [folder / file["path"] for file in listed if file["path"].startswith(f"{FOLDER}/")]
    files = [pq.ParquetFile(path) for path in paths]

    def batches() -> Iterator[pa.RecordBatch]:
        for file in files:
            with file:
                yield from file.iter_batches()

    return pa.RecordBatchReader.from_batches(SCHEMA, batches())


def write_index(session: Session, formats: Sequence[str], folder: Path, *, is_held: bool) -> list[WrittenFile]:
    """Write the index of the snapshot: of `held`, where that was made."""
    rows = ALL.format(held="held" if is_held else f"({_rows(formats)}) AS rows")
    return write_all(session.batches(rows), folder, FOLDER, "rows", SCHEMA)


def write_changes(session: Session, folder: Path) -> list[WrittenFile]:
    """Write the ids in `changed`, a file for each kind of change that there is."""
    return [
        file
        for change in CHANGES
        for file in write_all(session.batches(SOME.format(change=change)), folder, "changes", change, CHANGE_SCHEMA)
    ]
