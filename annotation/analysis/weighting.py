"""Win rates of models from pairs that were not asked about equally often, weighted by the chance that each was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.bradley_terry import Array


@dataclass(frozen=True)
class Weighted:
    """Judgments by two models, each weighing 1 / propensity: what all pairs together would have given, on average.

    `wins[i, j]` is how often i won against j, a tie being half a win of both; `counts[i, j]` how often they met.
    """

    wins: Array
    counts: Array

    def rates(self) -> Array:
        """How often each model (row) wins against each other (column); nan where they never met."""
        return _ratio(self.wins, self.counts)

    def overall(self) -> Array:
        """How often each model wins when every pair is asked about alike."""
        return _ratio(self.wins.sum(axis=1), self.counts.sum(axis=1))


def weigh(
    first: NDArray[np.intp], second: NDArray[np.intp], scores: Array, propensities: Array, *, models: int
) -> Weighted:
    """Judgments by the numbers of their two models, the first one's score (1, 0, or 0.5) and the pair's propensity."""
    if len(propensities) and propensities.min() <= 0:
        raise ValueError("a pair that could not be drawn has no weight")
    weights = 1 / propensities
    wins, counts = np.zeros((models, models)), np.zeros((models, models))
    np.add.at(wins, (first, second), weights * scores)
    np.add.at(wins, (second, first), weights * (1 - scores))
    np.add.at(counts, (first, second), weights)
    np.add.at(counts, (second, first), weights)
    return Weighted(wins, counts)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.full_like(part, np.nan), where=whole > 0)
