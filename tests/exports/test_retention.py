"""Retention: whose files go, whose stay, and what is left of those that went."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.utils import timezone

from annotation.models import Event
from exports import retention
from exports.models import Removal, Snapshot
from exports.pipeline import publish
from tests import world
from tests.api import Caller, problem
from tests.exports.dataset import ask, built, log_inference, published, vote

pytestmark = pytest.mark.django_db
really_built = pytest.mark.django_db(transaction=True)

DATA = "preference/train-00000-of-00001.parquet"
FILES = {DATA: bytes(1000), "README.md": b"# Card"}


@pytest.fixture
def project(db):
    return world.project()


def age(snapshot, days):
    """Make a snapshot older than it is, past the trigger that keeps ended ones as they are."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Snapshot.objects.filter(pk=snapshot.pk).update(ended_at=timezone.now() - dt.timedelta(days=days))
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def versions_without_files(project):
    return sorted(Removal.objects.filter(snapshot__project=project).values_list("snapshot__version", flat=True))


def test_what_is_neither_new_nor_young_goes(project):
    for days in (50, 40, 39, 2, 1):
        age(published(project, FILES), days)
    retention.set_rule(project, keep_last=1, keep_days=30, actor="test")
    assert retention.apply_rules() == 3
    assert versions_without_files(project) == [1, 2, 3]
    assert retention.apply_rules() == 0


def test_the_newest_of_a_recipe_stay_however_old(project):
    for _ in range(4):
        age(published(project, FILES), 400)
    retention.set_rule(project, keep_last=2, keep_days=0, actor="test")
    retention.apply_rules()
    assert versions_without_files(project) == [1, 2]


def test_without_a_rule_everything_stays(project):
    age(published(project, FILES), 4000)
    assert retention.apply_rules() == 0
    rule = retention.set_rule(project, keep_last=1, keep_days=0, actor="test")
    retention.drop_rule(rule, actor="test")
    age(published(project, FILES), 4000)
    assert retention.apply_rules() == 0


def test_the_record_the_manifest_and_the_card_stay_and_say_so(project):
    snapshot = published(project, FILES)
    reader = Caller(project, "read")
    retention.remove_files(snapshot, actor="user:lena")
    assert sorted(path.name for path in snapshot.path.rglob("*")) == ["README.md", "manifest.json"]
    told = reader.get("snapshots/1/")
    assert told["files_removed_at"] is not None
    assert {file["path"] for file in told["files"]} == {DATA, "README.md", "manifest.json"}
    assert reader("GET", "snapshots/1/files/README.md").status_code == 200
    assert reader("GET", "snapshots/1/files/manifest.json").status_code == 200
    for path in (f"files/{DATA}", "archive.tar"):
        assert "were removed on" in problem(reader("GET", f"snapshots/1/{path}"), 410)["detail"]
    problem(reader("POST", "snapshots/1/links/", {}), 410)
    event = Event.objects.get(kind="snapshot.files_removed")
    assert (event.actor, event.payload) == ("user:lena", {"version": 1, "bytes": 1000})
    with pytest.raises(retention.KeptError, match="gone already"):
        retention.remove_files(snapshot, actor="test")


def test_what_is_not_ready_has_no_files_to_remove(project):
    with pytest.raises(retention.KeptError, match="is queued"):
        retention.remove_files(ask(project), actor="test")


@pytest.fixture
def chain(db):
    """A full snapshot and two increments, one on the other, all old."""
    project = world.project()
    made = []
    for n in range(3):
        log_inference(project, f"r{n}", f"One {n}.", f"Two {n}.")
        vote(project, f"r{n}", 0)
        made.append(built(project, formats=["preference"], incremental=n > 0))
    assert [one.parent_id for one in made] == [None, made[0].pk, made[1].pk]
    return project


@really_built
def test_the_parent_of_a_living_increment_stays(chain):
    retention.set_rule(chain, keep_last=1, keep_days=0, actor="test")
    assert retention.apply_rules() == 0
    for version in (1, 2):
        with pytest.raises(retention.KeptError, match=f"Version {version + 1} builds on version {version}"):
            retention.remove_files(Snapshot.objects.get(version=version), actor="test")


@really_built
def test_a_chain_goes_once_a_new_one_has_begun(chain):
    retention.set_rule(chain, keep_last=1, keep_days=0, actor="test")
    built(chain, formats=["preference"])
    assert retention.apply_rules() == 3
    assert versions_without_files(chain) == [1, 2, 3]
    assert built(chain, formats=["preference"], incremental=True).parent.version == 4


@really_built
def test_nothing_builds_on_what_has_no_files(chain):
    retention.remove_files(Snapshot.objects.get(version=3), actor="test")
    wanted = ask(chain, formats=["preference"], drop=[], split={"test": 0, "seed": 0}, incremental=True)
    assert wanted.parent.version == 2
    with pytest.raises(retention.KeptError, match=f"Version {wanted.version} builds on version 2"):
        retention.remove_files(Snapshot.objects.get(version=2), actor="test")
    publish.cancel(wanted, actor="test")
    retention.remove_files(Snapshot.objects.get(version=2), actor="test")


@really_built
def test_golden_sets_stay(db):
    project = world.project()
    log_inference(project, "r1", "One.", "Two.")
    for by in ("alice", "bob"):
        vote(project, "r1", 0, by=by)
    for _ in range(2):
        snapshot = ask(project, kind="golden")
        publish.claim(snapshot.pk)
    retention.set_rule(project, keep_last=1, keep_days=0, actor="test")
    assert retention.apply_rules() == 0


def test_what_the_storage_kept_goes_with_the_next_round(project, monkeypatch):
    snapshot = published(project, FILES)
    with monkeypatch.context() as patch:
        patch.setattr("exports.storage.Folder.remove", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
        retention.remove_files(snapshot, actor="test")
    assert (snapshot.path / DATA).exists()
    retention.apply_rules()
    assert not (snapshot.path / DATA).exists()
    assert Removal.objects.get().is_complete
