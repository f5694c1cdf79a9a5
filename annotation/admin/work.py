"""What is at work and what needs a hand: the queries of the start page and of the list of projects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.template.defaultfilters import pluralize
from django.utils import timezone
from django.utils.timesince import timesince

from annotation.admin.lease import HELD_LONG
from annotation.admin.page import list_url, row_url
from annotation.models import (
    Assignment,
    Comparison,
    Feedback,
    Flag,
    GuidelineVersion,
    Project,
    UnsealedEvent,
    WaitingFeedback,
)
from annotation.models.comparison import DONE, WITH_LEAD

COUNT_SECONDS = 15
# Sealing runs every few seconds; an event that waits this long means that nobody does it.
SEALING_IS_LATE = dt.timedelta(minutes=2)
CONCERNS_SHOWN = 20
STRANDED = {
    WaitingFeedback.State.ORPHANED.value: "without an inference",
    WaitingFeedback.State.MISMATCHED.value: "that did not fit what came",
}


@dataclass(frozen=True)
class Counts:
    """A project's comparisons as progress counts them; `leased` are fully handed out."""

    comparisons: int = 0
    open: int = 0
    done: int = 0
    with_lead: int = 0

    @property
    def leased(self) -> int:
        return self.comparisons - self.open - self.done - self.with_lead

    @property
    def percent(self) -> int:
        return 100 * self.done // self.comparisons if self.comparisons else 0


@dataclass(frozen=True)
class Concern:
    """One thing that needs a hand: what, for how long, and where to do something about it."""

    icon: str
    text: str
    url: str
    detail: str = ""


@dataclass(frozen=True)
class Work:
    """One project at work."""

    project: Project
    counts: Counts
    today: int

    @property
    def url(self) -> str:
        return row_url(self.project)

    @property
    def comparisons_url(self) -> str:
        return list_url(Comparison, project=self.project.slug)


def count_comparisons(projects: Iterable[Project]) -> dict[int, Counts]:
    """The counts of several projects by primary key, up to COUNT_SECONDS old."""
    keys = {f"counts:{project.uid}": project.pk for project in projects}
    known: dict[str, Counts] = cache.get_many(keys)
    missing = {key: pk for key, pk in keys.items() if key not in known}
    if missing:
        rows = (
            Comparison.objects.filter(project__in=missing.values(), kind="plain", closed=False)
            .order_by()
            .values("project")
            .annotate(
                comparisons=Count("pk"),
                open=Count("pk", filter=Q(taken__lt=F("overlap"))),
                done=Count("pk", filter=DONE),
                with_lead=Count("pk", filter=WITH_LEAD),
            )
        )
        counted = {
            row["project"]: Counts(row["comparisons"], row["open"], row["done"], row["with_lead"]) for row in rows
        }
        fresh = {key: counted.get(pk, Counts()) for key, pk in missing.items()}
        cache.set_many(fresh, COUNT_SECONDS)
        known |= fresh
    return {pk: known[key] for key, pk in keys.items()}


def at_work(projects: QuerySet[Project], *, limit: int) -> list[Work]:
    """The first `limit` projects that are open or paused, with how far they are."""
    shown = list(projects.exclude(status=Project.Status.CLOSED).order_by("-status", "name")[:limit])
    counts = count_comparisons(shown)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    judged = Assignment.objects.filter(
        annotator__project__in=shown, state=Assignment.State.JUDGED, ended_at__gte=midnight
    )
    today = dict(judged.order_by().values_list("annotator__project").annotate(n=Count("pk")))
    return [Work(project, counts[project.pk], today.get(project.pk, 0)) for project in shown]


def list_concerns(projects: QuerySet[Project], work: Sequence[Work]) -> list[Concern]:
    """What a lead of those projects should look at, the people's waiting first."""
    people = [*_flags(projects), *_long_leases(projects)]
    return [*people, *_stranded_feedback(projects), *_paused(work), *_without_guidelines(projects)]


def _flags(projects: QuerySet[Project]) -> list[Concern]:
    flags = Flag.objects.filter(resolved_at=None, annotator__project__in=projects).order_by()
    rows = flags.values("annotator__project__slug", "annotator__project__name")
    return [
        Concern(
            "flag",
            f"{row['n']} open flag{pluralize(row['n'])}",
            list_url(Flag, show="open", project=row["annotator__project__slug"]),
            f"{row['annotator__project__name']} · the oldest {_ago(row['since'])}",
        )
        for row in rows.annotate(n=Count("pk"), since=Min("created_at")).order_by("since")[:CONCERNS_SHOWN]
    ]


def _ago(moment: dt.datetime) -> str:
    is_new = timezone.now() - moment < dt.timedelta(minutes=1)
    return "just now" if is_new else f"from {timesince(moment, depth=1)} ago"


def _long_leases(projects: QuerySet[Project]) -> list[Concern]:
    leases = Assignment.objects.filter(HELD_LONG, annotator__project__in=projects).order_by()
    rows = leases.values("annotator__project__slug", "annotator__project__name")
    return [
        Concern(
            "hourglass_bottom",
            f"{row['n']} comparison{pluralize(row['n'])} leased for more than an hour",
            list_url(Assignment, show="long", project=row["annotator__project__slug"]),
            f"{row['annotator__project__name']} · the oldest for {timesince(row['since'], depth=1)}",
        )
        for row in rows.annotate(n=Count("pk"), since=Min("leased_at")).order_by("since")[:CONCERNS_SHOWN]
    ]


def _stranded_feedback(projects: QuerySet[Project]) -> list[Concern]:
    stranded = WaitingFeedback.objects.filter(state__in=STRANDED, project__in=projects).order_by()
    rows = stranded.values("state", "project__slug", "project__name")
    return [
        Concern(
            "link_off",
            f"{row['n']} feedback record{pluralize(row['n'])} {STRANDED[row['state']]}",
            list_url(Feedback, show=row["state"], project=row["project__slug"]),
            f"{row['project__name']} · the oldest {_ago(row['since'])}",
        )
        for row in rows.annotate(n=Count("pk"), since=Min("since")).order_by("since")[:CONCERNS_SHOWN]
    ]


def _paused(work: Sequence[Work]) -> list[Concern]:
    return [
        Concern(
            "pause_circle",
            f"{one.project.name} is paused",
            one.url,
            f"{one.counts.open} comparison{pluralize(one.counts.open)} wait" + ("s" if one.counts.open == 1 else ""),
        )
        for one in work
        if one.project.status == Project.Status.PAUSED and one.counts.open
    ]


def _without_guidelines(projects: QuerySet[Project]) -> list[Concern]:
    versions = GuidelineVersion.objects.filter(project=OuterRef("pk")).exclude(text="")
    unwritten = projects.filter(~Exists(versions), status=Project.Status.OPEN).order_by("name")
    return [
        Concern("menu_book", f"{project.name} has no guidelines", row_url(project), "everybody decides by their own")
        for project in unwritten[:CONCERNS_SHOWN]
    ]


def sealing_concern() -> list[Concern]:
    """That events wait for their place in the log, when nobody seals it."""
    waiting = UnsealedEvent.objects.order_by("pk").values_list("event__at", flat=True).first()
    if waiting is None or timezone.now() - waiting < SEALING_IS_LATE:
        return []
    detail = "Is a worker running, and beat? Snapshots see sealed events only."
    text = f"The log has not been sealed for {timesince(waiting, depth=1)}"
    return [Concern("lock_clock", text, list_url("annotation_event", show="unsealed"), detail)]
