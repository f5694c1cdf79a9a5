"""The life of a snapshot: asked for once, owned by one attempt, published whole or not at all, then for ever."""

from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation import log
from annotation.models import Event
from exports.models import Recipe, Snapshot, SnapshotFile
from exports.pipeline import build as building
from exports.pipeline import heart, merge, publish, stages
from exports.pipeline.build import build
from exports.pipeline.recipe import parse_recipe
from exports.recipes import save_recipe
from tests import world
from tests.exports.dataset import ask, built, log_inference, published, vote

pytestmark = pytest.mark.django_db(transaction=True)

Status = Snapshot.Status


@pytest.fixture
def project(db):
    project = world.project()
    log_inference(project, "r", "One.", "Two.")
    vote(project, "r", 0)
    return project


def wanted(**extra):
    return publish.Request(parse_recipe({}), "test", **extra)


def age(snapshot, seconds=publish.STALE_SECONDS + 1):
    Snapshot.objects.filter(pk=snapshot.pk).update(heartbeat_at=timezone.now() - dt.timedelta(seconds=seconds))


def status(snapshot):
    snapshot.refresh_from_db()
    return snapshot.status


def test_versions_are_dense_also_under_concurrent_requests(project):
    def ask_in_a_thread():
        publish.request(project, wanted(), enqueue=False)
        connection.close()

    threads = [threading.Thread(target=ask_in_a_thread) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(Snapshot.objects.values_list("version", flat=True)) == [1, 2, 3, 4, 5, 6]
    assert publish.request(world.project("other"), wanted(), enqueue=False).version == 1


def test_the_same_key_twice_is_one_snapshot(project):
    first = publish.request(project, wanted(key="k", digest="d"), enqueue=False)
    assert publish.request(project, wanted(key="k", digest="d"), enqueue=False) == first
    with pytest.raises(publish.ConflictError):
        publish.request(project, wanted(key="k", digest="other"), enqueue=False)
    assert publish.request(world.project("other"), wanted(key="k", digest="other"), enqueue=False) != first
    assert Snapshot.objects.filter(project=project).count() == 1


def test_the_same_key_at_the_same_time_is_one_snapshot(project):
    def ask_in_a_thread():
        publish.request(project, wanted(key="k", digest="d"), enqueue=False)
        connection.close()

    threads = [threading.Thread(target=ask_in_a_thread) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Snapshot.objects.count() == 1


def test_publishing_is_an_event_that_names_the_manifest(project):
    snapshot = built(project)
    (event,) = Event.objects.filter(kind="snapshot.published")
    manifest = snapshot.files.get(path="manifest.json")
    assert event.subject == "snapshot:1"
    assert event.payload == {
        "version": 1,
        "watermark": {"position": snapshot.watermark, "hash": snapshot.watermark_hash},
        "manifest_sha256": manifest.sha256,
        "rows": snapshot.rows,
    }
    assert log.seal(project).position > snapshot.watermark


def test_a_second_task_for_a_built_snapshot_changes_nothing(project):
    snapshot = built(project)
    build(snapshot.pk)
    assert (status(snapshot), snapshot.attempt) == (Status.READY, 1)


def test_a_stale_attempt_can_neither_publish_nor_fail_nor_beat(project, snapshot_dir, monkeypatch):
    snapshot = ask(project)
    publish_now = publish.publish

    def overtaken(*given):
        monkeypatch.setattr(publish, "publish", publish_now)
        age(snapshot)
        assert publish.requeue_stale() == 1
        build(snapshot.pk)
        publish_now(*given)

    monkeypatch.setattr(publish, "publish", overtaken)
    build(snapshot.pk)
    assert (status(snapshot), snapshot.attempt, snapshot.folder.endswith("v1-2")) == (Status.READY, 2, True)
    assert {file.path for file in snapshot.files.all()} == {
        path.relative_to(snapshot.path).as_posix() for path in snapshot.path.rglob("*") if path.is_file()
    }
    assert [path.name for path in snapshot_dir.glob("*/*")] == ["v1-2"]
    assert Event.objects.filter(kind="snapshot.published").count() == 1
    snapshot.attempt = 1
    assert not publish.beat(snapshot, 0.5)
    publish.fail(snapshot, "late")
    assert status(snapshot) == Status.READY


def test_a_crash_between_rename_and_commit_leaves_nothing_visible(project, snapshot_dir, monkeypatch):
    snapshot = ask(project)
    append = publish.log.append

    def crash_on_publishing(project, events):
        return 1 / 0 if events[0].kind == "snapshot.published" else append(project, events)

    monkeypatch.setattr(publish.log, "append", crash_on_publishing)
    build(snapshot.pk)
    assert status(snapshot) == Status.FAILED
    assert SnapshotFile.objects.count() == 0
    assert list(snapshot_dir.glob("*/*")) == []


@pytest.mark.parametrize("attempts", [1, 2])
def test_what_died_is_queued_again_and_its_leftovers_go(project, snapshot_dir, attempts):
    snapshot = ask(project)
    for attempt in range(1, attempts + 1):
        claimed = publish.claim(snapshot.pk)
        assert claimed.attempt == attempt
        (publish.draft_folder(claimed) / "half").write_text("a half file")
        assert publish.requeue_stale() == 0  # it may still live
        age(snapshot)
        assert publish.requeue_stale() == 1
        assert status(snapshot) == Status.QUEUED
    build(snapshot.pk)
    assert (status(snapshot), snapshot.attempt) == (Status.READY, attempts + 1)
    assert [path.name for path in snapshot_dir.glob("*/*")] == [f"v1-{attempts + 1}"]


def test_after_three_deaths_it_fails_with_a_reason(project, snapshot_dir):
    snapshot = ask(project)
    for _ in range(publish.ATTEMPTS):
        publish.draft_folder(publish.claim(snapshot.pk))
        age(snapshot)
        publish.requeue_stale()
    assert (status(snapshot), snapshot.error) == (Status.FAILED, publish.GIVEN_UP)
    assert list(snapshot_dir.glob("*/*")) == []


def test_a_queued_one_that_nobody_took_is_told_again(project):
    snapshot = ask(project)
    age(snapshot)
    assert publish.requeue_stale() == 1
    assert publish.requeue_stale() == 0
    assert status(snapshot) == Status.QUEUED


def test_cancelling_a_queued_one(project):
    snapshot = ask(project)
    publish.cancel(snapshot, actor="test")
    publish.cancel(snapshot, actor="test")
    build(snapshot.pk)
    assert (status(snapshot), snapshot.attempt) == (Status.CANCELLED, 0)


def test_cancelling_breaks_a_running_statement_off(project, snapshot_dir, monkeypatch):
    snapshot = ask(project)
    started = threading.Event()

    def long_statement(session, *_):
        started.set()
        session.run("SELECT pg_sleep(60)")

    monkeypatch.setattr(heart, "BEAT_SECONDS", 0.1)
    monkeypatch.setattr(stages, "select", long_statement)
    thread = threading.Thread(target=lambda: (build(snapshot.pk), connection.close()))
    thread.start()
    assert started.wait(20)
    begun = time.monotonic()
    publish.cancel(snapshot, actor="test")
    thread.join(20)
    assert time.monotonic() - begun < 10
    assert status(snapshot) == Status.CANCELLED
    assert list(snapshot_dir.glob("*/*")) == []


def test_a_build_that_loses_its_folder_to_a_cancelling_is_no_error(project, monkeypatch, caplog):
    snapshot = ask(project)

    def cancelled_meanwhile(*_):
        publish.cancel(snapshot, actor="test")
        raise FileNotFoundError

    monkeypatch.setattr(building, "plan", cancelled_meanwhile)
    build(snapshot.pk)
    assert status(snapshot) == Status.CANCELLED
    assert [record.levelname for record in caplog.records if record.name.startswith("exports")] == ["WARNING"]


def test_an_ended_one_cannot_be_cancelled(project):
    snapshot = built(project)
    with pytest.raises(publish.ConflictError):
        publish.cancel(snapshot, actor="test")
    assert status(snapshot) == Status.READY


def test_progress_and_heartbeat_move_while_it_is_built(project, monkeypatch):
    snapshot = ask(project)
    seen = []

    def slow_card(*given):
        for _ in range(3):
            time.sleep(0.15)
            seen.append(Snapshot.objects.values_list("progress", "heartbeat_at").get(pk=snapshot.pk))
        return b""

    monkeypatch.setattr(heart, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(merge, "make_card", slow_card)
    build(snapshot.pk)
    assert status(snapshot) == Status.READY
    assert all(0 < progress < 1 for progress, _ in seen)
    assert seen[0][1] < seen[-1][1]


REFUSED = [
    "UPDATE exports_snapshot SET rows = 1",
    "UPDATE exports_snapshot SET status = 'queued'",
    "DELETE FROM exports_snapshot",
    "TRUNCATE exports_snapshot CASCADE",
    "UPDATE exports_snapshotfile SET sha256 = ''",
    "DELETE FROM exports_snapshotfile",
    "INSERT INTO exports_snapshotfile (snapshot_id, path, bytes, sha256) SELECT id, 'x', 0, '' FROM exports_snapshot",
    "UPDATE exports_recipe SET body = '{}'",
    "DELETE FROM exports_recipe",
]


def test_the_database_refuses_to_change_a_ready_snapshot(project):
    save_recipe(project, "dpo", {"min_votes": 2}, actor="test")
    published(project)
    for statement in REFUSED:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_queued_one_cannot_become_ready_unbuilt(project):
    snapshot = ask(project)
    with pytest.raises(IntegrityError), transaction.atomic():
        Snapshot.objects.filter(pk=snapshot.pk).update(status=Status.READY, manifest={}, folder="x")


def test_a_recipe_changes_by_a_new_version(project):
    first = save_recipe(project, "dpo", {"min_votes": 2}, actor="test")
    assert save_recipe(project, "dpo", {"min_votes": 2}, actor="test") == first
    assert save_recipe(project, "dpo", {"min_votes": 3}, actor="test").version == 2
    assert Recipe.objects.filter(name="dpo").count() == 2
