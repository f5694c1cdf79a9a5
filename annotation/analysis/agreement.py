"""Agreement: how far people who judged the same two outputs said the same.

An item is two outputs that at least two people judged. Its answers are counted, not listed: which output, and how
clearly, by place in SCALE, so that sides do not matter; then that both are bad. Items with equal counts are one row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.bradley_terry import Array

# The strength with which the first output is preferred to the second; an answer without strength is 2, “better”.
SCALE = (-3, -2, -1, 0, 1, 2, 3)
BOTH_BAD = len(SCALE)  # the column after those of SCALE
# Columns of SCALE that are one outcome each, and both bad.
OUTCOMES = ((0, 1, 2), (3,), (4, 5, 6), (BOTH_BAD,))

RESAMPLES = 1_000
PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Agreement:
    """How far people agree; a figure is None where it is not defined, as where all always say the same.

    `percent` is the mean over items of the share of pairs of answers that are equal. `alpha_nominal`, of outcomes, and
    `alpha_ordinal`, of SCALE without answers that both are bad: Krippendorff (2011), “Computing Krippendorff's
    alpha-reliability”. `gwet_ac1`, of the outcomes that occur: Gwet (2008), “Computing inter-rater reliability and its
    variance in the presence of high agreement”. The interval is of alpha_nominal: 95 % by resampling items, always the
    same way.
    """

    items: int = 0
    answers: int = 0
    percent: float | None = None
    alpha_nominal: float | None = None
    alpha_ordinal: float | None = None
    gwet_ac1: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


def agree(answers: NDArray[np.int64], items: NDArray[np.int64]) -> Agreement:
    """The agreement of items: each row of `answers` counts the answers to as many equal items as `items` says."""
    outcomes = np.stack([answers[:, list(columns)].sum(axis=1) for columns in OUTCOMES], axis=1)
    several = outcomes.sum(axis=1) > 1
    outcomes, items, answers = outcomes[several], items[several], answers[several]
    if not len(items):
        return Agreement()
    low, high = _interval(outcomes, items)
    percent = _percent(outcomes, items)
    return Agreement(
        int(items.sum()),
        int((outcomes.sum(axis=1) * items).sum()),
        percent,
        _alpha(_coincidences(outcomes, items), _nominal(len(OUTCOMES))),
        _alpha_ordinal(answers[:, :BOTH_BAD], items),
        _ac1(outcomes, items, percent),
        low,
        high,
    )


def _percent(outcomes: NDArray[np.int64], items: NDArray[np.int64]) -> float:
    total = outcomes.sum(axis=1)
    equal = (outcomes * (outcomes - 1)).sum(axis=1) / (total * (total - 1))
    return float(np.average(equal, weights=items))


def _ac1(outcomes: NDArray[np.int64], items: NDArray[np.int64], percent: float) -> float | None:
    shares = np.average(outcomes / outcomes.sum(axis=1, keepdims=True), axis=0, weights=items)
    used = int((shares > 0).sum())
    if used < 2:
        return None
    by_chance = float((shares * (1 - shares)).sum()) / (used - 1)
    return (percent - by_chance) / (1 - by_chance)


def _coincidences(counts: NDArray[np.int64], items: NDArray[np.int64]) -> Array:
    """How often each two values stand together within items, each item weighing as many as its answers."""
    result: Array = np.tensordot(items.astype(np.float64), _of_item(counts), axes=1)
    return result


def _of_item(counts: NDArray[np.int64]) -> Array:
    """The coincidences of one item of each row."""
    together = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1], dtype=np.int64)
    result: Array = together / (counts.sum(axis=1) - 1)[:, None, None]
    return result


def _alpha(coincidences: Array, distances: Array) -> float | None:
    """Krippendorff's alpha: 1 - observed / expected disagreement; None where no disagreement can be expected."""
    (alpha,) = _alphas(coincidences[None], distances)
    return None if np.isnan(alpha) else float(alpha)


def _alphas(coincidences: Array, distances: Array) -> Array:
    """The same of several matrices; nan in place of None."""
    values = coincidences.sum(axis=2)
    total = values.sum(axis=1)
    observed = (coincidences * distances).sum(axis=(1, 2))
    expected = (values[:, :, None] * values[:, None, :] * distances).sum(axis=(1, 2)) / np.maximum(total - 1, 1)
    result: Array = 1 - np.divide(observed, expected, out=np.full_like(observed, np.nan), where=expected > 0)
    return result


def _nominal(values: int) -> Array:
    return 1 - np.eye(values)


def _alpha_ordinal(counts: NDArray[np.int64], items: NDArray[np.int64]) -> float | None:
    several = counts.sum(axis=1) > 1
    if not several.any():
        return None
    coincidences = _coincidences(counts[several], items[several])
    values = coincidences.sum(axis=1)
    # Between two values lie all answers in between, and half of those at either end.
    middles = np.cumsum(values) - values / 2
    return _alpha(coincidences, (middles[:, None] - middles[None, :]) ** 2)


def _interval(outcomes: NDArray[np.int64], items: NDArray[np.int64]) -> tuple[float | None, float | None]:
    drawn = np.random.default_rng(0).multinomial(items.sum(), items / items.sum(), size=RESAMPLES)
    size = len(OUTCOMES)
    coincidences = (drawn @ _of_item(outcomes).reshape(len(items), size * size)).reshape(RESAMPLES, size, size)
    alphas = _alphas(coincidences, _nominal(size))
    alphas = alphas[~np.isnan(alphas)]
    if not len(alphas):
        return None, None
    low, high = np.percentile(alphas, PERCENTILES)
    return float(low), float(high)
