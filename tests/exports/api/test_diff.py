"""Two versions compared over the API."""

from __future__ import annotations

import shutil

import pytest

from tests import world
from tests.api import Caller, pointers, problem
from tests.exports.dataset import ask, built, log_inference, published, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db):
    project = world.project()
    for number in range(3):
        log_inference(project, f"r{number}", "One.", "Two.")
        vote(project, f"r{number}", 0)
    return project


@pytest.fixture
def reader(project):
    return Caller(project, "read")


def test_what_the_newer_one_added_changed_and_removed(project, reader):
    first = built(project)
    before = {row["meta_request_id"]: row["meta_pair_id"] for row in rows(first, "preference")}
    log_inference(project, "new", "One.", "Two.")
    vote(project, "new", 1)
    vote(project, "r0", 0, by="bob")
    vote(project, "r1", 1, by="bob")
    second = built(project, incremental=True)
    (added,) = (row["meta_pair_id"] for row in rows(second, "preference") if row["meta_request_id"] == "new")
    told = {
        "older": 1,
        "newer": 2,
        "kind": "pair",
        "added": {"count": 1, "ids": [added]},
        "changed": {"count": 1, "ids": [before["r0"]]},
        "removed": {"count": 1, "ids": [before["r1"]]},
    }
    assert reader.get("snapshots/2/diff/1/") == reader.get("snapshots/1/diff/2/") == told
    assert reader.get("snapshots/1/diff/latest/", kind="judgment")["added"]["count"] == 3
    nothing = {"count": 0, "ids": []}
    same = reader.get("snapshots/2/diff/2/")
    assert (same["added"], same["changed"], same["removed"]) == (nothing, nothing, nothing)


def test_judgments_are_compared_where_there_is_nothing_else(project, reader):
    built(project, formats=["judgments"])
    vote(project, "r0", 0, by="bob")
    built(project, formats=["judgments"])
    told = reader.get("snapshots/1/diff/2/")
    assert (told["kind"], told["added"]["count"], told["changed"]["count"]) == ("judgment", 1, 0)


def test_a_version_whose_files_are_gone(project, reader):
    shutil.rmtree(built(project).path)
    built(project)
    assert "gone from the disk" in problem(reader("GET", "snapshots/1/diff/2/"), 410)["detail"]


def test_a_comparison_that_takes_too_long_is_broken_off(project, reader, monkeypatch):
    built(project)
    monkeypatch.setattr("exports.pipeline.diff.STATEMENT_SECONDS", 1)
    monkeypatch.setattr("exports.pipeline.index.COUNT", "SELECT pg_sleep(30)")
    assert "broken off" in problem(reader("GET", "snapshots/1/diff/1/"), 503)["detail"]


def test_what_cannot_be_compared(project, reader):
    built(project)
    published(project)  # without an index, as older versions of Prefapp built them
    ask(project)
    problem(reader("GET", "snapshots/1/diff/9/"), 404)
    problem(reader("GET", "snapshots/1/diff/2/"), 409)
    problem(reader("GET", "snapshots/1/diff/3/"), 409)
    assert pointers(reader("GET", "snapshots/1/diff/1/?kind=prompt")) == ["/kind"]
    problem(Caller(project, "ingest")("GET", "snapshots/1/diff/1/"), 403)
    problem(Caller(world.project("other"), "read")("GET", "/api/v1/projects/summaries/snapshots/1/diff/1/"), 404)
