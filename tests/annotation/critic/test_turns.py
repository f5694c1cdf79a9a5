"""A critic's work in turns, stopped, broken off and taken up again."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
from django.utils import timezone

from annotation import queue
from annotation.critic import chat, runs, work
from annotation.models import Assignment, CriticRun, Event, Judgment
from tests import world
from tests.annotation.critic.endpoint import prefers, serving, verdict
from tests.annotation.critic.orders import ordered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]
State = CriticRun.State


def test_a_turn_that_is_over_is_followed_by_another():
    project = world.project(comparisons=5)
    with serving(prefers("Taken in.")) as model:
        made = ordered(model, project, parallel=2)
        turns = 0
        while made.state in CriticRun.UNFINISHED:
            work.work(made.pk, turn=0.02)
            made.refresh_from_db()
            turns += 1
            assert not Assignment.objects.filter(state="leased").exists()
    assert turns > 1
    assert (made.state, made.judged, made.attempt, made.broken_off) == (State.DONE, 5, turns, 0)


def test_a_stopped_one_keeps_what_it_has_and_gives_back_the_rest():
    project = world.project(comparisons=9)
    with serving(prefers("Taken in.")) as model:
        made = ordered(model, project, parallel=3)

        def tell():
            if CriticRun.objects.get().judged >= 2:
                runs.stop(made, actor="user:lena")

        work.work(made.pk, tell=tell)
    made.refresh_from_db()
    assert made.state == State.STOPPED
    assert 2 <= made.judged == Judgment.objects.count() < 9
    assert not Assignment.objects.filter(state="leased").exists()
    assert runs.stop(made, actor="user:lena") is False
    assert Event.objects.filter(kind="critic.stopped").values_list("actor", flat=True).get() == "user:lena"
    work.work(made.pk)
    assert Judgment.objects.count() == made.judged


def broken_off(made, seconds=runs.STALE_SECONDS + 1):
    CriticRun.objects.filter(pk=made.pk).update(heartbeat_at=timezone.now() - dt.timedelta(seconds=seconds))


def test_one_that_died_is_taken_up_with_what_it_held():
    project = world.project(comparisons=4)
    with serving(prefers("Taken in.")) as model:
        made = ordered(model, project, parallel=2)
        dead = runs.claim(made.pk)
        held = queue.hold(runs.annotator_of(dead), count=2)
        assert runs.requeue_stale() == 0
        broken_off(made)
        assert runs.requeue_stale() == 1
        work.work(made.pk)
    made.refresh_from_db()
    assert (made.state, made.judged, made.attempt) == (State.DONE, 4, 2)
    assert set(Assignment.objects.filter(state="judged")) >= set(held)
    assert Assignment.objects.count() == 4
    # Whoever was dead and is not, changes nothing more.
    assert not runs.beat(dead, chat.Spent())
    runs.fail(dead, "late")
    made.refresh_from_db()
    assert (made.state, made.error) == (State.DONE, "")


def test_one_that_waits_for_a_lost_broker_is_queued_again():
    project = world.project(comparisons=1)
    with serving(prefers("Taken in.")) as model:
        made = ordered(model, project)
    broken_off(made)
    assert runs.requeue_stale() == 1
    made.refresh_from_db()
    assert (made.state, made.broken_off) == (State.QUEUED, 0)
    assert runs.requeue_stale() == 0


def test_one_that_dies_again_and_again_is_given_up():
    project = world.project(comparisons=1)
    with serving(prefers("Taken in.")) as model:
        made = ordered(model, project)
    for _ in range(runs.BROKEN_OFF):
        claimed = runs.claim(made.pk)
        queue.hold(runs.annotator_of(claimed), count=1)
        broken_off(made)
        runs.requeue_stale()
    made.refresh_from_db()
    assert (made.state, made.error) == (State.FAILED, runs.GIVEN_UP)
    assert not Assignment.objects.filter(state="leased").exists()


def test_leases_are_kept_while_a_model_thinks(monkeypatch):
    project = world.project(comparisons=1, lease_seconds=1)
    monkeypatch.setattr(work, "BEAT_SECONDS", 0.1)
    thought = threading.Event()

    def brain(_):
        thought.wait(1.3)
        return verdict("tie")

    with serving(brain) as model:
        made = ordered(model, project, most=1)
        expired = []
        work.work(made.pk, tell=lambda: expired.append(queue.expire()))
    made.refresh_from_db()
    assert (made.judged, made.lost, sum(expired)) == (1, 0, 0)
    assert not Judgment.objects.get().surplus
