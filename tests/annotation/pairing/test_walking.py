"""Comparisons of prompts that are there already: bounded, resumable, never twice."""

from __future__ import annotations

import collections
import threading

import pytest
from django.db import connection

from annotation import erasure
from annotation.models import Comparison, Event
from annotation.pairing import Rule, Terms, informative, tally, walking
from tests import world
from tests.annotation.pairing.prompts import compared, log_prompt
from tests.annotation.pairing.test_tally import vote
from tests.annotation.person import USER, inference, log_inferences
from tests.statements import statements

pytestmark = pytest.mark.django_db

FOUR = ["aurora", "basalt", "coral", "dune"]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", 3)


@pytest.fixture
def project(db):
    made = world.project()
    for number in range(7):
        log_prompt(made, FOUR, f"r{number}")
    return made


def make(project, strategy, *, n=None, models=None, seed=None, priority=0, overlap=None, **bounds):
    rule = Rule.of(project, strategy, n=n, models=models, seed=seed)
    terms = Terms("test", strategy, priority, overlap)
    return list(walking.make(project, rule, terms, **bounds))


def open_next(project, limit, *, seed=None, **bounds):
    rule = Rule.of(project, "informative", seed=seed)
    return list(walking.open_next(project, rule, Terms("test", "informative"), limit=limit, **bounds))


def total(steps):
    return sum(len(step.made) for step in steps)


@pytest.mark.parametrize(
    ("strategy", "parameters", "count"),
    [
        *(("all_pairs", {}, 42), ("random", {"n": 2}, 14), ("round_robin", {}, 28), ("informative", {"n": 1}, 7)),
        ("model_pairs", {"models": ["aurora", "coral", "dune"]}, 21),
    ],
)
def test_each_strategy_goes_over_every_prompt_and_a_second_time_makes_nothing(project, strategy, parameters, count):
    steps = make(project, strategy, **parameters)
    assert total(steps) == Comparison.objects.count() == count
    assert sum(step.prompts for step in steps) == 7
    assert steps[-1].after is None
    events = Event.objects.count()
    assert total(make(project, strategy, **parameters)) == 0
    assert Event.objects.count() == events


@pytest.mark.parametrize("strategy", ["all_pairs", "random", "round_robin", "informative"])
@pytest.mark.parametrize("limit", [1, 4, 5])
def test_a_limit_is_gone_on_from_until_all_is_made(project, strategy, limit):
    made, after, calls = 0, None, 0
    while True:
        steps = make(project, strategy, n=2, limit=limit, after=after)
        assert total(steps) <= limit
        made, after, calls = made + total(steps), steps[-1].after, calls + 1
        if after is None:
            break
    assert made == Comparison.objects.count() == {"all_pairs": 42, "round_robin": 28}.get(strategy, 14)
    assert calls <= 44


def test_only_so_many_prompts_are_looked_at(project):
    steps = make(project, "random", most=3)
    assert [step.prompts for step in steps] == [3]
    assert steps[-1].after is not None


def test_what_is_there_is_left_alone_and_counts_for_what_is_wanted(project):
    make(project, "random", n=1)
    before = set(compared(project))
    make(project, "informative", n=3)
    assert before <= set(compared(project))
    per_prompt = collections.Counter(pair[0][:2] for pair in compared(project))
    assert set(per_prompt.values()) == {3}
    make(project, "all_pairs")
    assert len(set(compared(project))) == len(compared(project)) == 42


@pytest.mark.parametrize("strategy", ["all_pairs", "informative"])
def test_erased_prompts_are_passed_over(project, strategy):
    log_inferences(project, *(inference(f"p{n}") for n in range(4)))
    erasure.erase(project, USER, actor="test")
    make(project, strategy)
    assert not Comparison.objects.filter(prompt__erasure__isnull=False, closed=False).exists()
    open_next(project, 100)
    assert not Comparison.objects.filter(prompt__erasure__isnull=False, closed=False).exists()


def test_terms_hold_for_what_is_made(project):
    make(project, "random", priority=-7, overlap=5)
    assert set(Comparison.objects.values_list("priority", "overlap")) == {(-7, 5)}
    assert Event.objects.filter(kind="comparisons.created").first().payload["strategy"] == "random"


def test_edited_outputs_and_other_projects_are_left_out(project):
    other = world.project("other")
    log_prompt(other, FOUR)
    make(project, "all_pairs")
    assert not Comparison.objects.filter(project=other).exists()
    assert not Comparison.objects.exclude(a__edit_event=None).exists()


def test_statements_do_not_grow_with_the_prompts_of_a_batch(project, monkeypatch):
    counts = []
    for size in (3, 7):
        monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", size)
        with statements() as sent:
            next(walking.make(project, Rule.of(project, "all_pairs", seed=size), Terms("test")))
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_the_next_pairs_are_of_models_of_which_least_is_known():
    project = world.project()
    for number in range(20):
        log_prompt(project, ["aurora", "basalt", "coral"] if number < 16 else ["aurora", "new"], f"r{number}")
    for _ in range(15):
        for one, other in ((0, 1), (1, 2), (2, 0)):
            vote(project, "r0", one, other)
            vote(project, "r0", other, one)
    steps = open_next(project, 6)
    assert total(steps) == 6
    asked = [comparison.outputs[0].output_id.split("-")[0] for step in steps for comparison in step.made]
    assert sum(request in {"r16", "r17", "r18", "r19"} for request in asked) == 4
    assert Comparison.objects.filter(prompt__request_id="r19").get().propensity == 1
    others = set(
        Comparison.objects.exclude(prompt__request_id__in=["r16", "r17", "r18", "r19"]).values_list("propensity")
    )
    assert all(0 < chance < 0.3 for (chance,) in others)


def test_the_next_pairs_are_the_same_with_the_same_state_and_seed(project, monkeypatch):
    rule, terms = Rule.of(project, "informative"), Terms("test", "informative")
    tally.catch_up(project)
    taken = []
    for size in (3, 100):
        monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", size)
        monkeypatch.setattr(walking, "create", lambda *_: None)
        steps = walking.open_next(project, rule, terms, limit=5)
        taken.append([(one.outputs, one.propensity) for step in steps for one in step.made])
    assert taken[0] == taken[1]
    assert len(taken[0]) == 5


def test_each_open_pair_is_drawn_as_often_as_its_chance_says(project, monkeypatch):
    monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", 100)
    monkeypatch.setattr(walking, "create", lambda *_: None)
    often, chances = collections.Counter(), {}
    for seed in range(100):
        for step in open_next(project, 6, seed=seed):
            for one in step.made:
                often[one.outputs] += 1
                chances[one.outputs] = one.propensity
    assert len(often) == 42
    assert set(chances.values()) == {round(6 / 42, 6)}, "of models of which nothing is known all pairs are alike"
    assert min(often.values()) > 100 * 6 / 42 * 0.3


def test_when_less_is_left_than_wanted_all_of_it_is_taken(project):
    assert total(open_next(project, 1_000)) == 42
    assert set(Comparison.objects.values_list("propensity", flat=True)) == {1.0}
    assert total(open_next(project, 1_000)) == 0


def test_the_newest_prompts_come_first_and_the_rest_with_the_next_call(project):
    steps = open_next(project, 100, most=14)
    assert {comparison.request_id for step in steps for comparison in step.made} == {"r6", "r5"}
    after = steps[-1].after
    assert after is not None
    steps = open_next(project, 100, after=after)
    assert {comparison.request_id for step in steps for comparison in step.made} == {f"r{n}" for n in range(5)}
    assert steps[-1].after is None


def test_prompts_without_two_models_have_nothing_to_open():
    project = world.project()
    log_prompt(project, ["aurora"], "r1")
    log_prompt(project, ["aurora", "aurora", ""], "r2")
    assert total(open_next(project, 10)) == 0
    assert total(make(project, "informative")) == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once_make_every_comparison_once(monkeypatch):
    monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", 2)
    project = world.project()
    for number in range(8):
        log_prompt(project, FOUR, f"r{number}")
    failures = []

    def run():
        try:
            make(project, "all_pairs")
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(compared(project))) == len(compared(project)) == 48


def test_a_walk_goes_by_one_state(project, monkeypatch):
    states = []
    monkeypatch.setattr(informative, "current_state", lambda _: states.append(1) or informative.read_state(project))
    make(project, "informative")
    assert len(states) == 1
