"""Home: a person's queues and, for a lead, projects."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from annotation import access, progress
from annotation.models import GuidelineVersion, Project
from annotation.queue import release_all
from annotation.rendering import first_line


@dataclass(frozen=True)
class Queue:
    """One project as its annotator sees it on the home page."""

    project: Project
    asks: str
    work: progress.Left

    @property
    def left(self) -> int:
        """What may be judged now: of a paused project what is held already."""
        offered = self.work.offered if self.project.status == Project.Status.OPEN else 0
        return 0 if self.project.status == Project.Status.CLOSED else self.work.held + offered

    @property
    def says(self) -> str:
        """What is left, in words."""
        if self.project.status != Project.Status.OPEN:
            return f"{self.project.get_status_display()}{f' · {self.left} to finish' if self.left else ''}"
        if self.left > progress.LEFT_COUNTED:
            return f"More than {progress.LEFT_COUNTED:,} left for you"
        return f"{self.left or 'Nothing'} left for you"


@require_safe
@login_required
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    """Queues with work first, by name."""
    queues = _queues(request.user) if isinstance(request.user, User) else []
    context = {
        "queues": queues,
        "first": next((queue for queue in queues if queue.left), None),
        "held": sum(queue.work.held for queue in queues),
        "led": access.led_projects(request.user),
    }
    return render(request, "annotation/home.html", context)


@require_POST
@login_required
def return_work(request: HttpRequest) -> HttpResponse:
    """Give back all that this person holds, so that others need not wait for it."""
    released = release_all(request.user) if isinstance(request.user, User) else 0
    said = f"Returned {released} comparison{pluralize(released)}: others may judge them now, or you, later."
    messages.success(request, said if released else "You held nothing, so there was nothing to return.")
    return redirect("home")


def _queues(user: User) -> list[Queue]:
    latest = GuidelineVersion.objects.filter(project=OuterRef("pk")).order_by("-version").values("text")[:1]
    projects = access.annotated_projects(user).annotate(guidelines_text=Subquery(latest))
    left = progress.left_for(user.pk, [project.pk for project in projects])
    queues = [Queue(project, first_line(project.guidelines_text or ""), left[project.pk]) for project in projects]
    return sorted(queues, key=lambda queue: not queue.left)
