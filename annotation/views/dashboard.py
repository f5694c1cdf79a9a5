"""A lead's first look at a project: how far it is, and who said what."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotation.models import Annotator, Assignment, Flag, Project, SourceType
from annotation.progress import recent_progress
from annotation.views.gate import for_leads, wants_fragments


@require_safe
@for_leads
def dashboard(request: HttpRequest, project: Project) -> HttpResponse:
    """Progress, judgments by source, annotators; the figures alone for the page's own refresh."""
    progress = recent_progress(project)
    answers = Assignment.objects.filter(annotator=OuterRef("pk"), state__in=Assignment.ANSWERED)
    latest = Subquery(answers.order_by("-ended_at").values("ended_at")[:1])
    annotators = Annotator.objects.filter(project=project, judged__gt=0)
    context = {
        "project": project,
        "progress": progress,
        "percent": 100 * progress.done // progress.comparisons if progress.comparisons else 0,
        "sources": [(SourceType(source).label, count) for source, count in progress.judgments.items()],
        "annotators": annotators.annotate(latest=latest).order_by("-judged")[:50],
        "flags": Flag.objects.filter(comparison__project=project, resolved_at=None).count(),
        "guidelines": project.current_guidelines(),
    }
    template = "annotation/_figures.html" if wants_fragments(request) else "annotation/dashboard.html"
    return render(request, template, context)
