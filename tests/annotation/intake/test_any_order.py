"""Whatever the order, the repeats, the conflicts and the number of writers: what was taken gives the same judgments."""

from __future__ import annotations

import uuid

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from annotation import projects, verification
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Judgment, Project, WaitingFeedback
from annotation.replay import replay
from tests.annotation.intake.records import (
    NOW,
    edit,
    implicit,
    inference,
    preference,
    ranking,
    rating,
    retraction,
    score,
    tie,
)
from tests.annotation.intake.test_turns import at_once

pytestmark = pytest.mark.django_db(transaction=True)

MALLORY = {"type": "end_user", "id": "mallory"}
RECORDS = [
    inference("r1"),
    inference("r1", metadata={"other": True}),
    inference("r2"),
    preference("f1", "r1"),
    preference("f1", "r1", strength=3),
    tie("f2", "r2"),
    score("f3", "r1"),
    ranking("f4", "r2"),
    rating("f5", "r1"),
    edit("f6", "r2"),
    edit("f10", "r1"),
    implicit("f7", "r1"),
    implicit("f8", "r2", dwell_ms={"r2-a": 1, "r2-b": 60_000}),
    preference("f9", "r1", chosen="r1-x"),
    retraction("x1", "f1"),
    retraction("x2", "f7"),
    retraction("x3", "f5"),
    retraction("x4", "f1"),
    retraction("x5", "f2", source=MALLORY),
]


def put(project, record):
    """Take one record; return the outcome's result."""
    if "outputs" in record:
        return accept_inferences(project, [check_inference(project, record, now=NOW)], actor="test")[0].result
    return accept_feedback(project, [check_feedback(record, now=NOW)], actor="test", now=NOW)[0].result


def new_project():
    rules = {"heuristics": ["copied_over_not", "dwell_ratio"]}
    return projects.create_project(f"p-{uuid.uuid4()}", settings=rules, actor="test")


def judgments(project):
    rows = Judgment.objects.filter(project=project).select_related("feedback__retracted_by", "chosen", "first")
    return sorted(
        (
            row.feedback.body.get("metadata", {}).get("derived_from") or row.feedback.feedback_id,
            row.source_id,
            row.outcome,
            row.first.output_id,
            row.chosen.content if row.chosen else "",
            row.strength or 0,
            not hasattr(row.feedback, "retracted_by"),
        )
        for row in rows
    )


def waiting(project):
    rows = WaitingFeedback.objects.filter(~Q(state="mismatched"), project=project)
    return sorted(rows.values_list("feedback__feedback_id", flat=True))


def place(record):
    """Inferences first, then feedback, then retractions."""
    return ("outputs" not in record, record.get("kind") == "retraction")


def check(project, taken):
    """The project is as if the records that it took had come once, in the best of orders; and its log says so."""
    ideal = new_project()
    for record in sorted(taken, key=place):
        put(ideal, record)
    assert judgments(project) == judgments(ideal)
    assert waiting(project) == waiting(ideal)
    verification.verify(project)
    assert replay(project).differences == []


@given(st.lists(st.sampled_from(RECORDS), min_size=3, max_size=24))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_order_ends_in_the_same_judgments(records):
    project = new_project()
    taken = [record for record in records if put(project, record) == "created"]
    check(project, taken)


@given(st.lists(st.permutations(RECORDS), min_size=3, max_size=3))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_several_writers_at_once_end_in_the_same_judgments(orders):
    slug = new_project().slug

    def write(order):
        project = Project.objects.get(slug=slug)
        return [record for record in order if put(project, record) == "created"]

    taken = at_once(*(lambda order=order: write(order) for order in orders))
    check(Project.objects.get(slug=slug), [record for some in taken for record in some])
