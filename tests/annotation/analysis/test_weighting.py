"""Win rates weighted by the chance that each pair was asked about."""

from __future__ import annotations

import numpy as np
import pytest

from annotation.analysis import bradley_terry as bt
from annotation.analysis import informative, weighting

FIRST, SECOND = np.triu_indices(5, 1)


def judge(planted, judgments, seed):
    """Judgments on pairs that are chosen by what they teach, as they come: models, scores, chances."""
    rng = np.random.default_rng(seed)
    truth, wins = bt.chances(planted), np.zeros((5, 5))
    taken = []
    while len(taken) < judgments:
        share = informative.shares(informative.gains(bt.fit(wins), wins + wins.T)[FIRST, SECOND])
        for _ in range(20):
            (at,) = np.flatnonzero(informative.draw(share, rng.random())[0])
            one, other = FIRST[at], SECOND[at]
            score = float(rng.random() < truth[one, other])
            wins[one, other] += score
            wins[other, one] += 1 - score
            taken.append((one, other, score, share[at]))
    first, second, scores, chances = zip(*taken, strict=True)
    return np.array(first), np.array(second), np.array(scores), np.array(chances)


def test_weighted_by_the_chance_rates_are_unbiased_where_counted_ones_are_not():
    """Asked about mostly with its equals, the best model looks worse than it is; by 1 / chance it does not."""
    planted = np.array([1.6, 1.2, 0.0, -1.2, -1.6])
    truth = bt.chances(planted)
    best = truth[0, 1:].mean()
    projects = [judge(planted, 300, seed) for seed in range(60)]
    weighted = [weighting.weigh(*project, models=5) for project in projects]
    counted = [weighting.weigh(*project[:3], np.ones(300), models=5) for project in projects]

    # A judgment stands for 1 / chance draws, and there are ten pairs: this has no bias at all.
    totals = np.mean([one.wins for one in weighted], axis=0) / 300
    errors = np.std([one.wins / 300 for one in weighted], axis=0) / np.sqrt(60)
    off = ~np.eye(5, dtype=bool)
    assert (np.abs(totals - truth)[off] < 3.9 * errors[off]).all()

    overall = np.array([one.overall()[0] for one in weighted])
    assert abs(overall.mean() - best) < 3 * overall.std() / np.sqrt(60) + 0.005
    assert np.mean([one.overall()[0] for one in counted]) < best - 0.04


def test_ratings_of_weighted_wins_are_the_planted_ones():
    planted = np.array([1.0, 0.4, 0.0, -0.4, -1.0])
    strengths = np.array(
        [bt.fit(weighting.weigh(*judge(planted, 400, seed), models=5).wins / 10) for seed in range(30)]
    )
    centred = strengths - strengths.mean(axis=1, keepdims=True)
    assert centred.mean(axis=0) == pytest.approx(planted, abs=0.12)


def test_a_tie_is_half_a_win_and_what_never_met_has_no_rate():
    weighted = weighting.weigh(
        np.array([0, 0, 1]), np.array([1, 1, 0]), np.array([1, 0.5, 0]), np.array([1, 0.5, 0.25]), models=3
    )
    assert weighted.counts[0, 1] == weighted.counts[1, 0] == 1 + 2 + 4
    assert weighted.wins[0, 1] == 1 + 1 + 4
    assert weighted.rates()[0, 1] == pytest.approx(6 / 7)
    assert np.isnan(weighted.rates()[0, 2])
    assert np.isnan(weighted.overall()[2])


def test_what_could_not_be_drawn_has_no_weight():
    one = np.array([0])
    with pytest.raises(ValueError, match="could not be drawn"):
        weighting.weigh(one, one + 1, np.ones(1), np.zeros(1), models=2)


def test_no_judgments_are_no_error():
    nothing = np.array([], dtype=int)
    assert weighting.weigh(nothing, nothing, np.array([]), np.array([]), models=2).counts.sum() == 0
