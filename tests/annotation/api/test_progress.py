"""How far a project is."""

from __future__ import annotations

import pytest

from annotation import canonical, judging, log, queue
from annotation.models import Feedback
from tests import world
from tests.api import Caller

pytestmark = pytest.mark.django_db


def test_comparisons_by_state_and_judgments_by_source(db):
    project = world.project(comparisons=5, overlap=2)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    for _ in range(3):
        world.judge_next(alice)
    world.judge_next(bob)
    queue.hold(bob, count=1)
    judging.undo(alice)
    assert Caller(project, "read").get("progress/") == {
        "comparisons": 5,
        "open": 3,
        "leased": 1,
        "done": 1,
        "judgments": {"human": 3},
        "waiting_feedback": 0,
        "surplus": 0,
    }


def test_a_project_without_anything_has_zeros(db):
    told = Caller(world.project(), "read").get("progress/")
    assert told.pop("judgments") == {}
    assert set(told.values()) == {0}


def test_feedback_of_a_request_that_was_not_logged_is_waiting(db):
    project = world.project(comparisons=1)
    world.judge_next(world.annotator(project, "alice"))
    (event,) = log.append(project, [log.NewEvent("feedback.received", "test", "feedback:f1")])
    Feedback.objects.create(
        project=project, event_id=event, feedback_id="f1", request_id="not-yet", kind="preference",
        source_type="end_user", source_id="u", body={}, record_digest=canonical.digest({}), salt="",
    )  # fmt: skip
    assert Caller(project, "read").get("progress/")["waiting_feedback"] == 1
    assert Caller(world.project("other"), "read").get("progress/")["waiting_feedback"] == 0
