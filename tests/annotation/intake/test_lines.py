"""Native lines: an inference with the feedback on it."""

from __future__ import annotations

import pytest

from annotation import canonical
from annotation.intake.lines import accept_lines, check_line
from annotation.models import Feedback, Judgment, Prompt
from tests import world
from tests.annotation.intake.records import NOW, inference, preference, score

pytestmark = pytest.mark.django_db


def accept(project, *values):
    lines = [check_line(project, value, now=NOW) for value in values]
    return accept_lines(project, lines, actor="test", now=NOW)


def own(*args, **fields):
    """Feedback that leaves its request_id out."""
    body = preference(*args, **fields)
    del body["request_id"]
    return body


def test_feedback_gets_the_request_id_of_its_line():
    outcome = accept(world.project(), inference(feedback=[own("f1"), score("f2")]))[0]
    assert outcome.inference.result == "created"
    assert [one.result for one in outcome.feedback] == ["created", "created"]
    assert Feedback.objects.get(feedback_id="f1").body == preference("f1")
    assert Feedback.objects.get(feedback_id="f1").record_digest == canonical.digest(preference("f1"))
    assert Judgment.objects.count() == 2


def test_feedback_may_be_null():
    outcome = accept(world.project(), inference(feedback=None))[0]
    assert (outcome.inference.result, outcome.feedback) == ("created", ())


def test_feedback_is_no_part_of_the_inference():
    """A line may come again with more feedback, and its inference alone is the same record."""
    project = world.project()
    accept(project, inference(feedback=[own("f1")]))
    assert Prompt.objects.get().record_digest == canonical.digest(inference())
    outcome = accept(project, inference(feedback=[own("f1"), own("f2")]))[0]
    assert outcome.inference.result == "duplicate"
    assert [one.result for one in outcome.feedback] == ["duplicate", "created"]


def test_bad_feedback_is_told_with_its_place_and_keeps_nothing_else():
    bad = [own("f2", chosen="x"), preference("f3", "r9"), "f4", own("f5", strength=9), own("f6")]
    outcome = accept(world.project(), inference(feedback=[own("f1"), *bad]))[0]
    assert [one.result for one in outcome.feedback] == ["created", *["refused"] * 4, "created"]
    assert [one.problems[0].pointer for one in outcome.feedback[1:5]] == [
        *("/feedback/1/chosen", "/feedback/2/request_id", "/feedback/3", "/feedback/4/strength"),
    ]
    assert Judgment.objects.count() == 2


@pytest.mark.parametrize(
    "spoiled", [{"prompt": None}, {"feedback": {}}, {"feedback": "none"}, {"outputs": []}], ids=str
)
def test_feedback_of_a_refused_inference_is_left_out(spoiled):
    outcome = accept(world.project(), {**inference(feedback=[own("f1")]), **spoiled})[0]
    assert outcome.inference.result == "refused"
    assert outcome.inference.id == "r1"
    assert outcome.feedback == ()
    assert not Feedback.objects.exists()


def test_feedback_of_a_conflicting_inference_is_left_out():
    project = world.project()
    accept(project, inference())
    outcome = accept(project, inference(prompt="other", feedback=[own("f1")]))[0]
    assert outcome.inference.result == "conflict"
    assert outcome.feedback == ()


def test_a_line_that_is_no_object_is_refused():
    assert [one.inference.result for one in accept(world.project(), 5, None, [], "x")] == ["refused"] * 4
