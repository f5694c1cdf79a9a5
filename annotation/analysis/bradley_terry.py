"""Bradley–Terry strengths of models out of who won against whom, and how well they are known.

Arrays in, arrays out; any axes before the last two are a stack of independent sets of models. Strengths are log-odds: a
model beats another with the logistic function of their difference. They have a normal prior around 0, so weak that it
does nothing but keep a model that won or lost everything, or was never asked about, from having no estimate at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A standard deviation of about three: between two strengths of that size one side wins nineteen times out of twenty.
PRIOR_PRECISION = 0.1
ELO = 400 / np.log(10)  # points of the usual scale in one unit of strength

MOST_STEPS = 100
LONGEST_STEP = 2.0
CLOSE = 1e-8


def chances(strengths: Array) -> Array:
    """The chance of each model (row) to win against each other (column)."""
    chance: Array = 0.5 + 0.5 * np.tanh((strengths[..., :, None] - strengths[..., None, :]) / 2)
    return chance


def fit(wins: Array) -> Array:
    """The most probable strengths. `wins[i, j]` is how often i won against j, a tie being half a win of both.

    Counts may be weighted. By Newton's method, with steps held short where it would leap.
    """
    counts = wins + np.swapaxes(wins, -1, -2)
    strengths: Array = np.zeros(wins.shape[:-1])
    for _ in range(MOST_STEPS):
        chance = chances(strengths)
        slope = (wins - counts * chance).sum(axis=-1) - PRIOR_PRECISION * strengths
        step = np.linalg.solve(_information(chance, counts), slope[..., None])[..., 0]
        largest = np.abs(step).max(axis=-1, keepdims=True, initial=CLOSE)
        strengths = strengths + step * np.minimum(1, LONGEST_STEP / largest)
        if largest.max(initial=0) <= CLOSE:
            break
    return strengths


def covariance(strengths: Array, counts: Array) -> Array:
    """How uncertain strengths are after `counts[i, j]` comparisons of i with j: the inverse Fisher information."""
    return np.linalg.inv(_information(chances(strengths), counts)).astype(np.float64, copy=False)


def difference_variances(covariances: Array) -> Array:
    """The variance of the difference of each two strengths."""
    own = diagonal(covariances)
    variances: Array = own[..., :, None] + own[..., None, :] - 2 * covariances
    return variances


def standard_errors(covariances: Array) -> Array:
    """Of each strength against the mean of all, which is what a leaderboard shows."""
    centred = covariances - covariances.mean(axis=-1, keepdims=True)
    centred = centred - centred.mean(axis=-2, keepdims=True)
    errors: Array = np.sqrt(np.maximum(diagonal(centred), 0))
    return errors


def laplacian(weights: Array) -> Array:
    """The matrix whose quadratic form is the sum of `weights[i, j]` times the squared difference of i and j."""
    result = -weights
    diagonal(result)[...] += weights.sum(axis=-1)
    return result


def diagonal(matrix: Array) -> Array:
    """A view of the diagonal."""
    view: Array = np.einsum("...ii->...i", matrix)
    return view


def _information(chance: Array, counts: Array) -> Array:
    result = laplacian(counts * chance * (1 - chance))
    diagonal(result)[...] += PRIOR_PRECISION
    return result
