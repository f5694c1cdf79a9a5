"""The log over the API: dense, complete, and to be checked by whoever reads it."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import rfc8785
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from annotation import canonical, log, verification
from annotation.models import Event
from tests import world
from tests.annotation.intake import records
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


@pytest.mark.parametrize("number", [1e308, 10**30, -(2**63), 1e-300])
def test_numbers_of_any_size_check_with_any_writer_of_rfc_8785(project, number):
    program = Caller(project, "ingest", "read")
    record = records.score(request_id="r0", scores={"r0-0": number, "r0-1": 0.5})
    assert program("POST", "feedback/", record).status_code == 201
    events = program.all("events/")
    assert events[-1]["payload"]["judgments"][0]["scores"]["r0-0"] == float(number)
    (told,) = program.all("judgments/", source="reward_model")
    assert json.loads(rfc8785.dumps(told["scores"]), parse_int=float)["r0-0"] == float(number)
    before = canonical.genesis(str(project.uid))
    for event in events:
        entry = rfc8785.dumps({name: value for name, value in event.items() if name != "hash"})
        before = hashlib.sha256(bytes.fromhex(before) + entry).hexdigest()
        assert event["hash"] == before


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


WRITERS = 8
SLOW = 3  # of the writers: each of their transactions is held open over several of the others


@pytest.mark.django_db(transaction=True)
def test_a_reader_sees_every_event_once_while_writers_commit_out_of_order():
    project = world.project("busy")
    reader = Caller(project, "read")
    written: list[list[str]] = [[] for _ in range(WRITERS)]
    fast_commits = threading.Semaphore(0)
    held, overtaken = threading.Event(), threading.Event()
    seen: list[dict[str, Any]] = []

    def write(n: int) -> None:
        try:
            if n >= SLOW:
                held.wait(30)
            for k in range(6 if n < SLOW else 25):
                with transaction.atomic():
                    names = [f"{n}-{k}-{part}" for part in range(1 + k % 3)]
                    log.append(project, [log.NewEvent("written", "test", name) for name in names])
                    if n < SLOW:
                        held.set()
                        if k == 0:
                            overtaken.wait(30)
                        # Its events have their ids; those of the others are committed, sealed and read before.
                        for _ in range(4):
                            fast_commits.acquire(timeout=10)
                        if k == 5:
                            transaction.set_rollback(True)
                            names = []
                written[n] += names
                if n >= SLOW:
                    fast_commits.release()
        finally:
            connections.close_all()

    def is_over() -> bool:
        if any(event["kind"] == "written" for event in seen):
            overtaken.set()
        return not any(thread.is_alive() for thread in threads)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    read_on(reader, seen, until=is_over)
    assert [event["position"] for event in seen] == list(range(1, len(seen) + 1))
    told = [event["subject"] for event in seen if event["kind"] == "written"]
    assert sorted(told) == sorted(name for names in written for name in names)
    for names in written:
        assert [name for name in told if name in set(names)] == names, "each writer's own are in its order"
    written_as = dict(Event.objects.filter(project=project).values_list("uid", "pk"))
    order = [written_as[uuid.UUID(event["id"])] for event in seen]
    assert order != sorted(order), "some were committed out of order"
    assert reader.get("events/", after=len(seen)) == {"next": None, "results": []}
    verification.verify(project)


def read_on(reader: Caller, seen: list[dict[str, Any]], *, until: Callable[[], bool]) -> list[dict[str, Any]]:
    """Follow the log from the position that was read last; once more after there is nobody who could write."""
    ended = False
    while not ended:
        ended = until()
        page: dict[str, Any] = reader.get("events/", after=len(seen), limit=7)
        seen += page["results"]
        while page["next"]:
            page = reader.get(page["next"])
            seen += page["results"]
    return seen
