"""Pairing: which pairs of a prompt's outputs become comparisons."""

from __future__ import annotations

import collections

import pytest
from django.db import IntegrityError, transaction

from annotation import pairing
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.judging import Output
from annotation.models import Candidate, Comparison, Event, Prompt
from tests import world
from tests.annotation.intake.records import NOW, inference

pytestmark = pytest.mark.django_db


def answered(project, request_id="r1", outputs=4):
    """A prompt with that many outputs and no comparison."""
    value = inference(
        request_id, outputs=[{"output_id": f"{request_id}-{n}", "content": "same"} for n in range(outputs)]
    )
    accept_inferences(project, [check_inference(project, value, now=NOW)], actor="test", rule="none")
    prompt = Prompt.objects.get(project=project, request_id=request_id)
    candidates = Candidate.objects.filter(prompt=prompt).order_by("index")
    return pairing.Answered(prompt.pk, request_id, [Output.of(candidate) for candidate in candidates])


def pair_up(project, *prompts, rule):
    with transaction.atomic():
        return pairing.pair_up(project, prompts, rule=rule, actor="test")


@pytest.mark.parametrize(
    ("rule", "outputs", "count"),
    [
        *(("random", 1, 0), ("random", 2, 1), ("random", 64, 1)),
        *(("all_pairs", 1, 0), ("all_pairs", 2, 1), ("all_pairs", 4, 6)),
        *(("none", 1, 0), ("none", 4, 0)),
    ],
)
def test_each_rule_makes_its_pairs(rule, outputs, count):
    project = world.project()
    made = pair_up(project, answered(project, outputs=outputs), rule=rule)
    assert len(made) == Comparison.objects.count() == count
    assert len({comparison.outputs for comparison in made}) == count


def test_an_unknown_rule_is_an_error():
    with pytest.raises(ValueError, match="nonsense"):
        pair_up(world.project(), rule="nonsense")


def test_a_comparison_is_of_one_prompt_and_has_the_overlap_of_the_project():
    project = world.project(overlap=3)
    (made,) = pair_up(project, answered(project), rule="random")
    comparison = Comparison.objects.select_related("prompt", "a", "b").get()
    assert comparison.uid == made.uid
    assert comparison.prompt.request_id == made.request_id == "r1"
    assert (comparison.a.output_id, comparison.b.output_id) == tuple(output.output_id for output in made.outputs)
    assert comparison.a_id < comparison.b_id
    assert (comparison.overlap, comparison.taken, comparison.priority) == (3, 0, 0)
    assert 0 <= comparison.shuffle < 2**31


def test_the_random_pair_is_the_same_again_whatever_the_order_of_the_outputs():
    project = world.project()
    prompt = answered(project)
    pick = pairing.RULES["random"]
    backwards = pairing.Answered(prompt.prompt_id, prompt.request_id, prompt.outputs[::-1])
    assert pick(project, prompt) == pick(project, prompt) == pick(project, backwards)


def test_random_pairs_are_spread_over_all_pairs():
    project = world.project()
    outputs = [Output(pk, f"o{pk}") for pk in range(4)]
    picked = collections.Counter(
        pairing.RULES["random"](project, pairing.Answered(1, f"r{n}", outputs))[0] for n in range(600)
    )
    assert len(picked) == 6
    assert min(picked.values()) > 60


def test_places_in_the_random_order_are_stable_and_spread():
    project = world.project()
    for number in range(40):
        pair_up(project, answered(project, f"r{number}", outputs=2), rule="random")
    shuffles = list(Comparison.objects.order_by("pk").values_list("shuffle", flat=True))
    assert len(set(shuffles)) == 40
    assert shuffles != sorted(shuffles)
    assert 2**29 < sum(shuffles) / 40 < 2**31 - 2**29


def test_the_event_names_the_comparisons_and_their_outputs():
    project = world.project()
    (made,) = pair_up(project, answered(project, outputs=2), rule="random")
    event = Event.objects.get(kind="comparisons.created")
    assert (event.actor, event.subject) == ("test", f"project:{project.uid}")
    assert event.payload == {"comparisons": [{"id": str(made.uid), "outputs": ["r1-0", "r1-1"]}]}


def test_many_comparisons_have_several_events(monkeypatch):
    monkeypatch.setattr(pairing, "COMPARISONS_PER_EVENT", 4)
    project = world.project()
    pair_up(project, answered(project, outputs=5), rule="all_pairs")
    events = Event.objects.filter(kind="comparisons.created").order_by("pk")
    assert [len(event.payload["comparisons"]) for event in events] == [4, 4, 2]


def test_no_pairs_have_no_event():
    project = world.project()
    pair_up(project, answered(project, outputs=1), rule="all_pairs")
    assert not Event.objects.filter(kind="comparisons.created").exists()


def test_a_pair_is_asked_about_once():
    project = world.project()
    prompt = answered(project)
    pair_up(project, prompt, rule="all_pairs")
    with pytest.raises(IntegrityError):
        pair_up(project, prompt, rule="random")
