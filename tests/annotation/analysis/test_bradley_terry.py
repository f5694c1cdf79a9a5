"""Bradley–Terry: strengths out of wins, and how well they are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from annotation.analysis import bradley_terry as bt

WINS = st.integers(2, 6).flatmap(
    lambda n: arrays.arrays(float, (n, n), elements=st.integers(0, 200).map(lambda half: half / 2))
).map(lambda wins: wins - np.diag(np.diag(wins)))  # fmt: skip


def test_two_models_have_the_odds_of_their_wins():
    wins = np.array([[0, 3_000.0], [1_000.0, 0]])
    strengths = bt.fit(wins)
    assert strengths[0] - strengths[1] == pytest.approx(np.log(3), abs=0.001)
    assert bt.chances(strengths)[0, 1] == pytest.approx(0.75, abs=0.001)


def test_a_tie_is_half_a_win_of_both():
    decided, tied = np.array([[0, 40.0], [20.0, 0]]), np.array([[0, 20 + 20 / 2], [0 + 20 / 2, 0]])
    assert bt.fit(tied * 2)[0] == pytest.approx(bt.fit(np.array([[0, 60.0], [20.0, 0]]))[0])
    assert bt.fit(decided)[0] < bt.fit(tied * 2)[0]


@given(wins=WINS)
def test_at_the_strengths_expected_wins_are_the_wins_but_for_the_prior(wins):
    strengths, counts = bt.fit(wins), wins + wins.T
    assert np.isfinite(strengths).all()
    expected = (counts * bt.chances(strengths)).sum(axis=1)
    assert wins.sum(axis=1) - expected == pytest.approx(bt.PRIOR_PRECISION * strengths, abs=1e-5)


@given(wins=WINS, order=st.randoms(use_true_random=False))
def test_the_order_of_the_models_does_not_matter(wins, order):
    places = list(range(len(wins)))
    order.shuffle(places)
    assert bt.fit(wins[np.ix_(places, places)]) == pytest.approx(bt.fit(wins)[places], abs=1e-6)


@given(wins=WINS)
def test_a_stack_is_fitted_as_each_of_it(wins):
    stacked = bt.fit(np.stack([wins, wins.T]))
    assert stacked[0] == pytest.approx(bt.fit(wins), abs=1e-6)
    assert stacked[1] == pytest.approx(bt.fit(wins.T), abs=1e-6)


@pytest.mark.parametrize("wins", [np.zeros((3, 3)), np.array([[0, 9.0, 9], [0, 0, 9], [0, 0, 0]])])
def test_nothing_known_and_everything_won_have_estimates(wins):
    strengths = bt.fit(wins)
    assert np.isfinite(strengths).all()
    assert np.isfinite(bt.covariance(strengths, wins + wins.T)).all()


def test_no_models_have_no_strengths():
    assert bt.fit(np.zeros((0, 0))).shape == (0,)


def test_standard_errors_are_those_of_estimates_from_many_samples():
    planted = np.array([-0.8, 0.0, 0.3, 0.5])
    counts = np.full((4, 4), 200.0) - 200 * np.eye(4)
    rng = np.random.default_rng(1)
    upper = np.triu(rng.binomial(200, bt.chances(planted), (2_000, 4, 4)), 1).astype(float)
    estimates = bt.fit(upper + np.triu(counts, 1).T - upper.swapaxes(1, 2))
    centred = estimates - estimates.mean(axis=1, keepdims=True)
    assert bt.standard_errors(bt.covariance(planted, counts)) == pytest.approx(centred.std(axis=0), rel=0.06)
    gaps = (estimates[:, :, None] - estimates[:, None, :]).var(axis=0)
    assert bt.difference_variances(bt.covariance(planted, counts)) == pytest.approx(gaps, rel=0.12, abs=1e-9)
