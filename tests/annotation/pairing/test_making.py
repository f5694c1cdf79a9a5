"""Comparisons as they are made: rows, events, and prompts that arrive."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from annotation import log, pairing, projects, verification
from annotation.models import Comparison, Event
from annotation.pairing import making
from tests import world
from tests.annotation.pairing.prompts import compared, log_prompt

pytestmark = pytest.mark.django_db

FOUR = ["aurora", "basalt", "coral", "dune"]
OF_FOUR = [("random", 1), ("all_pairs", 6), ("round_robin", 4), ("informative", 1), ("none", 0)]


def pair_up(project, *prompts, strategy, **parameters):
    with transaction.atomic():
        rule = pairing.Rule.of(project, strategy, **parameters)
        return pairing.pair_up(project, prompts, rule=rule, actor="test")


def created():
    return list(Event.objects.filter(kind="comparisons.created").order_by("pk").values_list("payload", flat=True))


@pytest.mark.parametrize(("strategy", "count"), OF_FOUR)
@pytest.mark.parametrize("outputs", [1, 2, 4])
def test_prompts_get_their_comparisons_as_they_arrive_by_the_rule_of_the_project(strategy, count, outputs):
    project = world.project(pairing=strategy)
    log_prompt(project, FOUR[:outputs], strategy=None)
    expected = {1: 0, 2: min(count, 1), 4: count}[outputs]
    assert Comparison.objects.count() == len(set(compared(project))) == expected


def test_parameters_of_the_project_hold_as_prompts_arrive():
    project = world.project(pairing="random", pairing_n=3)
    log_prompt(project, FOUR, "r1", strategy=None)
    assert len(compared(project)) == 3
    projects.change_project(project, {"pairing": "model_pairs", "pairing_models": "dune, aurora"}, actor="lena")
    log_prompt(project, FOUR, "r2", strategy=None)
    assert compared(project)[3:] == [("r2-00", "r2-03")]


def test_an_unknown_strategy_and_models_that_are_missing_are_errors():
    project = world.project()
    with pytest.raises(ValueError, match="nonsense"):
        pairing.Rule.of(project, "nonsense")
    for models in (None, [], ["aurora"], ["aurora", "aurora"], [f"m{n}" for n in range(101)]):
        with pytest.raises(pairing.RuleError) as caught:
            pairing.Rule.of(project, "model_pairs", models=models)
        assert caught.value.parameter == "models"


def test_a_comparison_is_of_one_prompt_and_has_the_overlap_of_the_project():
    project = world.project(overlap=3)
    (made,) = pair_up(project, log_prompt(project, FOUR), strategy="random")
    comparison = Comparison.objects.select_related("prompt", "a", "b").get()
    assert comparison.uid == made.uid
    assert comparison.prompt.request_id == made.request_id == "r1"
    assert (comparison.a.output_id, comparison.b.output_id) == tuple(output.output_id for output in made.outputs)
    assert comparison.a_id < comparison.b_id
    assert (comparison.overlap, comparison.taken, comparison.priority) == (3, 0, 0)
    assert 0 <= comparison.shuffle < 2**31


def test_the_chance_stands_in_the_row_and_in_the_event():
    project = world.project()
    (one,) = pair_up(project, log_prompt(project, FOUR, "r1"), strategy="random")
    assert one.propensity == Comparison.objects.get().propensity == pytest.approx(1 / 6)
    pair_up(project, log_prompt(project, FOUR[:2], "r2"), strategy="random")
    drawn, certain = created()
    outputs = [output.output_id for output in one.outputs]
    assert drawn == {
        "comparisons": [{"id": str(one.uid), "outputs": outputs, "propensity": one.propensity}],
        "strategy": "random",
    }
    assert set(certain["comparisons"][0]) == {"id", "outputs"}, "what is certain is not told"
    assert Comparison.objects.last().propensity == 1


@pytest.mark.django_db(transaction=True)
def test_a_chance_that_was_changed_behind_the_log_is_found():
    project = world.project()
    pair_up(project, log_prompt(project, FOUR), strategy="random")
    assert verification.verify(project).position == log.head(project).position
    Comparison.objects.update(propensity=0.5)
    with pytest.raises(verification.BrokenLogError, match="is not the one that was made"):
        verification.verify(project)


def test_places_in_the_random_order_are_stable_and_spread():
    project = world.project()
    for number in range(40):
        pair_up(project, log_prompt(project, FOUR[:2], f"r{number}"), strategy="random")
    shuffles = list(Comparison.objects.order_by("pk").values_list("shuffle", flat=True))
    assert len(set(shuffles)) == 40
    assert shuffles != sorted(shuffles)
    assert 2**29 < sum(shuffles) / 40 < 2**31 - 2**29


def test_many_comparisons_have_several_events(monkeypatch):
    monkeypatch.setattr(making, "COMPARISONS_PER_EVENT", 4)
    project = world.project()
    pair_up(project, log_prompt(project, "abcde"), strategy="all_pairs")
    assert [len(payload["comparisons"]) for payload in created()] == [4, 4, 2]


def test_no_pairs_have_no_event():
    project = world.project()
    pair_up(project, log_prompt(project, ["aurora"]), strategy="all_pairs")
    pair_up(project, strategy="informative")
    assert created() == []


def test_a_pair_is_compared_once():
    project = world.project()
    prompt = log_prompt(project, FOUR[:2])
    pair_up(project, prompt, strategy="all_pairs")
    with pytest.raises(IntegrityError), transaction.atomic():
        pair_up(project, prompt, strategy="random")
    assert Comparison.objects.count() == 1
