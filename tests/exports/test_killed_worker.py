"""A worker is killed in the middle of a build: nothing shows, and the next worker completes it."""

from __future__ import annotations

import datetime as dt
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from celery import current_app
from django.conf import settings
from django.db import connection
from django.utils import timezone
from redis import Redis

from exports.models import Snapshot, SnapshotFile, SnapshotShard
from exports.pipeline import publish
from exports.pipeline.recipe import parse_recipe
from exports.pipeline.verify import verify_folder
from tests import world
from tests.exports.dataset import log_inference, rows, vote
from tests.processes import Running, celery_worker, test_database_environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

SECONDS = 120


def await_that(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def leases_locked() -> Iterator[None]:
    """Leases are read only for the audit table, after the pairs: a build stops there, half written."""
    with psycopg.connect(test_database_environment()["DATABASE_URL"]) as other:
        other.execute("LOCK TABLE annotation_assignment IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def a_worker(log_dir: Path, snapshot_dir: Path) -> AbstractContextManager[Running]:
    return celery_worker(log_dir, concurrency=1, PREFAPP_SNAPSHOT_DIR=str(snapshot_dir))


def a_build_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
        return cursor.fetchone() is not None


def test_a_killed_build_shows_nothing_and_is_completed_by_the_next_worker(tmp_path: Path, snapshot_dir: Path) -> None:
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()
    project = world.project()
    for number in range(24):  # more than a row group holds, so that a part is on the disk
        log_inference(project, f"r{number}", "one " * 120_000, "two " * 120_000)
        vote(project, f"r{number}", 0)
    folder = snapshot_dir / str(project.uid)
    with a_worker(tmp_path, snapshot_dir) as worker, leases_locked():
        snapshot = publish.request(project, publish.Request(parse_recipe({"split": {"test": 0}}), "test"))
        await_that(a_build_waits)
        assert [path.name for path in folder.iterdir()] == [".v1-1"]
        assert list(folder.rglob("*.part"))
        worker.signal(signal.SIGKILL)
        worker.process.wait()
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.folder, snapshot.manifest) == (Snapshot.Status.BUILDING, "", None)
    assert SnapshotFile.objects.count() == 0
    for model in (Snapshot, SnapshotShard):
        model.objects.update(heartbeat_at=timezone.now() - dt.timedelta(seconds=publish.STALE_SECONDS + 1))
    current_app.send_task("exports.resume_snapshots")
    with a_worker(tmp_path, snapshot_dir):
        await_that(lambda: Snapshot.objects.filter(status=Snapshot.Status.READY).exists())
    snapshot.refresh_from_db()
    assert (snapshot.attempt, len(rows(snapshot, "preference")), snapshot.rows) == (1, 24, 48)
    assert [path.name for path in folder.iterdir()] == ["v1-1"]
    assert verify_folder(snapshot.path).problems == []
