"""Battles of a snapshot: what a leaderboard of its rows counts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotation.analysis.battles import STEPS, Met, Model
from exports.models import Snapshot
from exports.pipeline.formats.format import lists, strings

CONFIG = "battles"
OUTCOMES = ("model_a", "model_b", "tie", "both_bad")
COLUMNS = ["model_a", "model_b", "winner"]
CHOSEN_BY = ["meta_source", "tstamp"]
CONVERSATIONS = ["conversation_a", "conversation_b"]
BATCH_ROWS = 5_000


class Kind(NamedTuple):
    """Battles that are counted together: of two models, with answers that differ in length by so many steps."""

    model_a: str
    model_b: str
    step: int


def battle_files(snapshot: Snapshot) -> list[str]:
    """The files of a snapshot that `meetings` reads; none when it holds no battles in Parquet."""
    files = snapshot.files.filter(path__startswith=f"{CONFIG}/", path__endswith=".parquet")
    return list(files.values_list("path", flat=True))


@dataclass(frozen=True)
class Only:
    """Which battles count: those whose votes are all of that type of source, the last of them since and before."""

    source: str | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def of(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Those of a batch."""
        kept = np.ones(batch.num_rows, bool)
        at = batch["tstamp"].to_numpy(zero_copy_only=False)
        if self.source:
            kept &= np.array(strings(batch, "meta_source")) == self.source
        if self.since:
            kept &= at >= self.since.timestamp()
        if self.until:
            kept &= at < self.until.timestamp()
        return batch.filter(pa.array(kept))


def meetings(folder: Path, files: Sequence[str], only: Only, *, by_length: bool = False) -> list[Met]:
    """How models did against each other in a snapshot's battles; `by_length` in steps of length.

    A model's name and version stand in one string there, which comes as the name.
    """
    outcomes: Counter[tuple[Kind, str]] = Counter()
    columns = [*COLUMNS, *CHOSEN_BY, *(CONVERSATIONS if by_length else [])]
    for batch in map(only.of, _batches(folder, files, columns)):
        longer = _longer(batch) if by_length else np.zeros(batch.num_rows)
        models_a, models_b, winners = (strings(batch, name) for name in COLUMNS)
        kinds = map(Kind, models_a, models_b, np.rint(longer * STEPS).astype(int).tolist())
        outcomes.update(zip(kinds, winners, strict=True))
    named = {kind for kind, _ in outcomes if kind.model_a and kind.model_b}
    return [_met(kind, *(outcomes[kind, outcome] for outcome in OUTCOMES)) for kind in named]


def _met(kind: Kind, wins: int, losses: int, ties: int, both_bad: int) -> Met:
    first, second = Model(kind.model_a, ""), Model(kind.model_b, "")
    return Met(first, second, wins, losses, ties, both_bad, kind.step / STEPS)


def _batches(folder: Path, files: Sequence[str], columns: list[str]) -> Iterator[pa.RecordBatch]:
    for path in files:
        with pq.ParquetFile(folder / path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)


def _longer(batch: pa.RecordBatch) -> NDArray[np.float64]:
    """How much longer a's answer is than b's, (a - b) / (a + b) in characters."""
    a, b = (_answer_lengths(batch, name) for name in CONVERSATIONS)
    result: NDArray[np.float64] = np.divide(a - b, a + b, out=np.zeros(len(a)), where=a + b > 0)
    return result


def _answer_lengths(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """The characters of each conversation behind its last message of a user."""
    conversations = lists(batch, name)
    messages = cast("Any", conversations.flatten())
    characters = pc.fill_null(pc.utf8_length(messages.field("content")), 0).to_numpy(zero_copy_only=False)
    asks = pc.equal(messages.field("role"), pa.scalar("user")).to_numpy(zero_copy_only=False)
    ends = np.cumsum(pc.list_value_length(conversations).to_numpy(zero_copy_only=False))
    # The place behind the last message of a user up to each message; never before the conversation's own start.
    behind = np.maximum.accumulate(np.where(asks, np.arange(1, len(asks) + 1), 0))[ends - 1]
    starts = np.maximum(behind, np.concatenate([[0], ends[:-1]]))
    summed = np.concatenate([[0], np.cumsum(characters)])
    lengths: NDArray[np.float64] = (summed[ends] - summed[starts]).astype(np.float64)
    return lengths
