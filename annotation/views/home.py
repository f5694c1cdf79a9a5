"""Home: a person's queues and, for a lead, projects."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import access
from annotation.models import Assignment, Comparison, GuidelineVersion, Project
from annotation.rendering import first_line


@dataclass(frozen=True)
class Queue:
    """One project as its annotator sees it on the home page."""

    project: Project
    asks: str
    left: int

    @property
    def has_work(self) -> bool:
        return self.left > 0 and self.project.status == Project.Status.OPEN


@require_safe
@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Queues with work first, by name."""
    queues = _queues(request.user) if isinstance(request.user, User) else []
    context = {
        "queues": queues,
        "first": next((queue for queue in queues if queue.has_work), None),
        "led": access.led_projects(request.user),
    }
    return render(request, "annotation/home.html", context)


def _queues(user: User) -> list[Queue]:
    latest = GuidelineVersion.objects.filter(project=OuterRef("pk")).order_by("-version").values("text")[:1]
    projects = access.annotated_projects(user).annotate(guidelines_text=Subquery(latest))
    left = _left(user, projects)
    queues = [Queue(p, first_line(p.guidelines_text or ""), left[p.pk]) for p in projects]
    return sorted(queues, key=lambda queue: not queue.has_work)


def _left(user: User, projects: QuerySet[Project]) -> Counter[int]:
    """What each project still has for this person: what it would offer, and what is held already."""
    own = Assignment.objects.filter(annotator__user=user)
    done_with = own.filter(comparison=OuterRef("pk"), state__in=["leased", "judged", "skipped"])
    wanted = Comparison.objects.filter(project__in=projects.values("pk"), taken__lt=F("overlap"))
    offered = wanted.exclude(Exists(done_with)).values_list("project").annotate(n=Count("pk"))
    held = own.filter(state=Assignment.State.LEASED).values_list("comparison__project").annotate(n=Count("pk"))
    return Counter(dict(offered.order_by())) + Counter(dict(held.order_by()))
