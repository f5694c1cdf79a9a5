"""The log over the API: dense, complete, and to be checked by whoever reads it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import canonical
from tests import world
from tests.api import Caller, pointers

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    project = world.project(comparisons=5)
    alice = world.annotator(project, "alice")
    while world.judge_next(alice):
        pass
    return project


@pytest.fixture
def program(project):
    return Caller(project, "read")


def test_positions_are_dense_and_the_hashes_can_be_computed_from_what_is_told(project, program):
    hash_ = canonical.genesis(str(project.uid))
    events = program.all("events/", limit=4)
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    for event in events:
        assert set(event) == {"position", "id", "kind", "at", "actor", "subject", "payload", "hash"}
        hash_ = canonical.chain_hash(hash_, {name: value for name, value in event.items() if name != "hash"})
        assert event["hash"] == hash_


def test_after_is_the_position_that_was_read_last(program):
    everything = program.all("events/")
    assert program.get("events/", after=3, limit=2)["results"] == everything[3:5]
    assert program.get("events/", after=len(everything)) == {"next": None, "results": []}
    assert program.get("events/", after=2**63 - 1) == {"next": None, "results": []}


def test_what_was_acknowledged_before_the_call_is_in_it(project, program):
    last = program.all("events/")[-1]["position"]
    Caller(project, "manage")("PATCH", "", {"overlap": 2})
    new = program.get("events/", after=last)["results"]
    assert [event["kind"] for event in new] == ["key.created", "project.changed"]


def test_the_next_url_is_absolute_and_ends_with_the_log(program):
    total = len(program.all("events/"))
    page = program.get("events/", limit=total - 1)
    assert page["next"] == f"http://testserver/api/v1/projects/summaries/events/?limit={total - 1}&after={total - 1}"
    assert program.get(page["next"])["next"] is None
    assert program.get("events/", limit=total)["next"] is None


def test_another_projects_events_are_not_in_it(project):
    other = Caller(world.project("other"), "read")
    assert [event["kind"] for event in other.all("events/")] == ["project.created", "key.created"]


@pytest.mark.parametrize("query", [{"after": "-1"}, {"after": "x"}, {"after": str(2**63)}, {"limit": "0"}])
def test_a_wrong_parameter_is_refused_and_named(program, query):
    assert pointers(program.client.get(program.base + "events/", query)) == ["/" + next(iter(query))]


def test_a_page_takes_the_same_queries_whatever_its_size(program):
    def queries(limit):
        program.get("events/")
        with CaptureQueriesContext(connection) as context:
            assert len(program.get("events/", limit=limit)["results"]) == limit
        return len(context)

    assert queries(2) == queries(10)
