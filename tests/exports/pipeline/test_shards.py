"""Parts of a build: the same bytes by anybody in any order, taken over from the dead, given up if unwanted."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.models import Snapshot, SnapshotShard
from exports.pipeline import build as building
from exports.pipeline import configs, publish, shards, split, tables
from exports.pipeline.build import build, help_build
from exports.pipeline.formats import FORMATS
from exports.pipeline.rebuild import rebuild
from exports.pipeline.session import Session
from exports.pipeline.stages import database_dsn
from exports.pipeline.verify import verify_folder
from tests import world
from tests.exports.dataset import ask, built, digests, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)

State = SnapshotShard.State
RECIPE = {"formats": list(FORMATS), "split": {"test": 0.3, "seed": 1}}
SHARDS = 5


@pytest.fixture
def project(db, monkeypatch):
    monkeypatch.setattr(split, "CHUNK_ROWS", 2)
    monkeypatch.setattr(configs, "SHARD_CHUNKS", 2)
    project = world.project()
    for number in range(18):
        log_inference(project, f"r{number}", f"One {number}.", f"Two {number}." * 50)
        vote(project, f"r{number}", "tie" if number % 5 == 0 else number % 2)
    return project


def planned(project, **recipe):
    """A snapshot whose rows are chosen and whose parts are all queued."""
    snapshot = ask(project, **{**RECIPE, **recipe})
    claimed = publish.claim(snapshot.pk)
    building._choose(claimed)
    return claimed


def in_threads(work, number):
    def one():
        work()
        connection.close()

    threads = [threading.Thread(target=one) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def status(snapshot):
    return Snapshot.objects.get(pk=snapshot.pk).status


def age(parts, seconds=publish.STALE_SECONDS + 1):
    parts.update(heartbeat_at=timezone.now() - dt.timedelta(seconds=seconds))


def schemas():
    with connection.cursor() as cursor:
        cursor.execute(tables.LISTED)
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same_bytes(project, workers):
    alone = built(project, **RECIPE)
    snapshot = planned(project)
    assert SnapshotShard.objects.filter(snapshot=snapshot).count() == SHARDS + 1
    in_threads(lambda: help_build(snapshot.pk), workers)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.progress, snapshot.attempt) == ("ready", 1, 1)
    assert digests(snapshot) == digests(alone)
    assert verify_folder(snapshot.path).problems == []
    assert schemas() == []


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(SHARDS + 1)))
def test_any_order_gives_the_same_bytes(project, order):
    expected = digests(Snapshot.objects.filter(status="ready").first() or built(project, **RECIPE))
    snapshot = planned(project)
    for number in order:
        SnapshotShard.objects.filter(snapshot=snapshot).exclude(state=State.DONE).update(state=State.BUILDING)
        SnapshotShard.objects.filter(snapshot=snapshot, number=number).update(state=State.QUEUED)
        help_build(snapshot.pk)
    assert digests(Snapshot.objects.get(pk=snapshot.pk)) == expected


def test_rows_stand_in_one_order_however_many_shards_there_are(project, monkeypatch):
    cut = built(project, **RECIPE)
    monkeypatch.setattr(configs, "SHARD_CHUNKS", 1_000)
    whole = built(project, **RECIPE)
    for config in FORMATS:
        for of_split in ("train", "test"):
            files = sorted((cut.path / config).glob(f"{of_split}-*.parquet"))
            names = [file.name for file in files]
            assert names == [f"{of_split}-{n:05}-of-{len(names):05}.parquet" for n in range(len(names))]
        assert sorted(map(str, rows(cut, config))) == sorted(map(str, rows(whole, config)))
    counts = [snapshot.manifest["counts"] for snapshot in (cut, whole)]
    assert counts[0] == counts[1]


def test_building_it_again_alone_gives_the_same_bytes(project, tmp_path):
    assert rebuild(built(project, **RECIPE), tmp_path / "again") == []


def test_an_increment_in_shards(project):
    first = built(project, **RECIPE, incremental=True)
    log_inference(project, "new", "One.", "Two.")
    vote(project, "new", 0)
    second = built(project, **RECIPE, incremental=True)
    assert second.parent == first
    assert [row["meta_request_id"] for row in rows(second, "preference")] == ["new"]


def test_a_part_whose_worker_died_is_built_by_another_and_the_dead_one_comes_too_late(project):
    snapshot = planned(project)
    part = shards.claim(snapshot)
    age(SnapshotShard.objects.filter(pk=part.pk))
    assert shards.requeue_stale() == 1
    again = shards.claim(snapshot)
    assert (again.number, again.attempt) == (part.number, 2)
    assert not shards.beat(part, 0.5)
    with pytest.raises(publish.LostError):
        shards.finish(part, 1, 1)
    assert shards.beat(again, 0.5)


def test_a_part_that_nobody_took_calls_again(project):
    snapshot = planned(project)
    age(SnapshotShard.objects.filter(snapshot=snapshot))
    assert shards.requeue_stale() == SHARDS + 1
    assert shards.requeue_stale() == 0
    age(Snapshot.objects.filter(pk=snapshot.pk))
    assert publish.requeue_stale() == 0  # it lives by its parts


def test_a_part_that_is_lost_too_often_fails_the_snapshot(project, snapshot_dir):
    snapshot = planned(project)
    for _ in range(publish.ATTEMPTS):
        part = shards.claim(snapshot)
        age(SnapshotShard.objects.filter(pk=part.pk))
        shards.requeue_stale()
    assert status(snapshot) == "failed"
    assert list(snapshot_dir.glob("*/*")) == []
    assert schemas() == []


def test_one_part_is_built_again_on_demand(project):
    expected = digests(built(project, **RECIPE))
    snapshot = planned(project)
    shard = shards.claim(snapshot)
    building._work(shard)
    shards.retry(SnapshotShard.objects.get(pk=shard.pk))
    help_build(snapshot.pk)
    assert SnapshotShard.objects.get(pk=shard.pk).attempt == 2
    assert digests(Snapshot.objects.get(pk=snapshot.pk)) == expected
    with pytest.raises(publish.ConflictError):
        shards.retry(SnapshotShard.objects.get(pk=shard.pk))


def test_cancelling_in_the_middle_leaves_nothing(project, snapshot_dir):
    snapshot = planned(project)
    part = shards.claim(snapshot)
    publish.cancel(Snapshot.objects.get(pk=snapshot.pk), actor="test")
    assert not shards.beat(part, 0.1)
    assert not building._work(part)
    help_build(snapshot.pk)
    assert status(snapshot) == "cancelled"
    assert list(snapshot_dir.glob("*/*")) == []
    assert schemas() == []


def test_tables_that_a_crash_emptied_are_made_anew(project):
    expected = digests(built(project, **RECIPE))
    snapshot = planned(project)
    with Session(database_dsn(), schema=tables.name_for(snapshot)) as session:
        for table in ("mark", "picked", "vote"):
            session.run(f"TRUNCATE {table}")
    help_build(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.attempt) == ("ready", 2)
    assert digests(snapshot) == expected


def test_a_merger_that_died_leaves_it_to_a_new_attempt(project, monkeypatch):
    expected = digests(built(project, **RECIPE))
    snapshot = planned(project)
    monkeypatch.setattr(building, "_merge", lambda _: None)
    help_build(snapshot.pk)
    monkeypatch.undo()
    monkeypatch.setattr(split, "CHUNK_ROWS", 2)
    monkeypatch.setattr(configs, "SHARD_CHUNKS", 2)
    age(Snapshot.objects.filter(pk=snapshot.pk))
    assert publish.requeue_stale() == 1
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.attempt, digests(snapshot)) == ("ready", 2, expected)


def test_progress_moves_with_the_parts(project):
    snapshot = planned(project)
    part = shards.claim(snapshot)
    seen = []
    for share in (0.0, 0.5, 1.0):
        assert shards.beat(part, share)
        seen.append(Snapshot.objects.get(pk=snapshot.pk).progress)
    assert shards.CHOSEN == seen[0] < seen[1] < seen[2] < shards.WRITTEN
