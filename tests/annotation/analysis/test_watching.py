"""Annotators who should be talked to, biases that should be looked at, and experiments that are over."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from annotation.analysis.annotators import Work, flags_of
from annotation.analysis.battles import Battles, Met, Model
from annotation.analysis.bias import Period, alerts, leaning
from annotation.analysis.experiments import experiments

SOUND = Work("sound", 100, 15.0, left=45, right=42, longer=50, shorter=37, ties=10, both_bad=3, agreed=60, compared=80)
MONDAY = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("flag", "counts"),
    [
        ("fails_golds", {"golds": 10, "golds_right": 6}),
        ("leans_to_a_side", {"left": 70, "right": 20}),
        ("leans_to_a_side", {"left": 20, "right": 70}),
        ("prefers_longer", {"longer": 85, "shorter": 5}),
        ("fast", {"median_seconds": 1.1}),
        ("mostly_ties", {"ties": 60, "both_bad": 10}),
        ("inconsistent", {"repeats": 10, "repeats_same": 5}),
        ("disagrees", {"agreed": 25, "compared": 80}),
    ],
)
def test_what_is_remarkable_is_flagged_and_nothing_else(flag, counts):
    remarkable = Work(**{**vars(SOUND), **counts})
    assert flags_of([remarkable, *[SOUND] * 5]) == [[flag], *[[]] * 5]


def test_few_judgments_raise_no_flag():
    few = Work("few", 4, 0.5, left=4, longer=4, ties=0, agreed=0, compared=4, golds=2, repeats=3)
    assert flags_of([few, SOUND]) == [[], []]


def test_alone_nobody_disagrees():
    assert flags_of([Work("alone", 50, 20.0, left=25, right=25, agreed=0, compared=50)]) == [[]]


def week(number, left=50, right=50, longer=50, shorter=50):
    return Period(MONDAY + dt.timedelta(weeks=number), 100, left, right, longer, shorter, 50, 50, 10, 5, 5, 12.0)


def test_even_judgments_raise_no_alert():
    assert alerts([week(n) for n in range(8)]) == []
    assert alerts([]) == []
    found = leaning([week(0), week(1, left=60, right=40)], "position")
    assert (found.n, found.rate) == (200, 0.55)


def test_an_alert_tells_since_when_and_how_much():
    (alert,) = alerts([week(0), week(1, left=40, right=60), *[week(n, left=70, right=30) for n in range(2, 6)]])
    assert (alert.bias, alert.since) == ("position", MONDAY + dt.timedelta(weeks=2))
    assert alert.size == pytest.approx(0.2)
    assert alert.p_value < 1e-10


def test_what_has_passed_raises_no_alert():
    assert alerts([week(0, left=80, right=20), week(1, left=80, right=20), week(2, left=48, right=52)]) == []


def test_one_more_vote_does_not_end_what_has_gone_on_for_long():
    alike = [week(n, left=80, right=20) for n in range(10)]
    (alert,) = alerts([*alike, week(10, left=0, right=1)])
    assert alert.since == MONDAY
    assert alerts([*alike, week(10, left=0, right=0)])[0].since == MONDAY


def test_what_turns_is_told_from_where_it_turned():
    before, after = [week(n, left=70, right=30) for n in range(10)], [week(n, left=20, right=80) for n in range(10, 15)]
    (alert,) = alerts([*before, *after])
    assert (alert.since, alert.size) == (MONDAY + dt.timedelta(weeks=10), pytest.approx(-0.3))


def test_since_is_not_before_there_is_anything_to_see():
    nothing = [week(n, left=0, right=0) for n in range(3)]
    (alert,) = alerts([*nothing, week(3, left=85, right=15), week(4, left=90, right=10)])
    assert alert.since == MONDAY + dt.timedelta(weeks=3)


def test_little_at_a_time_adds_up():
    (alert,) = alerts([week(n, left=18 + n % 2, right=12 - n % 2) for n in range(26)])
    assert alert.since <= MONDAY + dt.timedelta(weeks=2)


def test_looking_again_and_again_raises_hardly_any_false_alarm():
    rng = random.Random(4)
    raised = 0
    for _ in range(60):
        weeks = []
        for n in range(52):
            left = sum(rng.random() < 0.5 for _ in range(40))
            weeks.append(week(n, left=left, right=40 - left))
            raised += bool(alerts(weeks))
    assert raised <= 3


def test_a_small_leaning_is_none_however_sure():
    assert alerts([week(n, longer=60, shorter=40) for n in range(50)]) == []


def test_an_experiment_is_over_when_it_is_sure():
    a, b, c = (Model(name, "") for name in "abc")
    found = list(
        experiments(
            Battles.of([Met(a, b, 50, 20, 9, 1), Met(c, b, 3, 2, 0, 0), Met(b, a, 0, 20, 0, 0)], both_bad="tie")
        )
    )
    assert [(one.first.name, one.second.name, one.verdict) for one in found] == [
        ("a", "b", "first"),
        ("b", "c", "undecided"),
    ]
    first, second = found
    assert (first.wins, first.losses, first.ties, first.n) == (70, 20, 10, 100)
    assert first.ci_low > 0.5
    assert second.win_rate == pytest.approx(0.4)
