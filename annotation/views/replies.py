"""What the comparison page's scripts send and get."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.models import Annotator, Assignment
from annotation.views.desk import Desk
from annotation.views.gate import wants_fragments

NO_LONGER_YOURS = (
    "This comparison was no longer with you: it was answered before, perhaps in another tab, or given back. "
    "Your saved answers are all still there; just go on with the next one."
)
ERASED = (
    "A comparison was erased at the wish of the person it came from, so nobody is asked about it any more. "
    "Your saved answers are all still there; just go on."
)


def answer_page(request: HttpRequest, desk: Desk, *, notice: str = "", show: uuid.UUID | None = None) -> HttpResponse:
    """What the page's scripts get after each step: new cards, held leases, progress; `show` goes on the screen."""
    if not wants_fragments(request):
        return redirect(desk.project)
    context = {"desk": desk, "project": desk.project, "notice": notice, "show": show}
    return render(request, "annotation/_inbox.html", context)


def why_lost(annotator: Annotator, leases: Sequence[uuid.UUID]) -> str:
    """Why some of the annotator's leases are not live any more, in words."""
    erased = annotator.assignments.filter(uid__in=leases, state=Assignment.State.ERASED)
    return ERASED if erased.exists() else NO_LONGER_YOURS


def posted_ids(request: HttpRequest, field: str) -> list[uuid.UUID]:
    """The ids of a form field that may repeat; what is none is left out."""
    found = []
    for value in request.POST.getlist(field)[:10]:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return found
