"""Battles of a snapshot: what a leaderboard of its rows counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotation.analysis.battles import Met, Model
from annotation.votes import STEPS
from exports.models import Snapshot
from exports.pipeline.formats.format import lists

CONFIG = "battles"
COLUMNS = ["model_a", "model_b", "winner"]
CONVERSATIONS = ["conversation_a", "conversation_b"]
OUTCOMES = ("model_a", "model_b", "tie", "both_bad")
BATCH_ROWS = 5_000

# Two models, and a step of difference in length.
Key = tuple[str, str, int]


class NoBattlesError(Exception):
    """The snapshot holds no battles in a file that could be read."""


def battle_files(snapshot: Snapshot) -> list[str]:
    """The files of a snapshot that `meetings` reads. Raises NoBattlesError when there are none."""
    files = snapshot.files.filter(path__startswith=f"{CONFIG}/", path__endswith=".parquet")
    if paths := list(files.values_list("path", flat=True)):
        return paths
    raise NoBattlesError


def meetings(folder: Path, *, by_length: bool = False) -> list[Met]:
    """How models did against each other in the battles of a snapshot's folder; `by_length` in steps of length.

    A model's name and version stand in one string there, which comes as the name.
    """
    counts: defaultdict[Key, dict[str, int]] = defaultdict(lambda: dict.fromkeys(OUTCOMES, 0))
    sums: defaultdict[Key, float] = defaultdict(float)
    for batch in _batches(folder, [*COLUMNS, *(CONVERSATIONS if by_length else [])]):
        longer = _longer(batch) if by_length else np.zeros(batch.num_rows)
        steps = np.rint(longer * STEPS / 2).astype(int).tolist()
        rows = zip(*(batch[name].to_pylist() for name in COLUMNS), steps, longer.tolist(), strict=True)
        for model_a, model_b, winner, step, lead in rows:
            if model_a and model_b:
                counts[model_a, model_b, step][winner] += 1
                sums[model_a, model_b, step] += lead
    return [_met(key, outcomes, sums[key]) for key, outcomes in counts.items()]


def _met(key: Key, outcomes: dict[str, int], longer: float) -> Met:
    model_a, model_b, _ = key
    wins, losses, ties, both_bad = (outcomes[name] for name in OUTCOMES)
    mean = longer / max(wins + losses + ties + both_bad, 1)
    return Met(Model(model_a, ""), Model(model_b, ""), wins, losses, ties, both_bad, mean)


def _batches(folder: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    for path in sorted(folder.glob(f"{CONFIG}/*.parquet")):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)


def _longer(batch: pa.RecordBatch) -> NDArray[np.float64]:
    """How much longer a's answer is than b's, (a - b) / (a + b) in characters."""
    a, b = (_answer_lengths(batch, name) for name in CONVERSATIONS)
    result: NDArray[np.float64] = np.divide(a - b, a + b, out=np.zeros(len(a)), where=a + b > 0)
    return result


def _answer_lengths(batch: pa.RecordBatch, name: str) -> NDArray[np.float64]:
    """The characters of the last message of each conversation."""
    conversations = lists(batch, name)
    messages = cast("Any", conversations.flatten())
    characters = pc.fill_null(pc.utf8_length(messages.field("content")), 0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(pc.list_value_length(conversations).to_numpy(zero_copy_only=False))
    lengths: NDArray[np.float64] = characters[ends - 1].astype(np.float64)
    return lengths
