"""Annotators: how each of them judges, and who should be talked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from annotation.analysis import golds
from annotation.analysis.chances import UNLIKELY, equal, even

# A flag needs both: that it could hardly be by chance, and that it matters.
LEAST_JUDGED = 20
LEANING = 0.1  # from a half
LONGER = 0.8
FAST_SECONDS = 2
MOSTLY = 0.6
LEAST_REPEATS, LEAST_SAME = 5, 0.6
APART = 0.15  # below what all others agree with the consensus

Flag = Literal["fails_golds", "leans_to_a_side", "prefers_longer", "fast", "mostly_ties", "inconsistent", "disagrees"]


@dataclass(frozen=True)
class Work:
    """What is counted of one annotator; current plain judgments, except for golds and repeats.

    `left` and `right` won where the sides are known, `longer` and `shorter` where lengths differ. `agreed` of
    `compared` said what more of the others said of the same outputs than anything else, where there was such an answer.
    """

    name: str
    judgments: int = 0
    median_seconds: float | None = None
    left: int = 0
    right: int = 0
    longer: int = 0
    shorter: int = 0
    ties: int = 0
    both_bad: int = 0
    agreed: int = 0
    compared: int = 0
    golds: int = 0
    golds_right: int = 0
    repeats: int = 0
    repeats_same: int = 0

    @property
    def side_p_value(self) -> float:
        """Of the exact test that this annotator chooses either side as often."""
        return even(self.left, self.right)


def flags_of(works: Sequence[Work]) -> list[list[Flag]]:
    """What is remarkable about each annotator; of agreement, against all others together."""
    agreed, compared = sum(work.agreed for work in works), sum(work.compared for work in works)
    return [
        [name for name, raised in _raised(work, agreed - work.agreed, compared - work.compared).items() if raised]
        for work in works
    ]


def _raised(work: Work, others_agreed: int, others_compared: int) -> dict[Flag, bool]:
    much = work.judgments >= LEAST_JUDGED
    return {
        "fails_golds": golds.has_failed(work.golds, work.golds_right),
        "leans_to_a_side": _is_far(max(work.left, work.right), min(work.left, work.right), 0.5 + LEANING),
        "prefers_longer": _is_far(work.longer, work.shorter, LONGER),
        "fast": much and work.median_seconds is not None and work.median_seconds < FAST_SECONDS,
        "mostly_ties": much and (work.ties + work.both_bad) / work.judgments > MOSTLY,
        "inconsistent": work.repeats >= LEAST_REPEATS and work.repeats_same / work.repeats < LEAST_SAME,
        "disagrees": _is_apart(work, others_agreed, others_compared),
    }


def _is_far(some: int, others: int, least: float) -> bool:
    return some >= least * (some + others) > 0 and even(some, others) < UNLIKELY


def _is_apart(work: Work, others_agreed: int, others_compared: int) -> bool:
    if work.compared < LEAST_JUDGED or not others_compared:
        return False
    behind = others_agreed / others_compared - work.agreed / work.compared
    return behind >= APART and equal(work.agreed, work.compared, others_agreed, others_compared) < UNLIKELY
