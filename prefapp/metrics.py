"""`GET /metrics`: what an operator watches, in the text format of Prometheus.

Nothing is counted in this process: the figures are read from the database and the broker at every scrape, so they are
the same whichever of the web processes answers.
"""

from __future__ import annotations

import ipaddress
import logging
import secrets
from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis, RedisError

from annotation import monitoring
from exports.monitoring import count_snapshots
from prefapp.celery import SUCCESSES

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for who brings METRICS_TOKEN; without one set, for this machine alone."""
    if settings.METRICS_TOKEN:
        if not _has_token(request):
            headers = {"WWW-Authenticate": "Bearer"}
            return _text("The token is missing or wrong.\n", status=401, headers=headers)
    elif not _is_local(request):
        return _text("Metrics are off for other machines; METRICS_TOKEN opens them.\n", status=403)
    registry = CollectorRegistry()
    registry.register(Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _text(text: str, *, status: int, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(text, status=status, headers=headers, content_type="text/plain; charset=utf-8")


def _has_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    return secrets.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())


def _is_local(request: HttpRequest) -> bool:
    """Whether a program of this machine asks by itself: nothing came through a proxy, for whom all are local."""
    if settings.SECURE_PROXY_SSL_HEADER or any(name in request.headers for name in FORWARDED):
        return False
    host, _ = split_domain_port(request.get_host())
    try:
        return host in LOOPBACK_NAMES and ipaddress.ip_address(request.META["REMOTE_ADDR"]).is_loopback
    except ValueError:  # a Unix socket has no address
        return False


class Figures(Collector):
    """All metrics. A server that does not answer takes its figures away and is said to be down."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("prefapp_up", "Whether a server that the application needs answers.", labels=["part"])
        for part, figures, away in (("database", _database, DatabaseError), ("broker", _broker, RedisError)):
            try:
                found = list(figures())
            except away as error:
                logger.warning("No metrics of the %s: %s", part, error)
                found = []
            up.add_metric([part], bool(found))
            yield from found
        yield up


def _database() -> Iterator[Metric]:
    work = monitoring.count_work()
    yield _gauge("prefapp_comparisons", "Comparisons by state.", "state", work.comparisons.items())
    judgments = CounterMetricFamily(
        "prefapp_judgments",
        "Judgments that were recorded, surplus and retracted ones too.",
        labels=["project", "source"],
    )
    for labels, count in work.judgments.items():
        judgments.add_metric(labels, count)
    yield judgments
    told = "Feedback without judgments: its inference has not come (orphaned: for long), or it does not fit it."
    yield _gauge("prefapp_waiting_feedback", told, "state", work.waiting.items())
    counted = "When comparisons, judgments and waiting feedback were counted."
    yield GaugeMetricFamily("prefapp_counted_timestamp_seconds", counted, work.counted_at)
    unsealed = monitoring.count_unsealed()
    told = "Committed events that wait for their place in the log; no project means the chain of the instance."
    counts = [((chain,), backlog.count) for chain, backlog in unsealed.items()]
    yield _gauge("prefapp_unsealed_events", told, "", counts)
    ages = [((chain,), backlog.seconds) for chain, backlog in unsealed.items()]
    yield _gauge("prefapp_oldest_unsealed_event_seconds", "For how long the oldest of them has waited.", "", ages)
    yield _gauge("prefapp_snapshots", "Snapshots by status.", "status", count_snapshots().items())


def _broker() -> Iterator[Metric]:
    timeouts = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    with Redis.from_url(settings.REDIS_URL, **timeouts) as broker:
        lengths = {queue.name: broker.llen(queue.name) for queue in settings.CELERY_TASK_QUEUES}
        successes = broker.hgetall(SUCCESSES)
    queued = GaugeMetricFamily("prefapp_queued_tasks", "Tasks that no worker has taken yet.", labels=["queue"])
    for name, length in lengths.items():
        queued.add_metric([name], length)
    yield queued
    told = "When a worker last finished a periodic task; beat or the workers are down when it falls behind."
    finished = GaugeMetricFamily("prefapp_task_last_success_timestamp_seconds", told, labels=["task"])
    for name, moment in successes.items():
        finished.add_metric([name.decode()], float(moment))
    yield finished


def _gauge(name: str, told: str, label: str, values: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    """A gauge by project and, unless it is "", one more label."""
    gauge = GaugeMetricFamily(name, told, labels=["project", *([label] if label else [])])
    for labels, value in values:
        gauge.add_metric(labels, value)
    return gauge
