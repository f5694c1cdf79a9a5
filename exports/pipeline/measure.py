"""Measure: what a user of the data should know of it: agreement, leanings to a side or to length, and lengths."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from exports.pipeline.formats.format import lengths, lists
from exports.pipeline.session import Session

SIDES = {"prompt": "prompt", "chosen": "x", "rejected": "y"}
PERCENTILES = (50, 90, 99, 100)
# numeric: its sums do not depend on the order of the rows
AGREEMENT = """
SELECT count(*) AS pairs,
    round(avg(greatest(votes_a, votes_b, votes_tie, votes_both_bad)::numeric / votes), 6)::float8 AS agreement
FROM pool WHERE votes > 1 AND NOT rated
"""
LEFT = """
SELECT count(left_won) AS votes, count(*) FILTER (WHERE left_won) AS left_won FROM vote
"""


def measure_votes(session: Session) -> dict[str, Any]:
    """Agreement of pairs with several votes, and how often the left output was chosen; after the consensus."""
    return {"agreement": session.rows(AGREEMENT)[0], "sides": session.rows(LEFT)[0]}


@dataclass
class Texts:
    """The pairs with a winner that pass by: which answers are longer, and how long everything is (in characters)."""

    _characters: dict[str, list[NDArray[np.int64]]] = field(default_factory=lambda: {side: [] for side in SIDES})
    _labels: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def add(self, pairs: pa.RecordBatch) -> None:
        """Look at a batch of pairs."""
        rated = pairs.filter(pairs["in_rated"])
        good = rated.filter(pc.equal(rated["winner"], pa.scalar("a"))).num_rows
        decided = pairs.filter(pairs["in_decided"])
        self._labels[True] += decided.num_rows + good
        self._labels[False] += decided.num_rows + rated.num_rows - good
        for side, column in SIDES.items():
            self._characters[side].append(_count_characters(decided, f"{column}_texts"))

    def measured(self) -> dict[str, Any]:
        """What was seen; nothing of pairs when there was none."""
        characters = {side: np.concatenate(parts) for side, parts in self._characters.items() if parts}
        labels = {"true": self._labels[True], "false": self._labels[False]}
        if not characters or not characters["chosen"].size:
            return {"labels": labels}
        unequal = characters["chosen"] != characters["rejected"]
        longer = characters["chosen"] > characters["rejected"]
        return {
            "labels": labels,
            "lengths": {"pairs": int(unequal.sum()), "longer_won": int(longer.sum())},
            "characters": {side: _percentiles(counted) for side, counted in characters.items()},
        }


def _count_characters(pairs: pa.RecordBatch, column: str) -> NDArray[np.int64]:
    """The characters of all messages of each row."""
    texts = lists(pairs, column)
    ends = np.cumsum(lengths(texts).to_numpy(zero_copy_only=False), dtype=np.int64)
    characters = pc.utf8_length(cast("pa.StringArray", texts.flatten())).to_numpy(zero_copy_only=False)
    summed = np.concatenate([[0], np.cumsum(characters, dtype=np.int64)])
    return np.diff(summed[ends], prepend=0)


def _percentiles(counted: NDArray[np.int64]) -> dict[str, int]:
    values = np.percentile(counted, PERCENTILES, method="lower")
    return {f"p{percentile}": int(value) for percentile, value in zip(PERCENTILES, values, strict=True)}
