"""The log: append-only facts, dense sealed positions, a chain anyone can compute again."""

from __future__ import annotations

import threading

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, connections, transaction

from annotation import canonical, log, projects
from annotation.models import Event, Seal, UnsealedEvent
from tests import world
from tests.annotation.facts import FACTS, STATE


def test_every_table_holds_facts_or_state():
    tables = {
        model._meta.db_table for name in ("annotation", "exports") for model in apps.get_app_config(name).get_models()
    }
    assert tables == FACTS | set(STATE)


@pytest.mark.django_db
@pytest.mark.parametrize("table", sorted(FACTS))
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_database_refuses_to_change_facts(table, statement):
    column = "event_id" if table == "annotation_seal" else "id"
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement.format(table, column, column))


@pytest.mark.django_db
def test_positions_are_dense_and_the_chain_can_be_computed_from_what_is_told():
    project = world.project(comparisons=3)
    alice = world.annotator(project, "alice")
    while world.judge_next(alice):
        pass
    head = log.seal(project)
    hash_ = canonical.genesis(str(project.uid))
    seals = Seal.objects.filter(project=project).select_related("event").order_by("position")
    for position, seal in enumerate(seals, start=1):
        assert seal.position == position
        hash_ = canonical.chain_hash(hash_, log.describe(seal.event, position))
        assert seal.hash == hash_
    assert head == log.Head(len(seals), hash_)
    assert len(seals) == Event.objects.filter(project=project).count()
    assert not UnsealedEvent.objects.filter(project=project).exists()
    assert log.seal(project) == head, "sealing again changes nothing"


@pytest.mark.django_db
def test_each_project_has_a_chain_of_its_own():
    one, two = world.project("one"), world.project("two")
    projects.change_project(two, {"name": "Second"}, actor="test")
    with transaction.atomic():
        log.append(None, [log.NewEvent("user.created", "test", "user:alice")])
    assert (log.seal(one).position, log.seal(two).position, log.seal(None).position) == (1, 2, 1)


@pytest.mark.django_db
def test_seal_all_seals_what_waits():
    world.project("one")
    world.project("two")
    assert log.seal_all() == 2
    assert log.seal_all() == 0


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        log.append(None, [log.NewEvent("x", "test", "y")])


@pytest.mark.django_db(transaction=True)
def test_a_late_commit_is_sealed_later_and_never_lost():
    project = world.project()
    log.seal(project)
    written, may_commit = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            log.append(project, [log.NewEvent("slow", "test", "x")])
            written.set()
            may_commit.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slow_writer)
    thread.start()
    written.wait(10)
    with transaction.atomic():
        log.append(project, [log.NewEvent("fast", "test", "x")])
    assert log.seal(project).position == 2, "the later event is sealed without waiting for the slow one"
    may_commit.set()
    thread.join()
    assert log.seal(project).position == 3
    kinds = Seal.objects.filter(project=project).order_by("position").values_list("event__kind", flat=True)
    assert list(kinds) == ["project.created", "fast", "slow"]


@pytest.mark.django_db(transaction=True)
def test_sealing_from_many_threads_gives_each_event_one_position():
    project = world.project()

    def write_and_seal(n: int) -> None:
        for k in range(10):
            with transaction.atomic():
                log.append(project, [log.NewEvent("x", "test", f"{n}-{k}")])
            log.seal(project)
        connections.close_all()

    threads = [threading.Thread(target=write_and_seal, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions = list(Seal.objects.filter(project=project).order_by("position").values_list("position", flat=True))
    assert positions == list(range(1, 62))
