"""How far a project is."""

from __future__ import annotations

import pytest

from annotation import answers, queue
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
    answers.undo(alice)
    assert Caller(project, "read").get("progress/") == {
        "comparisons": 5,
        "open": 3,
        "leased": 1,
        "done": 1,
        "with_lead": 0,
        "judgments": {"human": 3},
        "orphaned_feedback": 0,
        "mismatched_feedback": 0,
        "waiting_feedback": 0,
        "surplus": 0,
    }


def test_a_project_without_anything_has_zeros(db):
    told = Caller(world.project(), "read").get("progress/")
    assert told.pop("judgments") == {}
    assert set(told.values()) == {0}
