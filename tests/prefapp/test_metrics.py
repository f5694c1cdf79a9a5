"""/metrics: who may read it, and that its figures are those of the database and the broker."""

from __future__ import annotations

import time
from unittest.mock import patch

import httpx
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from annotation import log, monitoring, queue
from annotation.models import UnsealedEvent
from annotation.tasks import seal_logs
from exports.models import Snapshot
from prefapp.celery import SUCCESSES
from tests import world
from tests.annotation.intake.records import preference
from tests.api import Caller
from tests.processes import Running, free_port

pytestmark = pytest.mark.django_db

LOCAL = {"Host": "localhost"}


@pytest.fixture(autouse=True)
def _nothing_counted():
    cache.clear()


def read(headers=LOCAL, **extra):
    return Client(headers=headers).get("/metrics", **extra)


def figures(text=None):
    """Every figure by its name and its labels in the order of their names."""
    families = text_string_to_metric_families(read().content.decode() if text is None else text)
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_the_figures_are_those_of_the_database():
    project = world.project("summaries", comparisons=4)
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    world.judge_next(alice)
    queue.hold(alice, count=1)
    Caller(project, "ingest")("POST", "feedback/", preference(request_id="not logged"))
    log.seal(project)
    world.project("poems", comparisons=1)
    Snapshot.objects.create(project=project, version=1, recipe={}, watermark=1, watermark_hash="", created_by="test")
    found = figures()
    states = {state: found["prefapp_comparisons", "summaries", state] for state in ("open", "leased", "done")}
    assert states == {"open": 1, "leased": 1, "done": 2}
    assert found["prefapp_judgments_total", "summaries", "human"] == 2
    assert ("prefapp_judgments_total", "poems", "human") not in found
    assert found["prefapp_waiting_feedback", "summaries", "waiting"] == 1
    assert found["prefapp_snapshots", "summaries", "queued"] == 1
    assert ("prefapp_unsealed_events", "summaries") not in found
    for chain, slug in (("poems", "poems"), ("", None)):
        count = UnsealedEvent.objects.filter(project__slug=slug).count()
        assert found["prefapp_unsealed_events", chain] == count > 0
    assert 0 <= found["prefapp_oldest_unsealed_event_seconds", "poems"] < 600
    assert found["prefapp_up", "database"] == found["prefapp_up", "broker"] == 1


def test_scrapes_in_a_row_count_the_big_tables_once():
    project = world.project(comparisons=3)
    read()
    world.add_comparisons(project, 1)
    with CaptureQueriesContext(connection) as queries:
        assert figures()["prefapp_comparisons", "summaries", "open"] == 3, "some seconds old"
    assert not [query for query in queries if "annotation_comparison" in query["sql"]]
    cache.delete(monitoring.KEY)
    assert figures()["prefapp_comparisons", "summaries", "open"] == 4


def test_a_scrape_takes_a_fixed_number_of_queries():
    def count():
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            read()
        return len(queries)

    world.project("p0", comparisons=1)
    few = count()
    for n in range(1, 12):
        world.project(f"p{n}", comparisons=1)
    assert count() == few < 10


def test_without_redis_the_figures_of_the_database_are_there():
    world.project(comparisons=2)
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    away = {"default": settings.CACHES["default"] | {"LOCATION": nowhere}}
    with override_settings(REDIS_URL=nowhere, CACHES=away):
        found = figures()
    assert found["prefapp_comparisons", "summaries", "open"] == 2
    assert (found["prefapp_up", "database"], found["prefapp_up", "broker"]) == (1, 0)


def test_without_a_database_the_answer_says_so():
    with patch.object(monitoring, "count_work", side_effect=OperationalError("gone")):
        answer = read()
    assert answer.status_code == 200
    found = figures(answer.content.decode())
    assert (found["prefapp_up", "database"], found["prefapp_up", "broker"]) == (0, 1)


def test_what_a_worker_finished_last_is_told():
    began = time.time()
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete(SUCCESSES)
    assert ("prefapp_task_last_success_timestamp_seconds", "annotation.seal_logs") not in figures()
    seal_logs.apply()
    assert figures()["prefapp_task_last_success_timestamp_seconds", "annotation.seal_logs"] >= began


def test_tasks_that_nobody_takes_are_counted():
    before = figures()
    seal_logs.delay()
    after = figures()
    assert after["prefapp_queued_tasks", "celery"] == before["prefapp_queued_tasks", "celery"] + 1
    assert after["prefapp_queued_tasks", "builds"] == before["prefapp_queued_tasks", "builds"]


class TestAccess:
    def test_this_machine_may_read(self):
        answer = read()
        assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, "text/plain")
        assert "no-store" in answer["Cache-Control"]

    @pytest.mark.parametrize(
        ("headers", "extra"),
        [
            (LOCAL, {"REMOTE_ADDR": "192.0.2.7"}),
            (LOCAL, {"REMOTE_ADDR": ""}),
            (LOCAL | {"X-Forwarded-For": "192.0.2.7"}, {}),
            (LOCAL | {"Forwarded": "for=192.0.2.7"}, {}),
            ({"Host": "testserver"}, {}),
        ],
    )
    def test_other_machines_and_what_comes_through_a_proxy_may_not(self, headers, extra):
        answer = read(headers, **extra)
        assert answer.status_code == 403
        assert b"prefapp_" not in answer.content
        assert b"METRICS_TOKEN" in answer.content

    def test_behind_a_proxy_nobody_is_local(self):
        with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
            assert read().status_code == 403

    @pytest.mark.parametrize(
        ("given", "status"),
        [("Bearer t0ken", 200), ("Bearer t0ke", 401), ("t0ken", 401), ("", 401), ("Bearer t\u00f6ken", 401)],
    )
    def test_a_token_lets_everybody_in_who_has_it_and_nobody_else(self, given, status):
        with override_settings(METRICS_TOKEN="t0ken"):
            answer = read({"Host": "testserver", "Authorization": given}, REMOTE_ADDR="192.0.2.7")
            assert answer.status_code == status
            assert read().status_code == 401, "not even this machine"

    def test_only_reading_is_a_method(self):
        assert Client(headers=LOCAL).post("/metrics").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_real_server_and_worker_are_measured(served: str, worker: Running):
    seal_logs.delay()
    deadline = time.monotonic() + 60
    name = ("prefapp_task_last_success_timestamp_seconds", "annotation.seal_logs")
    while time.monotonic() < deadline and name not in figures(httpx.get(f"{served}/metrics").text):
        time.sleep(0.2)
    assert name in figures(httpx.get(f"{served}/metrics").text)
