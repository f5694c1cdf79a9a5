"""Counts that people watch while work goes on."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, F, Q
from django.utils import timezone

from annotation.models import Annotator, Assignment, Comparison, Judgment, Project

TOTAL_SECONDS = 15


@dataclass(frozen=True)
class ProjectProgress:
    """Comparisons by state; `open` still want somebody, `leased` are fully handed out, `done` have their overlap."""

    comparisons: int
    open: int
    leased: int
    done: int
    judgments: dict[str, int]
    surplus: int


@dataclass(frozen=True)
class AnnotatorProgress:
    """“37 of 200 · 12 today”: judged so far, that and what is left, judged since midnight (UTC)."""

    judged: int
    total: int
    today: int


def project_progress(project: Project) -> ProjectProgress:
    """Exact counts; reads every comparison and judgment of the project once."""
    comparisons = Comparison.objects.filter(project=project).aggregate(
        all=Count("pk"),
        open=Count("pk", filter=Q(taken__lt=F("overlap"))),
        done=Count("pk", filter=Q(judged=F("overlap"))),
    )
    current = Judgment.objects.filter(project=project, feedback__retracted_by=None)
    by_source = current.filter(surplus=False).values_list("source_type").annotate(n=Count("pk")).order_by("source_type")
    return ProjectProgress(
        comparisons=comparisons["all"],
        open=comparisons["open"],
        leased=comparisons["all"] - comparisons["open"] - comparisons["done"],
        done=comparisons["done"],
        judgments=dict(by_source),
        surplus=current.filter(surplus=True).count(),
    )


def annotator_progress(annotator: Annotator) -> AnnotatorProgress:
    """What one annotator has done and what there is in all; the total may be some seconds old."""
    judged = Annotator.objects.values_list("judged", flat=True).get(pk=annotator.pk)
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    today = annotator.assignments.filter(state=Assignment.State.JUDGED, ended_at__gte=midnight).count()
    total = cache.get_or_set(f"total:{annotator.pk}", lambda: _count_total(annotator, judged), TOTAL_SECONDS)
    return AnnotatorProgress(judged, max(total or 0, judged), today)


def _count_total(annotator: Annotator, judged: int) -> int:
    """Judged, held and still to be offered to this annotator."""
    held = annotator.assignments.filter(state=Assignment.State.LEASED).count()
    done_with = annotator.assignments.filter(state__in=["leased", "judged", "skipped"]).values("comparison")
    wanted = Comparison.objects.filter(project=annotator.project_id, taken__lt=F("overlap"))
    return judged + held + wanted.exclude(pk__in=done_with).count()
