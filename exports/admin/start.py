"""The admin's start page: projects at work, what needs a hand, the latest snapshots."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from annotation import access
from annotation.admin.page import list_url, row_url
from annotation.admin.scope import is_superuser, may_work
from annotation.admin.work import Concern, at_work, list_concerns, sealing_concern
from annotation.models import Project
from exports.admin.snapshot import KINDS
from exports.models import Snapshot

PROJECTS_SHOWN = 12
SNAPSHOTS_SHOWN = 5
FAILURES_SHOWN = 5


def start_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Adds to the context of the theme's index page."""
    projects = access.led_projects(request.user)
    work = at_work(projects, limit=PROJECTS_SHOWN)
    snapshots = Snapshot.objects.filter(project__in=projects).select_related("project").defer("manifest", "recipe")
    waiting = sealing_concern() if is_superuser(request) else []
    return context | {
        "may_work": may_work(request),
        "has_projects": bool(work) or projects.exists(),
        "work": work,
        "concerns": [*waiting, *list_concerns(projects, work), *_failures(projects)],
        "snapshots": [(one, KINDS[one.status], row_url(one)) for one in snapshots.order_by("-pk")[:SNAPSHOTS_SHOWN]],
        "projects_url": list_url(Project),
        "snapshots_url": list_url(Snapshot),
    }


def _failures(projects: QuerySet[Project]) -> list[Concern]:
    """Failed snapshots that no later one of their project made up for."""
    later = Snapshot.objects.filter(project=OuterRef("project"), pk__gt=OuterRef("pk"), status=Snapshot.Status.READY)
    failed = Snapshot.objects.filter(~Exists(later), project__in=projects, status=Snapshot.Status.FAILED)
    newest = failed.select_related("project").defer("manifest", "recipe").order_by("-pk")[:FAILURES_SHOWN]
    return [Concern("error", f"Snapshot {one} failed", row_url(one), one.error) for one in newest]
