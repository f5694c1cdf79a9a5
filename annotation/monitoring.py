"""Figures for whoever watches an installation: counts over all projects, asked for every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, F, Min, Q
from django.utils import timezone

from annotation.models import Comparison, Event, Judgment, Project, UnsealedEvent, WaitingFeedback
from annotation.models.comparison import DONE, WITH_LEAD

Counts = dict[tuple[str, str], int]

# Reading every comparison and judgment may take a twentieth of the time: the counts stand twenty times as long as they
# took, some seconds at least.
STANDS = 20
SHORTEST_SECONDS = 5.0
KEY = "monitoring:work"


@dataclass(frozen=True)
class Work:
    """Comparisons and waiting feedback by (project, state), judgments of all time by (project, source).

    They were counted at a Unix time.
    """

    comparisons: Counts
    judgments: Counts
    waiting: Counts
    counted_at: float


@dataclass(frozen=True)
class Backlog:
    """How many events of a chain wait for their seal, and for how many seconds the oldest does."""

    count: int
    seconds: float


def count_work() -> Work:
    """The counts of all projects; they may be as old as SHORTEST_SECONDS or STANDS times what counting takes."""
    known: Work | None = cache.get(KEY)
    if known is None:
        began = time.monotonic()
        known = _count_work()
        cache.set(KEY, known, max(SHORTEST_SECONDS, STANDS * (time.monotonic() - began)))
    return known


def _count_work() -> Work:
    slugs = _slugs()
    comparisons: Counts = {}
    by_project = Comparison.objects.filter(kind="plain", closed=False).order_by().values_list("project")
    rows = by_project.annotate(
        all=Count("pk"),
        open=Count("pk", filter=Q(taken__lt=F("overlap"))),
        done=Count("pk", filter=DONE),
        with_lead=Count("pk", filter=WITH_LEAD),
    )
    for project, all_, open_, done, with_lead in rows:
        leased = all_ - open_ - done - with_lead
        states = {"open": open_, "leased": leased, "done": done, "with_lead": with_lead}
        comparisons |= {(slugs[project], state): count for state, count in states.items()}
    sources = Judgment.objects.order_by().values_list("project", "source_type").annotate(Count("pk"))
    judgments = {(slugs[project], source): count for project, source, count in sources}
    waits = WaitingFeedback.objects.order_by().values_list("project", "state").annotate(Count("pk"))
    waiting = {(slugs[project], state): count for project, state, count in waits}
    return Work(comparisons, judgments, waiting, time.time())


def count_unsealed() -> dict[str, Backlog]:
    """What waits for its seal, by project; the instance's own chain has the name ""."""
    slugs = _slugs()
    waiting = UnsealedEvent.objects.order_by().values_list("project").annotate(Count("pk"), Min("event_id"))
    found = list(waiting)
    since = dict(Event.objects.filter(pk__in=[oldest for _, _, oldest in found]).values_list("pk", "at"))
    now = timezone.now()
    return {
        slugs[project]: Backlog(count, max(0.0, (now - since[oldest]).total_seconds()))
        for project, count, oldest in found
    }


def _slugs() -> dict[int | None, str]:
    """The names of the chains by project; the instance's is empty."""
    return {None: "", **dict(Project.objects.order_by().values_list("pk", "slug"))}
