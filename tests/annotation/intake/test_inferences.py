"""Accepting inferences: stored to the byte, each once, with event and comparisons."""

from __future__ import annotations

import copy
import json

import pytest
from django.db import IntegrityError, connection

from annotation import canonical, facts, projects
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Candidate, Comparison, Event, Prompt
from tests import world
from tests.annotation.intake.records import NOW, inference

pytestmark = pytest.mark.django_db


def accept(project, *values, rule=None):
    checked = [check_inference(project, value, now=NOW) for value in values]
    return accept_inferences(project, checked, actor="test", rule=rule)


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def test_a_record_is_stored_as_it_came():
    project = world.project()
    prompt = [{"role": "user", "content": "\r\nWhat? \u2028\x85\x01 مرحبا e\u0301 👩‍👩‍👧 \ufeff"}]
    value = inference(
        prompt=prompt, tools=[{"b": 1, "a": [0.1, 1e300, 5e-324]}], metadata={"k": [None, True, 2**60]},
        occurred_at="2026-05-01T10:00:00+02:00",
    )  # fmt: skip
    value["outputs"][0] |= {"content": "", "parameters": {"temperature": 0.7}, "metadata": {"n": 1}}
    value["outputs"][0]["generated_at"] = "2026-05-01T08:00:01Z"
    outcome = accept(project, value)[0]
    stored = Prompt.objects.get(project=project)
    assert (stored.request_id, stored.content, stored.metadata) == ("r1", prompt, value["metadata"])
    # The database keeps a number, not the way it was written.
    assert canonical.digest(stored.tools) == canonical.digest(value["tools"])
    assert stored.occurred_at.isoformat() == "2026-05-01T08:00:00+00:00"
    assert stored.digest == canonical.prompt_digest(prompt)
    assert stored.record_digest == canonical.digest(value)
    first, second = stored.candidates.order_by("index")
    assert (first.output_id, first.content, first.model, first.parameters, first.metadata) == (
        *("r1-a", "", {"name": "aurora", "version": "1"}, {"temperature": 0.7}, {"n": 1}),
    )
    assert (first.model_name, first.model_version, second.model_version) == ("aurora", "1", "")
    assert [(output.output_id, output.digest) for output in outcome.outputs] == [
        ("r1-a", canonical.output_digest("")),
        ("r1-b", canonical.output_digest("Another.")),
    ]


def test_the_event_commits_to_every_field_and_shows_no_text():
    project = world.project()
    accept(project, inference(metadata={"user": "u-9"}))
    event = Event.objects.get(project=project, kind="inference.logged")
    assert (event.actor, event.subject) == ("test", "inference:r1")
    stored = Prompt.objects.get(project=project)
    assert stored.event == event
    fields = [field for field in facts.prompt_fact.__annotations__ if field != "return"]
    committed = facts.prompt_fact(**{field: getattr(stored, field) for field in fields})
    assert event.payload["commitment"] == canonical.commitment(stored.salt, committed)
    fields = [field for field in facts.candidate_fact.__annotations__ if field != "return"]
    assert event.payload["outputs"] == [
        {
            "output_id": candidate.output_id,
            "commitment": canonical.commitment(
                candidate.salt, facts.candidate_fact(**{field: getattr(candidate, field) for field in fields})
            ),
        }
        for candidate in stored.candidates.order_by("index")
    ]
    shown = json.dumps(event.payload)
    assert not any(text in shown for text in ("What is", "One thing", "u-9", "aurora", stored.digest))


def test_the_same_record_again_is_a_duplicate_with_the_same_answer():
    project = world.project()
    value = inference()
    del value["outputs"][0]["output_id"], value["outputs"][1]["output_id"]
    first = accept(project, value)[0]
    # The order of members and the way a number is written are not part of what was said.
    again = accept(project, json.loads(json.dumps(dict(reversed(list(value.items()))))))[0]
    assert (first.result, again.result) == ("created", "duplicate")
    assert first.outputs == again.outputs
    assert len({output.output_id for output in first.outputs}) == 2
    assert Prompt.objects.count() == 1
    assert Event.objects.filter(kind="inference.logged").count() == 1


def test_another_record_under_the_same_id_is_a_conflict_and_changes_nothing():
    project = world.project()
    accept(project, inference())
    outcome = accept(project, inference(prompt="Something else."))[0]
    assert (outcome.id, outcome.result, outcome.problems[0].detail) == (
        *("r1", "conflict", "another record has this id already"),
    )
    assert Prompt.objects.get().content == "What is r1?"


def test_records_of_one_batch_are_compared_with_each_other():
    project = world.project()
    same, other = inference("r1"), inference("r1", prompt="other")
    assert results(accept(project, same, copy.deepcopy(same), other, inference("r2"))) == [
        *("created", "duplicate", "conflict", "created"),
    ]
    assert Prompt.objects.count() == 2


def test_an_output_id_belongs_to_one_request():
    project = world.project()
    accept(project, inference("r1"))
    thief, late = inference("r2"), inference("r3")
    thief["outputs"][1]["output_id"] = "r1-a"
    late["outputs"][0]["output_id"] = "r4-a"
    outcomes = accept(project, thief, inference("r4"), late)
    assert results(outcomes) == ["refused", "created", "refused"]
    assert [outcome.problems[0].pointer for outcome in (outcomes[0], outcomes[2])] == [
        *("/outputs/1/output_id", "/outputs/0/output_id"),
    ]
    assert not Prompt.objects.filter(request_id__in=["r2", "r3"]).exists()


def test_ids_of_one_project_are_free_in_another():
    assert results(accept(world.project("one"), inference())) == ["created"]
    assert results(accept(world.project("two"), inference(prompt="other"))) == ["created"]


def test_a_refused_record_does_not_keep_the_others():
    project = world.project()
    outcomes = accept(project, inference("r1"), {"request_id": "r2"}, [], inference("r3"))
    assert results(outcomes) == ["created", "refused", "refused", "created"]
    assert [outcome.id for outcome in outcomes] == ["r1", "r2", None, "r3"]
    assert {problem.pointer for problem in outcomes[1].problems} == {"/prompt", "/outputs"}


def test_an_empty_batch_is_nothing():
    project = world.project()
    before = Event.objects.count()
    assert accept(project) == []
    assert Event.objects.count() == before


def test_comparisons_are_made_by_the_rule_of_the_project():
    project = world.project(overlap=3)
    three = inference(outputs=[{"content": text} for text in "xyz"])
    assert accept(project, three, inference("r2", outputs=[{"content": "alone"}]))[0].comparisons == 1
    made = Comparison.objects.get()
    assert (made.prompt.request_id, made.overlap, made.taken) == ("r1", 3, 0)


def test_a_rule_of_its_own_goes_before_that_of_the_project():
    project = world.project()
    four = [{"content": text} for text in "wxyz"]
    assert accept(project, inference("r1", outputs=four), rule="all_pairs")[0].comparisons == 6
    assert accept(project, inference("r2", outputs=four), rule="none")[0].comparisons == 0


def test_settings_that_changed_meanwhile_hold():
    project = world.project()
    changed = type(project).objects.get(pk=project.pk)
    projects.change_project(changed, {"overlap": 5, "pairing": "all_pairs"}, actor="lena")
    accept(project, inference(outputs=[{"content": text} for text in "xyz"]))
    assert list(Comparison.objects.values_list("overlap", flat=True)) == [5, 5, 5]


def test_queries_do_not_grow_with_the_batch(django_assert_max_num_queries):
    project = world.project()
    accept(project, inference("warm"))
    with django_assert_max_num_queries(25):
        accept(project, *(inference(f"n{index}") for index in range(50)))


def test_a_failing_batch_leaves_nothing(monkeypatch):
    project = world.project()
    monkeypatch.setattr("annotation.pairing.making.create", fail)
    with pytest.raises(IntegrityError):
        accept(project, inference())
    assert not Prompt.objects.exists()
    assert not Candidate.objects.exists()
    assert not Event.objects.filter(kind="inference.logged").exists()
    assert connection.in_atomic_block


def fail(*_args, **_kwargs):
    raise IntegrityError("the disk is full")
