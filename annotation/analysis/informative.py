"""Which pairs of models teach most about their ratings, and drawing pairs with known probabilities.

The rule of Chiang et al. (2024, Chatbot Arena, eq. 9) asks about a pair in proportion to how much one more judgment
would narrow the standard error of that pair's own win rate. Ratings borrow strength over all pairs, so here it is the
standard errors of the ratings: the expected reduction of their mean and, in small part, of the standard errors of those
differences whose sign is still undecided, which is what an order of models hangs on. In the words of optimal design it
is a weighted A-criterion on the Fisher information of the Bradley–Terry model (Pukelsheim, Optimal Design of
Experiments). tests/benchmarks/pairing.py compares the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.bradley_terry import (
    Array,
    chances,
    covariance,
    diagonal,
    difference_variances,
    laplacian,
)

# What an undecided difference weighs against the mean of all ratings.
UNDECIDED = 0.01
# Gains differ little, so their power is what pairs are drawn by.
SHARPNESS = 4
# The part of the draws that goes to all pairs alike, so that none is ever out of reach.
FLOOR = 0.1
# A plan for many judgments looks again after each of so many parts.
PARTS = 10


def gains(strengths: Array, counts: Array) -> Array:
    """What one more judgment of each two models is expected to teach, after `counts[i, j]` judgments of i and j."""
    chance = chances(strengths)
    known = covariance(strengths, counts)
    variances = difference_variances(known)
    diagonal(variances)[...] = 1
    importance = laplacian(_undecided(strengths, variances))
    diagonal(importance)[...] += 1 / (2 * np.sqrt(diagonal(known)))
    effect = difference_variances(known @ importance @ known)
    information = chance * (1 - chance)
    result: Array = np.maximum(effect, 0) * information / (1 + information * variances)
    return result


def _undecided(strengths: Array, variances: Array) -> Array:
    """How much the standard error of each difference matters: the more, the less clear who is better."""
    gaps = strengths[..., :, None] - strengths[..., None, :]
    weights: Array = np.exp(-(gaps**2) / (2 * variances)) / (2 * np.sqrt(variances))
    diagonal(weights)[...] = 0
    weights *= UNDECIDED * strengths.shape[-1]
    return weights


def shares(worth: Array) -> Array:
    """The share of the draws that each option gets by what it is worth, over the last axis; they add up to 1."""
    count = worth.shape[-1]
    best = worth.max(axis=-1, keepdims=True)
    sharpened = np.divide(worth, best, out=np.ones_like(worth), where=best > 0) ** SHARPNESS
    result: Array = (1 - FLOOR) * sharpened / sharpened.sum(axis=-1, keepdims=True) + FLOOR / count
    return result


def plan(strengths: Array, counts: Array, first: NDArray[np.intp], second: NDArray[np.intp], wanted: float) -> Array:
    """The shares of some pairs of models in `wanted` judgments, each part of which counts on those before."""
    counts, total = counts.copy(), np.zeros(len(first))
    for _ in range(PARTS):
        part = shares(gains(strengths, counts)[first, second]) / PARTS
        np.add.at(counts, (first, second), wanted * part)
        np.add.at(counts, (second, first), wanted * part)
        total += part
    return total


def inclusions(share: Array, sizes: Array, wanted: int) -> Array:
    """The probability with which each single option is drawn when `wanted` of all are.

    Options of one kind share that kind's part of the draws; there are `sizes[kind]` of them. What a kind cannot use
    goes to the others.
    """
    if wanted >= sizes.sum():
        return np.ones(len(share))
    result, full = np.zeros(len(share)), np.zeros(len(share), bool)
    while True:
        left = wanted - sizes[full].sum()
        result = np.where(full, 1.0, left * share / share[~full].sum() / sizes)
        over = ~full & (result >= 1)
        if not over.any():
            return result
        full |= over


def draw(inclusion: Array, start: float) -> tuple[NDArray[np.bool_], float]:
    """Which of a row of options are drawn, each with its own probability, and where the next row starts.

    By systematic sampling: `start` is uniform in [0, 1) and everything follows from it. Of a whole row of rows, as many
    are drawn as the probabilities add up to.
    """
    passed = np.floor(start + np.concatenate([[0.0], np.cumsum(inclusion)]) + ROUNDING)
    end = start + float(inclusion.sum())
    return np.diff(passed) > 0, end - float(passed[-1])


# A sum that should be a whole number may be short of it by that much.
ROUNDING = 1e-9
