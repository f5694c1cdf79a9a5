"""Dawid and Skene's consensus on votes whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from exports.pipeline.dawid_skene import UNDECIDED, weigh

RIGHT = np.array([0.95, 0.9, 0.55, 0.55, 0.52])
ITEMS = 1500


@pytest.fixture
def votes():
    """Two good judges and three who mostly guess, each on every item."""
    random = np.random.default_rng(7)
    truth = random.integers(0, 2, ITEMS)
    items = np.repeat(np.arange(ITEMS), len(RIGHT))
    judges = np.tile(np.arange(len(RIGHT)), ITEMS)
    says = np.where(random.random(items.size) < RIGHT[judges], truth[items], 1 - truth[items])
    return truth, items, judges, says


def test_good_judges_outweigh_guessers(votes):
    truth, items, judges, says = votes
    majority = np.bincount(items, says) > len(RIGHT) / 2
    assert (weigh(items, judges, says) == truth).mean() > 0.93 > (majority == truth).mean() + 0.05


def test_the_order_of_the_outputs_means_nothing(votes):
    _, items, judges, says = votes
    turned = np.random.default_rng(8).random(ITEMS) < 0.5
    mirrored = weigh(items, judges, np.where(turned[items], 1 - says, says))
    assert (np.where(turned, 1 - mirrored, mirrored) == weigh(items, judges, says)).all()


def test_what_nobody_said_is_no_outcome():
    random = np.random.default_rng(11)
    for _ in range(20):
        votes = random.integers(1, 4, 60)
        items = np.repeat(np.arange(60), votes)
        says, judges = random.integers(0, 4, items.size), random.integers(0, 4, items.size)
        for item, outcome in enumerate(weigh(items, judges, says)):
            assert outcome in {UNDECIDED, *says[items == item]}
            assert votes[item] > 1 or outcome == says[items == item][0]


@pytest.mark.parametrize(("says", "outcome"), [([0, 1], UNDECIDED), ([2], 2), ([3, 3, 0], 3), ([1, 1, 2, 3], 1)])
def test_one_item_of_unknown_judges_goes_by_the_majority(says, outcome):
    items, judges = np.zeros(len(says), np.int64), np.arange(len(says))
    assert weigh(items, judges, np.array(says)).tolist() == [outcome]
