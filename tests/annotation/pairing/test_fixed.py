"""Strategies that go by the prompt and the rule alone."""

from __future__ import annotations

import collections
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.pairing.fixed import STRATEGIES
from annotation.pairing.rules import Strategy, keys
from tests.annotation.pairing.prompts import prompt, rule

COUNTS = st.integers(min_value=1, max_value=64)
REQUESTS = st.text(min_size=1, max_size=20)
MODELS = st.lists(st.sampled_from(["", "a", "a 1", "a 2", "b", "b 1", "c"]), min_size=1, max_size=12)
NAMED = ("a 1", "b", "c")


def take(strategy, asked, **parameters):
    return STRATEGIES[Strategy(strategy)](rule(strategy, models=NAMED, **parameters), asked)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(models=MODELS, request_id=REQUESTS, n=st.integers(1, 100))
def test_every_strategy_takes_different_pairs_of_the_prompt_with_a_chance(strategy, models, request_id, n):
    asked = prompt(models, request_id)
    picks = take(strategy, asked, n=n)
    assert len({keys(pick.pair) for pick in picks}) == len(picks)
    for pick in picks:
        assert set(pick.pair) <= set(asked.outputs)
        assert pick.pair[0] != pick.pair[1]
        assert 0 < pick.propensity <= 1


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(models=MODELS, request_id=REQUESTS, n=st.integers(1, 100))
def test_the_choice_is_the_same_again_whatever_the_order_of_the_outputs(strategy, models, request_id, n):
    asked = prompt(models, request_id)
    backwards = asked._replace(outputs=asked.outputs[::-1], models=asked.models[::-1])
    choices = [{(keys(pick.pair), pick.propensity) for pick in take(strategy, one, n=n)} for one in (asked, backwards)]
    assert choices[0] == choices[1] == {(keys(pick.pair), pick.propensity) for pick in take(strategy, asked, n=n)}


@given(count=COUNTS)
def test_all_pairs_are_all(count):
    assert len(take("all_pairs", prompt("m" * count))) == count * (count - 1) // 2


@given(count=COUNTS, n=st.integers(1, 2_016), request_id=REQUESTS)
def test_random_takes_n_pairs_and_their_chances_add_up_to_that(count, n, request_id):
    picks = take("random", prompt("m" * count, request_id), n=n)
    there = count * (count - 1) // 2
    assert len(picks) == min(n, there)
    assert {pick.propensity for pick in picks} <= {min(1.0, n / there) if there else None}


@given(count=st.integers(2, 20), request_id=REQUESTS)
def test_more_random_pairs_hold_what_fewer_do(count, request_id):
    few, more = (take("random", prompt("m" * count, request_id), n=n) for n in (2, 3))
    assert [pick.pair for pick in more][:2] == [pick.pair for pick in few][:2]


@given(count=COUNTS, request_id=REQUESTS)
def test_in_a_round_robin_every_output_is_in_two_pairs(count, request_id):
    picks = take("round_robin", prompt("m" * count, request_id))
    meetings = collections.Counter(output for pick in picks for output in pick.pair)
    assert len(picks) == {1: 0, 2: 1}.get(count, count)
    if count > 2:
        assert set(meetings.values()) == {2}
        assert sum(pick.propensity for pick in picks) == pytest.approx(count * min(1, 2 / (count - 1)))


@given(request_id=REQUESTS)
def test_a_round_robin_is_one_circle(request_id):
    neighbours = collections.defaultdict(set)
    for one, other in (pick.pair for pick in take("round_robin", prompt("m" * 9, request_id))):
        neighbours[one].add(other)
        neighbours[other].add(one)
    seen, place = [], next(iter(neighbours))
    while place not in seen:
        seen.append(place)
        place = next((other for other in sorted(neighbours[place]) if other not in seen), seen[0])
    assert len(seen) == 9


@pytest.mark.parametrize(("strategy", "parameters"), [("random", {"n": 1}), ("random", {"n": 3}), ("round_robin", {})])
def test_over_many_prompts_models_meet_evenly_and_as_often_as_the_chance_says(strategy, parameters):
    models = "abcdef"
    met, chances = collections.Counter(), set()
    for number in range(1_500):
        asked = prompt(models, f"r{number}")
        of = dict(zip(asked.outputs, models, strict=True))
        for pick in take(strategy, asked, **parameters):
            met[tuple(sorted(of[output] for output in pick.pair))] += 1
            chances.add(pick.propensity)
    (chance,) = chances
    assert set(met) == set(itertools.combinations(models, 2))
    for count in met.values():
        assert count / 1_500 == pytest.approx(chance, abs=0.06)


def test_another_seed_is_another_draw():
    asked = prompt("m" * 12)
    for strategy in ("random", "round_robin"):
        draws = {tuple(sorted(keys(pick.pair) for pick in take(strategy, asked, seed=str(s)))) for s in range(8)}
        assert len(draws) > 4


def test_one_random_pair_a_prompt_is_what_it_always_was():
    """Files that were imported before must not make other pairs when they are imported again."""
    (pick,) = take("random", prompt("m" * 5, "r1"), seed="6f9619ff-8b86-4011-ab2d-00c04fc964ff")
    assert [output.output_id for output in pick.pair] == ["r1-00", "r1-03"]


@pytest.mark.parametrize(
    ("named", "models", "pairs"),
    [
        (["a", "b"], ["a", "b", "c"], {(1, 2)}),
        (["a", "b"], ["a 1", "a 2", "b"], {(1, 3), (2, 3)}),
        (["a 1", "b"], ["a 1", "a 2", "b"], {(1, 3)}),
        (["a 1", "a 2"], ["a 1", "a 2", "a 1", "a"], {(1, 2), (2, 3)}),
        (["a", "a 2"], ["a 1", "a 2", "a 2"], {(1, 2), (1, 3)}),
        (["a", "b", "c"], ["c", "b", "a"], {(1, 2), (1, 3), (2, 3)}),
        (["a", "b"], ["a", "a", ""], set()),
        (["a", "b"], ["b"], set()),
    ],
)
def test_model_pairs_are_between_two_different_ones_of_the_named(named, models, pairs):
    picks = STRATEGIES[Strategy.MODEL_PAIRS](rule("model_pairs", models=named), prompt(models))
    assert {keys(pick.pair) for pick in picks} == pairs
    assert {pick.propensity for pick in picks} <= {1.0}
