"""Counts that people watch while work goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from django.core.cache import cache, caches
from django.db import connection
from django.db.models import Count, F, Q

from annotation import claiming
from annotation.mixing import count_mixed_in, count_to_come
from annotation.models import Annotator, Comparison, Judgment, Project
from annotation.models.comparison import DONE, WITH_LEAD

COUNT_SECONDS = 15  # how old a count may be that would cost too much to make for every look
SMALL = 10_000  # comparisons and judgments that are counted in milliseconds, and so for every look
LEFT_COUNTED = 1_000  # of what is left for one person no more is counted


@dataclass(frozen=True)
class ProjectProgress:
    """Plain comparisons by state; `open` still want somebody, `leased` are fully handed out, `done` have their overlap.

    `with_lead`: too many have skipped them. `judgments` and `surplus` count golds and repeats as well.
    """

    comparisons: int
    open: int
    leased: int
    done: int
    with_lead: int
    judgments: dict[str, int]
    surplus: int


@dataclass(frozen=True)
class AnnotatorProgress:
    """“37 of 200 · 12 today”: judged so far, that and what is left, judged since midnight (UTC).

    `more`: the total is more than that.
    """

    judged: int
    total: int
    more: bool
    today: int


def project_progress(project: Project) -> ProjectProgress:
    """Exact counts; reads every comparison and judgment of the project once."""
    comparisons = Comparison.objects.filter(project=project, kind="plain", closed=False).aggregate(
        all=Count("pk"),
        open=Count("pk", filter=Q(taken__lt=F("overlap"))),
        done=Count("pk", filter=DONE),
        with_lead=Count("pk", filter=WITH_LEAD),
    )
    current = Judgment.objects.filter(project=project, feedback__retracted_by=None, erasure=None)
    by_source = current.filter(surplus=False).values_list("source_type").annotate(n=Count("pk")).order_by("source_type")
    return ProjectProgress(
        comparisons=comparisons["all"],
        open=comparisons["open"],
        leased=comparisons["all"] - comparisons["open"] - comparisons["done"] - comparisons["with_lead"],
        done=comparisons["done"],
        with_lead=comparisons["with_lead"],
        judgments=dict(by_source),
        surplus=current.filter(surplus=True).count(),
    )


def recent_progress(project: Project) -> ProjectProgress:
    """The same for whoever watches; of a large project up to COUNT_SECONDS old."""
    key = f"progress:{project.uid}"
    known: ProjectProgress | None = cache.get(key)
    if known is None:
        known = project_progress(project)
        if known.comparisons + sum(known.judgments.values()) > SMALL:
            cache.set(key, known, COUNT_SECONDS)
    return known


@dataclass(frozen=True)
class Left:
    """What one project still has for a person: comparisons held, and offered, of which LEFT_COUNTED + 1 means more."""

    held: int = 0
    offered: int = 0


# Reads no more than the comparisons that it counts and those that this person is done with.
LEFT = """
SELECT p.id, p.gold_rate, p.repeat_rate, coalesce(n.judged, 0),
    CASE WHEN p.gold_rate + p.repeat_rate > 0 THEN (
        SELECT count(*) FROM annotation_assignment x
        WHERE x.annotator_id = n.id AND x.is_mixed_in AND x.state IN ('leased', 'judged', 'skipped')) END,
    CASE WHEN p.gold_rate > 0 THEN (
        SELECT count(*) FROM annotation_comparison c WHERE c.project_id = p.id AND c.kind = 'gold') END,
    (SELECT count(*) FROM annotation_assignment x WHERE x.annotator_id = n.id AND x.state = 'leased'),
    (SELECT count(*) FROM (
        SELECT FROM annotation_comparison c
        WHERE c.project_id = p.id AND c.taken < c.overlap AND NOT EXISTS (
            SELECT FROM annotation_assignment x
            WHERE x.comparison_id = c.id AND x.annotator_id = n.id AND x.state IN ('leased', 'judged', 'skipped'))
          AND p.requires <@ coalesce(n.tags, '{}') AND (c.requires IS NULL OR c.requires <@ n.tags)
          AND (c.reserved_for_id IS NULL OR c.reserved_for_id = n.id)
        LIMIT %(limit)s) AS offered)
FROM annotation_project p
LEFT JOIN annotation_annotator n ON n.project_id = p.id AND n.user_id = %(user)s
WHERE p.id = ANY (%(projects)s)
"""


def left_for(user: int | None, projects: Sequence[int]) -> dict[int, Left]:
    """What each of some projects still has for a person, by their primary keys."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {"user": user, "projects": list(projects), "limit": LEFT_COUNTED + 1})
        return {project: _left(*counts) for project, *counts in cursor.fetchall()}


def _left(
    gold_rate: float, repeat_rate: float, judged: int, mixed_in: int | None, golds: int | None, held: int, offered: int
) -> Left:
    to_come = 0
    if mixed_in is not None and offered:
        plain = judged + held + offered - mixed_in
        to_come = count_to_come(gold_rate, repeat_rate, plain=plain, mixed_in=mixed_in, golds=golds or 0)
    return Left(held, offered + to_come)


def annotator_progress(annotator: Annotator) -> AnnotatorProgress:
    """What one annotator has done and what there is in all; the latter may be some seconds old, in each process others.

    Nothing is counted beyond LEFT_COUNTED, so that a long queue takes no longer than a short one.
    """
    key = f"ahead:{annotator.pk}"
    counted = caches["process"].get_or_set(key, lambda: _look_ahead(annotator), COUNT_SECONDS)
    left, today, judged = cast("tuple[int, int, int]", counted)
    since = annotator.judged - judged
    more = left > LEFT_COUNTED
    total = (judged + left) // LEFT_COUNTED * LEFT_COUNTED if more else judged + left
    return AnnotatorProgress(annotator.judged, max(total, annotator.judged), more, max(today + since, 0))


def _look_ahead(annotator: Annotator) -> tuple[int, int, int]:
    held, ahead, today = claiming.look_ahead(annotator, at_most=LEFT_COUNTED + 1)
    if not annotator.qualifies:
        ahead = 0
    project = annotator.project
    mixed_in, golds = count_mixed_in(annotator) if project.gold_rate or project.repeat_rate else (None, None)
    left = _left(project.gold_rate, project.repeat_rate, annotator.judged, mixed_in, golds, held, ahead)
    return left.held + left.offered, today, annotator.judged
