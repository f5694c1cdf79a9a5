"""Accepting feedback: joined to its request, each record once, with its judgments and event."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from annotation import canonical
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Event, Feedback, Judgment
from tests import world
from tests.annotation.intake.records import NOW, inference, preference, ranking, score, tie

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    """A project with the inference r1, outputs a, b and c."""
    made = world.project()
    value = inference()
    value["outputs"].append({"output_id": "r1-c", "content": "A third."})
    accept_inferences(made, [check_inference(made, value, now=NOW)], actor="test")
    return made


def accept(project, *values):
    checked = [check_feedback(value, now=NOW) for value in values]
    return accept_feedback(project, checked, actor="test", now=NOW)


def results(outcomes):
    return [outcome.result for outcome in outcomes]


def test_a_preference_becomes_a_judgment(project):
    body = preference(
        presented=["r1-b", "r1-a"], strength=2, criteria={"tone": {"outcome": "tie"}}, confidence=0.5,
        rationale="Clear.", duration_ms=5400, occurred_at="2026-05-01T10:00:00Z", metadata={"k": 1},
    )  # fmt: skip
    outcome = accept(project, body)[0]
    assert (outcome.id, outcome.result, outcome.judgments) == ("f1", "created", 1)
    judgment = Judgment.objects.get()
    assert (judgment.chosen.output_id, judgment.rejected.output_id) == ("r1-a", "r1-b")
    assert (judgment.left.output_id, judgment.right.output_id) == ("r1-b", "r1-a")
    assert (judgment.outcome, judgment.strength, judgment.confidence) == ("chosen", 2, 0.5)
    assert (judgment.criteria, judgment.duration_ms) == ({"tone": {"outcome": "tie"}}, 5400)
    assert judgment.judged_at == dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC)
    assert (judgment.source_type, judgment.source_id, judgment.source_version) == ("end_user", "u1", "")
    assert (judgment.prompt.request_id, judgment.comparison, judgment.surplus) == ("r1", None, False)
    feedback = judgment.feedback
    assert feedback.body == body
    assert feedback.record_digest == canonical.digest(body)


def test_without_a_time_it_was_judged_now(project):
    accept(project, preference())
    assert Judgment.objects.get().judged_at == NOW


def test_scores_and_rankings_become_a_judgment_for_each_pair(project):
    scores = {"r1-a": 0.9, "r1-b": 0.1, "r1-c": 0.9}
    outcomes = accept(project, score(scores=scores), ranking("f2", ranking=[["r1-c"], ["r1-a"], ["r1-b"]]))
    assert [outcome.judgments for outcome in outcomes] == [3, 3]
    by_score = Judgment.objects.filter(feedback__feedback_id="f1")
    assert sorted(by_score.values_list("outcome", flat=True)) == ["chosen", "chosen", "tie"]
    assert by_score.get(outcome="tie").scores == {"r1-a": 0.9, "r1-c": 0.9}
    assert Judgment.objects.filter(feedback__feedback_id="f2", chosen__output_id="r1-c").count() == 2


def test_the_event_tells_the_judgments_and_no_text(project):
    accept(project, tie(rationale="I cannot say.", principle="Be kind.", metadata={"session": "s-1"}))
    event = Event.objects.get(kind="feedback.recorded")
    feedback = Feedback.objects.get()
    assert event.payload["commitment"] == canonical.commitment(feedback.salt, feedback.body)
    assert event.payload["judgments"][0]["outcome"] == "tie"
    assert not any(text in json.dumps(event.payload) for text in ("cannot", "kind.", "s-1"))


def test_twice_is_once(project):
    body = preference(scores={"r1-a": 1.0, "r1-b": 0})
    assert results(accept(project, body)) == ["created"]
    assert results(accept(project, {**body, "scores": {"r1-b": 0.0, "r1-a": 1}})) == ["duplicate"]
    assert results(accept(project, preference(chosen="r1-b", rejected="r1-a"))) == ["conflict"]
    assert Judgment.objects.get().chosen.output_id == "r1-a"


def test_records_of_one_batch_are_compared_with_each_other(project):
    outcomes = accept(project, preference(), preference(), preference(strength=1), preference("f2"))
    assert results(outcomes) == ["created", "duplicate", "conflict", "created"]
    assert Feedback.objects.count() == 2


def test_a_refused_record_does_not_keep_the_others(project):
    outcomes = accept(
        project,
        preference("f1", rejected="r1-a"),
        preference("f2", chosen="r1-x"),
        preference("f3", digests={"r1-a": "0" * 64}),
        {"feedback_id": "f4"},
        preference("f5"),
    )
    assert results(outcomes) == [*["refused"] * 4, "created"]
    assert [outcome.id for outcome in outcomes] == ["f1", "f2", "f3", "f4", "f5"]
    assert [outcome.problems[0].pointer for outcome in outcomes[:4]] == [
        *("/rejected", "/chosen", "/digests/r1-a", "/kind"),
    ]
    assert Feedback.objects.get().feedback_id == "f5"


def test_digests_of_what_was_shown_are_taken(project):
    digests = {"r1-a": canonical.output_digest("One thing."), "r1-b": canonical.output_digest("Another.")}
    assert results(accept(project, preference(digests=digests))) == ["created"]


def test_requests_and_feedback_of_other_projects_are_not_seen(project):
    other = world.project("other")
    assert [outcome.state for outcome in accept(other, preference())] == ["waiting"]
    assert [outcome.state for outcome in accept(project, preference(strength=1))] == ["joined"]
    accept_inferences(other, [check_inference(other, inference(), now=NOW)], actor="test")
    assert sorted(Judgment.objects.values_list("project__slug", "strength")) == [("other", None), ("summaries", 1)]


def test_queries_do_not_grow_with_the_batch(project, django_assert_max_num_queries):
    with django_assert_max_num_queries(15):
        accept(project, *(preference(f"f{index}") for index in range(50)))
