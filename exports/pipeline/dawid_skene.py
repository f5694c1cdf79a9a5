"""Dawid and Skene's consensus: judges are weighed by how well each agrees with the others. Pure: arrays in and out.

Which output of a pair is a and which b means nothing, so a judge takes b for a as often as a for b: the estimate holds
no matter how the outputs are ordered, and each vote counts for both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

OUTCOMES = ("a", "b", "tie", "both_bad")
MIRRORED = np.array([1, 0, 2, 3])  # the outcome when a and b change places
# What is believed of a judge before the first vote counts as so many votes: mostly right, else anything.
PRIOR = np.full((4, 4), 0.25) + np.eye(4)
ROUNDS, ENOUGH = 200, 1e-6
UNDECIDED = -1
# Closer than this, two outcomes are equally likely: the last digits differ between machines.
MARGIN = 1e-4


def weigh(items: Ints, judges: Ints, says: Ints) -> Ints:
    """The most likely of the outcomes that somebody said of each item, or UNDECIDED. One entry a vote, in their order.

    Items, judges and outcomes are numbered from 0, and every item has a vote.
    """
    starts = np.flatnonzero(np.diff(items, prepend=-1))
    answers = judges * 4 + says
    counts = np.add.reduceat(np.eye(4)[says], starts)
    belief = _normal(counts)
    for _ in range(ROUNDS):
        before, log_errors = belief, np.log(_errors(answers, belief[items], int(judges.max()) + 1))
        common = belief.sum(axis=0)
        common += common[MIRRORED] + 1
        likely = np.log(common) + np.add.reduceat(log_errors[answers], starts)
        belief = _as_shares(likely)
        if np.abs(belief - before).max() < ENOUGH:
            break
    # Votes are weighed, not made up: what nobody said of an item is no outcome of it, however bad its judges are.
    said = _as_shares(np.where(counts > 0, likely, -np.inf))
    ranked = np.sort(said, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > MARGIN
    return np.where(clear, said.argmax(axis=1), UNDECIDED)


def _errors(answers: Ints, belief: Floats, judges: int) -> Floats:
    """How likely each judge gives each answer, by what is the case: a row a judge and answer, a column an outcome."""
    counts = np.stack([np.bincount(answers, belief[:, truth], judges * 4) for truth in range(4)], axis=1)
    counted: Floats = counts.reshape(judges, 4, 4).astype(np.float64)
    errors: Floats = counted + counted[:, MIRRORED][:, :, MIRRORED] + PRIOR
    likely: Floats = errors / errors.sum(axis=1, keepdims=True)
    return likely.reshape(judges * 4, 4)


def _as_shares(likely: Floats) -> Floats:
    return _normal(np.exp(likely - likely.max(axis=1, keepdims=True)))


def _normal(weights: Floats) -> Floats:
    normal: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normal
