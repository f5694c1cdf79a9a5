"""The informative strategy within a prompt: what it goes by, and what it draws."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.analysis.battles import Model
from annotation.models import Comparison
from annotation.pairing import informative, tally
from annotation.pairing.rules import keys
from tests import world
from tests.annotation.pairing.prompts import compared, log_prompt, prompt, rule
from tests.annotation.pairing.test_tally import vote
from tests.statements import statements

NAMES = st.lists(st.sampled_from(["a", "b", "b 1", "c", "new", "newer", ""]), min_size=1, max_size=9)


def state(counts: dict[tuple[str, str], float], strengths: dict[str, float] | None = None):
    names = sorted({name for pair in counts for name in pair})
    places = {Model(name, ""): place for place, name in enumerate(names)}
    matrix = np.zeros((len(names) + 2, len(names) + 2))
    for (one, other), count in counts.items():
        a, b = names.index(one), names.index(other)
        matrix[a, b] = matrix[b, a] = count
    known = [(strengths or {}).get(name, 0.0) for name in names]
    return informative.State(1, places, np.array([*known, 0, 0]), matrix)


KNOWN = state({("a", "b"): 300, ("a", "c"): 300, ("b", "c"): 30}, {"a": 1.0})


@settings(deadline=None)
@given(models=NAMES, n=st.integers(1, 40), request_id=st.text(min_size=1, max_size=9), data=st.data())
def test_it_takes_n_open_pairs_of_different_models_with_chances(models, n, request_id, data):
    asked = prompt(models, request_id)
    of = dict(zip(asked.outputs, asked.models, strict=True))
    there = [
        keys(pair)
        for pair in itertools.combinations(asked.outputs, 2)
        if of[pair[0]] != of[pair[1]] and of[pair[0]].name and of[pair[1]].name
    ]
    taken = data.draw(st.sets(st.sampled_from(there))) if there else set()
    picks = informative.pick(rule("informative", n=n), KNOWN, asked, taken)
    found = {keys(pick.pair) for pick in picks}
    assert found <= set(there) - taken
    assert len(found) == len(picks) == max(0, min(n, len(there)) - len(taken)) or len(picks) == len(there) - len(taken)
    assert all(0 < pick.propensity <= 1 for pick in picks)
    assert picks == informative.pick(rule("informative", n=n), KNOWN, asked, taken), "the same again"
    backwards = asked._replace(outputs=asked.outputs[::-1], models=asked.models[::-1])
    assert {keys(pick.pair) for pick in informative.pick(rule("informative", n=n), KNOWN, backwards, taken)} == found


@pytest.mark.parametrize("n", [1, 2])
def test_each_pair_is_taken_as_often_as_its_chance_says(n):
    often, chances = collections.Counter(), {}
    for number in range(2_000):
        for pick in informative.pick(rule("informative", n=n), KNOWN, prompt(["a", "b", "c", "new"], f"r{number}"), ()):
            pair = tuple(output.pk for output in pick.pair)
            often[pair] += 1
            chances[pair] = pick.propensity
    assert sum(chances.values()) == pytest.approx(n, abs=0.03)
    for pair, chance in chances.items():
        assert often[pair] / 2_000 == pytest.approx(chance, abs=0.04)


def test_a_model_that_nobody_knows_is_asked_about_first():
    picks = [
        informative.pick(rule("informative"), KNOWN, prompt(["a", "b", "new"], f"r{number}"), ())[0].pair
        for number in range(200)
    ]
    assert sum(3 in (one.pk, other.pk) for one, other in picks) > 180


@pytest.mark.parametrize("models", [["a"], ["a", "a"], ["a 1", "a 1", "a 1"], ["", ""], ["", "a"]])
def test_outputs_that_tell_nothing_of_ratings_are_not_compared(models):
    assert informative.pick(rule("informative", n=3), KNOWN, prompt(models), ()) == []


@pytest.mark.django_db
def test_prompts_go_by_the_counts_as_they_arrive():
    project = world.project(pairing="informative")
    log_prompt(project, ["a", "b"], "known")
    for _ in range(25):
        vote(project, "known", 0, 1)
        vote(project, "known", 1, 0)
    tally.catch_up(project)
    for number in range(40):
        log_prompt(project, ["a", "b", "new"], f"r{number}", strategy=None)
    pairs = collections.Counter(pair for pair in (tuple(o[-2:] for o in pair) for pair in compared(project)))
    assert pairs["00", "01"] < 8
    assert sum(pairs.values()) == 40
    assert set(Comparison.objects.values_list("propensity", flat=True)) != {1.0}


@pytest.mark.django_db
def test_the_state_is_read_once_until_there_is_more_counted():
    project = world.project(pairing="informative")
    log_prompt(project, ["a", "b"], strategy=None)
    tally.catch_up(project)
    first = informative.current_state(project)
    with statements() as sent:
        assert informative.current_state(project) is first
    assert len(sent) == 1
    vote(project, "r1", 0, 1)
    assert informative.current_state(project) is first, "it is not counted yet"
    tally.catch_up(project)
    second = informative.current_state(project)
    assert second.position > first.position
    assert second.strengths[second.places[Model("a", "")]] > 0


@pytest.mark.django_db
def test_what_waits_for_judgment_counts_as_planned_but_not_for_ever():
    project = world.project(overlap=2)
    log_prompt(project, ["a", "b"], strategy="all_pairs")
    tally.catch_up(project)
    known = informative.read_state(project)
    a, b = (known.places[Model(name, "")] for name in "ab")
    assert known.counts[a, b] == known.counts[b, a] == 2
    assert not known.strengths.any()


@pytest.mark.django_db
def test_models_beyond_those_that_are_kept_are_strangers(monkeypatch):
    monkeypatch.setattr(informative, "MOST_MODELS", 2)
    project = world.project()
    log_prompt(project, ["a", "b", "c"])
    vote(project, "r1", 1, 2)
    vote(project, "r1", 1, 2)
    vote(project, "r1", 0, 1)
    tally.catch_up(project)
    known = informative.read_state(project)
    assert set(known.places) == {Model("b", ""), Model("c", "")}
    assert known.gains.shape == (4, 4)
    assert len(informative.pick(rule("informative", n=3), known, prompt("abc"), ())) == 3
