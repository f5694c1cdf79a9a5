"""Measure: what a user of the data should know of it: agreement, leanings to a side or to length, and lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
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

    _lengths: dict[str, Counter[int]] = field(default_factory=lambda: {side: Counter() for side in SIDES})
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, pairs: pa.RecordBatch) -> None:
        """Look at a batch of pairs."""
        rated = pairs.filter(pairs["in_rated"]) if pc.any(pairs["in_rated"]).as_py() else pairs.slice(0, 0)
        good = rated.filter(pc.equal(rated["winner"], pa.scalar("a"))).num_rows
        decided = pairs if pc.all(pairs["in_decided"]).as_py() else pairs.filter(pairs["in_decided"])
        lengths = {side: _count_characters(decided, f"{column}_texts") for side, column in SIDES.items()}
        for side, counted in lengths.items():
            values, times = np.unique(counted, return_counts=True)
            self._lengths[side].update(dict(zip(values.tolist(), times.tolist(), strict=True)))
        self._counts["true"] += decided.num_rows + good
        self._counts["false"] += decided.num_rows + rated.num_rows - good
        self._counts["unequal"] += int((lengths["chosen"] != lengths["rejected"]).sum())
        self._counts["longer"] += int((lengths["chosen"] > lengths["rejected"]).sum())

    def seen(self) -> dict[str, Any]:
        """What was seen, to be added up by `measured`: plain JSON."""
        lengths = {side: sorted(counted.items()) for side, counted in self._lengths.items()}
        return {"counts": dict(self._counts), "lengths": lengths}


def measured(shards: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What all shards saw; nothing of pairs when there was none."""
    counts: Counter[str] = Counter()
    lengths: dict[str, Counter[int]] = {side: Counter() for side in SIDES}
    for seen in shards:
        counts.update(seen["counts"])
        for side, pairs in seen["lengths"].items():
            lengths[side].update(dict(pairs))
    labels = {"true": counts["true"], "false": counts["false"]}
    if not lengths["chosen"]:
        return {"labels": labels}
    return {
        "labels": labels,
        "lengths": {"pairs": counts["unequal"], "longer_won": counts["longer"]},
        "characters": {side: _percentiles(counted) for side, counted in lengths.items()},
    }


def _count_characters(pairs: pa.RecordBatch, column: str) -> NDArray[np.int64]:
    """The characters of all messages of each row."""
    texts = lists(pairs, column)
    ends = np.cumsum(lengths(texts).to_numpy(zero_copy_only=False), dtype=np.int64)
    characters = pc.utf8_length(cast("pa.StringArray", texts.flatten())).to_numpy(zero_copy_only=False)
    summed = np.concatenate([[0], np.cumsum(characters, dtype=np.int64)])
    return np.diff(summed[ends], prepend=0)


def _percentiles(lengths: Counter[int]) -> dict[str, int]:
    """The length that so many in a hundred do not exceed; of those between two, the lower."""
    values = sorted(lengths)
    ends = np.cumsum([lengths[value] for value in values])
    last = int(ends[-1]) - 1
    places = {percentile: last * percentile // 100 for percentile in PERCENTILES}
    return {f"p{name}": values[int(np.searchsorted(ends, place, side="right"))] for name, place in places.items()}
