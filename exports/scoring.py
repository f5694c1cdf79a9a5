"""Scoring: how often a reward model prefers the output that the judges of a snapshot preferred."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from exports.models import Snapshot
from exports.pipeline.formats import FORMATS, Rows

# The pair formats that say the subset of a pair come first.
CONFIGS = ("golden", *(name for name, one in FORMATS.items() if one.rows is Rows.DECIDED and name != "golden"))
WHOLE = "all"
Z = 1.959963984540054  # of the normal distribution, for 95 %
BATCH_ROWS = 10_000


class NothingToScoreError(Exception):
    """The snapshot holds no pairs in a file that could be read."""


@dataclass(frozen=True)
class Accuracy:
    """Of `pairs` scored pairs, the share in which the chosen output has the higher score; equal scores are a half.

    `low` and `high` bound the 95 % interval of Wilson (1927), “Probable inference, the law of succession, and
    statistical inference”; all three are None without pairs.
    """

    pairs: int
    accuracy: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, pairs: int, right: float) -> Accuracy:
        """Of the number of pairs and of right answers among them."""
        if not pairs:
            return cls(0, None, None, None)
        share = right / pairs
        scale = 1 + Z**2 / pairs
        middle = (share + Z**2 / (2 * pairs)) / scale
        reach = Z / scale * math.sqrt(share * (1 - share) / pairs + Z**2 / (4 * pairs**2))
        return cls(pairs, share, max(middle - reach, 0.0), min(middle + reach, 1.0))


@dataclass(frozen=True)
class Scored:
    """The accuracy over all pairs and by subset, the mean over subsets, and what could not be scored."""

    whole: Accuracy
    subsets: dict[str, Accuracy]
    mean: float | None
    missing: int
    unknown: int


def score(folder: Path, scores: Mapping[str, tuple[float, float]]) -> Scored:
    """Score the pairs of a snapshot's folder by the scores of their chosen and rejected outputs, by pair id.

    Pairs without scores are `missing`, scores without a pair
    `unknown`. Raises NothingToScoreError.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    right: defaultdict[str, float] = defaultdict(float)
    missing, seen = 0, 0
    for pair_id, subset in _pairs(folder):
        if pair_id not in scores:
            missing += 1
            continue
        chosen, rejected = scores[pair_id]
        seen += 1
        counts[subset] += 1
        right[subset] += 1.0 if chosen > rejected else 0.5 if chosen == rejected else 0.0
    subsets = {name: Accuracy.of(counts[name], right[name]) for name in sorted(counts)}
    shares = [one.accuracy for one in subsets.values() if one.accuracy is not None]
    whole = Accuracy.of(sum(counts.values()), sum(right.values()))
    return Scored(whole, subsets, sum(shares) / len(shares) if shares else None, missing, len(scores) - seen)


def pair_files(snapshot: Snapshot) -> list[str]:
    """The files of a snapshot that `score` reads. Raises NothingToScoreError when there are none."""
    paths = list(snapshot.files.filter(path__endswith=".parquet").values_list("path", flat=True))
    for config in CONFIGS:
        if mine := [path for path in paths if path.startswith(f"{config}/")]:
            return mine
    raise NothingToScoreError


def _pairs(folder: Path) -> Iterator[tuple[str, str]]:
    """Id and subset of every pair."""
    for config in CONFIGS:
        files = sorted(folder.glob(f"{config}/*.parquet"))
        if not files:
            continue
        for path in files:
            with pq.ParquetFile(path) as file:
                names = ["meta_pair_id", *(["subset"] if "subset" in file.schema_arrow.names else [])]
                for batch in file.iter_batches(BATCH_ROWS, columns=names):
                    ids = batch["meta_pair_id"].to_pylist()
                    subsets = batch["subset"].to_pylist() if len(names) > 1 else [WHOLE] * len(ids)
                    yield from zip(ids, subsets, strict=True)
        return
    raise NothingToScoreError
