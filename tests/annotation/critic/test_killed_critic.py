"""A worker dies while a critic thinks: the next one goes on, and each comparison is judged once."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone
from redis import Redis

from annotation.critic import runs
from annotation.critic.runs import Order
from annotation.models import Assignment, Comparison, CriticRun, Judgment
from annotation.replay import replay
from annotation.verification import verify
from tests import world
from tests.annotation.critic.endpoint import Asked, Reply, prefers, serving
from tests.processes import celery_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

SECONDS = 120


def await_that(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_worker_loses_nothing(tmp_path: Path) -> None:
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()
    project = world.project(comparisons=12)
    may_go_on = threading.Event()

    def brain(asked: Asked) -> Reply:
        if len(model.asked) > 8:
            may_go_on.wait(SECONDS)
        return prefers("Taken in.")(asked)

    with serving(brain) as model:
        with celery_worker(tmp_path, concurrency=1) as worker:
            run = runs.request(project, Order(model.url, "judge", principles=["Be in."], parallel=3), actor="test")
            await_that(lambda: len(model.asked) > 10)
            worker.signal(signal.SIGKILL)
            worker.process.wait()
        may_go_on.set()
        held = set(Assignment.objects.filter(state="leased").values_list("pk", flat=True))
        judged = Judgment.objects.count()
        run.refresh_from_db()
        assert (run.state, run.judged) == (CriticRun.State.RUNNING, judged)
        assert held
        CriticRun.objects.update(heartbeat_at=timezone.now() - dt.timedelta(seconds=runs.STALE_SECONDS + 1))
        current_app.send_task("annotation.resume_critics")
        with celery_worker(tmp_path, concurrency=1):
            await_that(lambda: not CriticRun.objects.filter(state__in=CriticRun.UNFINISHED).exists())
    run.refresh_from_db()
    assert (run.state, run.judged, run.broken_off) == (CriticRun.State.DONE, 12, 1)
    assert set(Assignment.objects.filter(state="judged").values_list("pk", flat=True)) >= held
    assert not Comparison.objects.exclude(judged=1).exists()
    verify(project)
    assert replay(project).differences == []
