"""What the comparison page's scripts send and get."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from annotation.views.desk import Desk
from annotation.views.gate import wants_fragments


def answer_page(request: HttpRequest, desk: Desk, *, notice: str = "", show: uuid.UUID | None = None) -> HttpResponse:
    """What the page's scripts get after each step: new cards, held leases, progress; `show` goes on the screen."""
    if not wants_fragments(request):
        return redirect(desk.project)
    context = {"desk": desk, "project": desk.project, "notice": notice, "show": show}
    return render(request, "annotation/_inbox.html", context)


def posted_ids(request: HttpRequest, field: str) -> list[uuid.UUID]:
    """The ids of a form field that may repeat; what is none is left out."""
    found = []
    for value in request.POST.getlist(field)[:10]:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return found
