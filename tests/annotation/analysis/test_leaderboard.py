"""The leaderboard: ratings as others compute them, honest intervals, and what cannot be rated."""

from __future__ import annotations

import evalica
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.analysis.battles import MOST_MODELS, Battles, Met, Model
from annotation.analysis.bradley_terry import ELO
from annotation.analysis.leaderboard import EXACT, PROVISIONAL, SHRUNK, rate

WINNERS = {"wins": evalica.Winner.X, "losses": evalica.Winner.Y, "ties": evalica.Winner.Draw}


def model(name):
    return Model(f"m{name}", "1")


def met(first, second, wins=0, losses=0, ties=0, both_bad=0, longer=0.0):
    return Met(model(first), model(second), wins, losses, ties, both_bad, longer)


def board(*meetings, style=False, both_bad="tie"):
    return rate(Battles.of(meetings, both_bad=both_bad), style=style)


def ratings(board):
    return {entry.model.name: entry.rated.rating for entry in board.entries}


# Every two of a few models met, and each won some: so that all ratings are finite.
COUNTS = st.integers(1, 30)


@given(st.lists(st.tuples(COUNTS, COUNTS, st.integers(0, 20)), min_size=10, max_size=10))
def test_ratings_are_those_of_another_implementation(counts):
    pairs = [(i, j) for i in range(5) for j in range(i)]
    meetings = [met(i, j, *found) for (i, j), found in zip(pairs, counts, strict=True)]
    rows = [(one.first.name, one.second.name, winner) for one in meetings for name, winner in WINNERS.items()
            for _ in range(getattr(one, name))]  # fmt: skip
    found = evalica.bradley_terry(*zip(*rows, strict=True), tolerance=1e-13, limit=100_000).scores
    logs = np.log(found)
    theirs = 1000 + ELO * (logs - logs.mean())
    told = board(*meetings)
    assert told.method == EXACT
    assert ratings(told) == pytest.approx(theirs.to_dict(), abs=0.01)
    assert np.mean(list(ratings(told).values())) == pytest.approx(1000)


@given(st.randoms())
def test_nothing_depends_on_the_order_or_on_who_is_first(chance):
    pairs = [(i, j) for i in range(4) for j in range(i)]
    meetings = [met(i, j, *(chance.randint(0, 9) for _ in "wlt"), longer=chance.uniform(-1, 1)) for i, j in pairs]
    turned = [
        Met(one.second, one.first, one.losses, one.wins, one.ties, 0, -one.longer) if chance.random() < 0.5 else one
        for one in meetings
    ]
    chance.shuffle(turned)
    one, other = board(*meetings, style=True), board(*turned, style=True)
    assert ratings(one) == pytest.approx(ratings(other), abs=1e-6)
    assert [entry.wins for entry in one.entries] == [entry.wins for entry in other.entries]


def test_counts_ranks_and_the_order_of_models():
    told = board(met(0, 1, wins=60, losses=20, ties=5), met(1, 2, wins=60, losses=20), met(0, 2, wins=70, losses=10))
    assert [entry.model.name for entry in told.entries] == ["m0", "m1", "m2"]
    first, second, third = told.entries
    assert (first.battles, first.wins, first.losses, first.ties) == (165, 130, 30, 5)
    assert [entry.rated.rank for entry in told.entries] == [1, 2, 3]
    assert (second.rated.rank_low, second.rated.rank_high) == (2, 2)
    assert third.rated.ci_low < third.rated.rating < third.rated.ci_high < second.rated.rating
    assert not any(entry.rated.provisional for entry in told.entries)


def test_what_is_not_sure_may_have_other_ranks():
    told = board(met(0, 1, wins=16, losses=15), met(0, 2, wins=90, losses=10), met(1, 2, wins=90, losses=10))
    ranges = {entry.model.name: (entry.rated.rank_low, entry.rated.rank_high) for entry in told.entries}
    assert ranges == {"m0": (1, 2), "m1": (1, 2), "m2": (3, 3)}


@given(st.lists(st.tuples(COUNTS, COUNTS, st.integers(0, 20)), min_size=10, max_size=10))
def test_errors_are_those_of_the_sandwich_and_ranks_fit_together(counts):
    pairs = [(i, j) for i in range(5) for j in range(i)]
    told = board(*(met(i, j, *found) for (i, j), found in zip(pairs, counts, strict=True)))
    rated = {entry.model.name: entry.rated for entry in told.entries}
    strengths = np.array([(rated[f"m{n}"].rating - 1000) / ELO for n in range(5)])
    bread, meat = np.zeros((5, 5)), np.zeros((5, 5))
    for (i, j), (wins, losses, ties) in zip(pairs, counts, strict=True):
        chance = 1 / (1 + np.exp(strengths[j] - strengths[i]))
        row = np.eye(5)[i] - np.eye(5)[j]
        spread = wins * (1 - chance) ** 2 + losses * chance**2 + ties * (0.5 - chance) ** 2
        bread += (wins + losses + ties) * chance * (1 - chance) * np.outer(row, row)
        meat += spread * np.outer(row, row)
    covariance = np.linalg.pinv(bread) @ meat @ np.linalg.pinv(bread)
    for n in range(5):
        reach = rated[f"m{n}"].ci_high - rated[f"m{n}"].rating
        assert reach == pytest.approx(1.959964 * ELO * np.sqrt(covariance[n, n]), rel=1e-4)
    surely_better = sum(one.rank_low - 1 for one in rated.values())
    assert surely_better == sum(5 - one.rank_high for one in rated.values())


@pytest.mark.parametrize("ties", [0.0, 0.4])
def test_intervals_hold_the_truth_as_often_as_they_say(ties):
    rng = np.random.default_rng(5)
    strengths = np.array([0.8, 0.3, 0.0, -0.4, -0.7])
    truth = 1000 + ELO * strengths
    inside = []
    for _ in range(200):
        meetings = []
        for i in range(5):
            for j in range(i):
                # Win, loss and tie such that the expected score is that of the model.
                win = 1 / (1 + np.exp(strengths[j] - strengths[i]))
                tie = ties * 2 * min(win, 1 - win)
                counts = rng.multinomial(40, [win - tie / 2, 1 - win - tie / 2, tie])
                meetings.append(met(i, j, *map(int, counts)))
        told = {entry.model.name: entry.rated for entry in board(*meetings).entries}
        inside += [told[f"m{n}"].ci_low <= truth[n] <= told[f"m{n}"].ci_high for n in range(5)]
    assert 0.92 < np.mean(inside) < 0.98


def test_models_that_never_met_by_any_way_have_no_common_scale():
    told = board(met(0, 1, wins=3, losses=2), met(1, 2, wins=2, losses=2), met(7, 8, wins=50, losses=40))
    assert not told.connected
    rated = {entry.model.name: entry.rated.rating is not None for entry in told.entries}
    assert rated == {"m0": True, "m1": True, "m2": True, "m7": False, "m8": False}
    assert {entry.rated.rank for entry in told.entries if not rated[entry.model.name]} == {None}


def test_who_won_everything_has_a_finite_rating_with_a_warning():
    told = board(met(0, 1, wins=40), met(1, 2, wins=30, losses=30))
    assert told.method == SHRUNK
    assert told.connected
    best = told.entries[0]
    assert best.model.name == "m0"
    assert 1000 < best.rated.rating < 2500
    assert best.rated.ci_high - best.rated.ci_low > 200
    assert all(entry.rated.provisional for entry in told.entries)


def test_of_ties_alone_nothing_is_sure():
    told = board(met(0, 1, ties=40))
    assert [entry.rated.provisional for entry in told.entries] == [True, True]
    assert told.entries[0].rated.ci_high - told.entries[0].rated.ci_low > 50


def test_few_battles_are_provisional():
    told = board(met(0, 1, wins=40, losses=40), met(0, 2, wins=5, losses=PROVISIONAL - 6))
    assert [entry.model.name for entry in told.entries if entry.rated.provisional] == ["m2"]


def test_both_bad_is_a_tie_or_nothing():
    meetings = met(0, 1, wins=5, losses=3, ties=1, both_bad=4)
    assert [(entry.battles, entry.ties) for entry in board(meetings).entries] == [(13, 5)] * 2
    assert [(entry.battles, entry.ties) for entry in board(meetings, both_bad="drop").entries] == [(9, 1)] * 2


def test_length_is_told_apart_from_strength():
    # Equally strong, but m0 answers at length, and the longer answer wins nine times out of ten.
    meetings = [met(0, 1, wins=90, losses=10, longer=0.5), met(0, 1, wins=10, losses=90, longer=-0.5),
                met(0, 1, wins=270, losses=30, longer=0.5)]  # fmt: skip
    told = board(*meetings, style=True)
    best = told.entries[0]
    assert (best.model.name, best.rated.rank_high) == ("m0", 1)
    assert best.rated.rating > 1080
    assert best.styled.rating == pytest.approx(1000, abs=10)
    assert best.styled.rank_high == 2
    assert told.style.ci_low < 2 * np.log(9) < told.style.ci_high
    assert board(*meetings).style.coefficient is None


@pytest.mark.parametrize(
    "meetings",
    [
        [met(0, 1, wins=50, longer=0.5), met(0, 1, losses=50, longer=-0.5)],  # length says all
        [met(0, 1, wins=60, losses=40, longer=0.5)],  # length is always the same, and so nothing of its own
    ],
)
def test_where_length_cannot_be_told_from_strength_its_interval_is_wide(meetings):
    told = board(*meetings, style=True)
    assert told.style.ci_high - told.style.ci_low > 4
    assert abs(told.style.coefficient) < 15


def test_who_met_in_bad_answers_alone_never_met():
    told = board(met(0, 1, wins=9, losses=8), met(2, 3, both_bad=4), both_bad="drop")
    assert [entry.model.name for entry in told.entries] == ["m0", "m1"]
    assert told.connected


def test_of_very_many_models_those_with_most_battles_are_told():
    often = [met(0, n, wins=3, losses=2) for n in range(1, MOST_MODELS)]
    told = board(*often, *[met(0, n, wins=1, losses=1) for n in range(5_000, 5_100)])
    assert len(told.entries) == MOST_MODELS
    assert {entry.model.name for entry in told.entries} == {f"m{n}" for n in range(MOST_MODELS)}


def test_without_battles_there_is_nothing():
    told = board()
    assert (told.entries, told.connected) == ([], True)
    assert board(met(3, 3, wins=5)).entries == []
