"""Feedback records as they stand: each with what became of it."""

from __future__ import annotations

import pytest

from tests import world
from tests.annotation.intake.records import inference, preference, rating, retraction
from tests.api import Caller, pointers

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    project = world.project()
    sender = Caller(project, "ingest")
    strangers = [preference("f3", "r2", chosen="r2-x"), preference("f4", "r3")]
    sender("POST", "feedback/", [preference("f1"), rating("f2"), *strangers, retraction("x1", "f1")])
    sender("POST", "inferences/", [inference("r1"), inference("r2")])
    return Caller(project, "read")


def test_every_record_says_what_became_of_it(reader):
    told = reader.all("feedback/", limit=2)
    assert [(record["feedback_id"], record["state"]) for record in told] == [
        ("f1", "retracted"), ("f2", "joined"), ("f3", "mismatched"), ("f4", "waiting"), ("x1", "joined"),
    ]  # fmt: skip
    assert told[2]["errors"] == [{"pointer": "/chosen", "detail": "is not an output of this request"}]
    assert told[1]["record"] == rating("f2")


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"state": "waiting"}, ["f4"]),
        ({"state": "mismatched"}, ["f3"]),
        ({"state": "orphaned"}, []),
        ({"state": "retracted"}, ["f1"]),
        ({"state": "joined"}, ["f2", "x1"]),
        ({"kind": "rating"}, ["f2"]),
        ({"source": "human"}, []),
    ],
)
def test_filters(reader, query, ids):
    assert [record["feedback_id"] for record in reader.all("feedback/", **query)] == ids


def test_progress_counts_what_waits(reader):
    told = reader.get("progress/")
    counts = [told[f"{state}_feedback"] for state in ("waiting", "orphaned", "mismatched")]
    assert counts == [1, 0, 1]


def test_an_unknown_state_is_refused(reader):
    assert pointers(reader("GET", "feedback/?state=lost")) == ["/state"]


def test_only_a_manager_takes_back_what_a_signed_in_person_answered():
    project = world.project(comparisons=1)
    world.judge_next(world.annotator(project, "dora"), feedback_id="page-1")
    taking_back = retraction("x1", "page-1", source={"type": "human", "id": "dora"})
    assert pointers(Caller(project, "ingest")("POST", "feedback/", taking_back)) == ["/retracts"]
    manager = Caller(project, "manage")
    assert [one["current"] for one in manager.all("judgments/")] == [True]
    assert manager("POST", "feedback/", taking_back).status_code == 201
    assert manager.all("judgments/") == []
