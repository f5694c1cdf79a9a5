"""Schedules: the clock is set, and a snapshot is asked for when there is something new, and only then."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.conf import settings
from django.db import OperationalError
from django_celery_beat.models import PeriodicTask

from annotation import log
from annotation.models import Event
from exports import recipes, schedules
from exports.models import Schedule, Snapshot
from prefapp.beat import Scheduler
from prefapp.celery import app
from tests import world
from tests.exports.dataset import ask, give_feedback, log_inference, published, vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    made = world.project()
    recipes.save_recipe(made, "nightly", {"drop": []}, actor="test")
    log_inference(made, "r1", "One.", "Two.")
    return made


@pytest.fixture
def schedule(project):
    return schedules.save(Schedule(project=project, recipe_name="nightly", at=dt.time(2, 30)), actor="user:lena")


def built_now(project, **recipe):
    """A snapshot of the recipe that has seen everything up to now."""
    snapshot = ask(project, **recipe)
    Snapshot.objects.filter(pk=snapshot.pk).update(status=Snapshot.Status.BUILDING)
    return snapshot


def test_saving_sets_the_clock(schedule):
    task = PeriodicTask.objects.get(name=f"snapshot schedule {schedule.pk}")
    assert (task.task, json.loads(task.args), task.enabled) == ("exports.build_scheduled", [schedule.pk], True)
    assert (task.crontab.minute, task.crontab.hour, task.crontab.day_of_week) == ("30", "2", "*")
    schedule.at, schedule.day, schedule.enabled = dt.time(4), Schedule.Day.WORKDAYS, False
    schedules.save(schedule, actor="user:lena")
    task = PeriodicTask.objects.get(name=f"snapshot schedule {schedule.pk}")
    assert (task.crontab.hour, task.crontab.day_of_week, task.enabled) == ("4", "1-5", False)
    schedules.remove(schedule, actor="user:lena")
    assert not PeriodicTask.objects.exists()
    kinds = Event.objects.filter(kind__startswith="schedule.").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["schedule.added", "schedule.changed", "schedule.removed"]


def test_something_new_asks_for_a_snapshot_once(project, schedule):
    vote(project, "r1", 0)
    first = schedules.run(schedule.pk)
    assert (first.named_recipe.name, first.created_by) == ("nightly", f"schedule:{schedule.pk}")
    # The very entries that asking wrote into the log are nothing new.
    assert schedules.run(schedule.pk) is None
    assert Snapshot.objects.count() == 1


def test_without_a_judgment_there_is_nothing_to_build(schedule):
    assert schedules.run(schedule.pk) is None


@pytest.mark.parametrize(
    "happens",
    [
        lambda project, first: vote(project, "r1", 1, by="bob"),
        lambda project, first: give_feedback(project, "r1", "retraction", by="alice", retracts=first),
        lambda project, first: give_feedback(project, "r1", "rating", output="r1-0", value=1),
    ],
    ids=["a judgment", "a retraction", "a rating"],
)
def test_judgments_and_corrections_are_new(project, schedule, happens):
    first = vote(project, "r1", 0)
    built_now(project, drop=[])
    assert schedules.run(schedule.pk) is None
    happens(project, first)
    assert schedules.run(schedule.pk).version == 2


@pytest.mark.parametrize(
    "happens",
    [
        lambda project: log_inference(project, "r2", "One.", "Two."),
        lambda project: log.append(project, [log.NewEvent("project.changed", "test", "project", {})]),
        lambda project: published(project),
        lambda project: give_feedback(project, "r1", "implicit", signals={"copied": ["r1-0"]}),
    ],
    ids=["an inference", "a setting", "a snapshot of another recipe", "a signal"],
)  # fmt: skip
def test_what_is_no_judgment_is_nothing_new(project, schedule, happens):
    vote(project, "r1", 0)
    built_now(project, drop=[])
    happens(project)
    assert schedules.run(schedule.pk) is None


def test_the_newest_version_of_the_recipe_is_built(project, schedule):
    vote(project, "r1", 0)
    recipes.save_recipe(project, "nightly", {"drop": [], "min_votes": 2}, actor="test")
    assert schedules.run(schedule.pk).recipe["min_votes"] == 2


def test_a_schedule_that_is_off_or_gone_builds_nothing(project, schedule):
    vote(project, "r1", 0)
    Schedule.objects.update(enabled=False)
    assert schedules.run(schedule.pk) is None
    assert schedules.run(schedule.pk + 1) is None


def test_beat_finds_its_own_schedule_and_that_of_people_in_the_database(schedule, monkeypatch):
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    # It looks but a few hours ahead.
    schedule.at = dt.datetime.now(dt.UTC).time()
    schedules.save(schedule, actor="test")
    scheduler = Scheduler(app=app, lazy=False)
    entries = scheduler.schedule
    for name, own in settings.CELERY_BEAT_SCHEDULE.items():
        entry = entries[name]
        assert (entry.task, entry.schedule.run_every.total_seconds()) == (own["task"], own["schedule"])
        assert entry.options["expires"] == own["options"]["expires"]
    assert entries[f"snapshot schedule {schedule.pk}"].args == [schedule.pk]
    assert f"{Scheduler.__module__}:{Scheduler.__name__}" == settings.CELERY_BEAT_SCHEDULER
    app.loader.import_default_modules()
    assert {entry.task for entry in entries.values()} <= set(app.tasks)


def test_beat_goes_on_while_the_database_does_not_answer(schedule, monkeypatch):
    monkeypatch.setattr("django_celery_beat.schedulers.close_old_connections", lambda: None)
    scheduler = Scheduler(app=app, lazy=False)
    known = dict(scheduler.schedule)
    monkeypatch.setattr(Scheduler, "enabled_models", lambda _: (_ for _ in ()).throw(OperationalError("gone")))
    scheduler._last_full_sync -= dt.timedelta(hours=1)  # it is time to read everything again
    assert scheduler.schedule == known
    with pytest.raises(OperationalError):
        Scheduler(app=app, lazy=False)
