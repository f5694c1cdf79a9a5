"""Who may come in: the decorators of the annotators' and leads' pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache

from annotation import access, queue
from annotation.models import Annotator

ProjectView = Callable[..., HttpResponse]
AnnotatorView = Callable[[HttpRequest, Annotator], HttpResponse]
SlugView = Callable[[HttpRequest, str], HttpResponse]


def wants_fragments(request: HttpRequest) -> bool:
    """Whether a script of the page asks, rather than the browser itself."""
    return request.headers.get("HX-Request") == "true"


def for_annotators(view: AnnotatorView) -> SlugView:
    """Let in who may annotate the project of that slug; to others it does not exist."""

    @wraps(view)
    def enter(request: HttpRequest, slug: str) -> HttpResponse:
        if not request.user.is_authenticated:
            return _sign_in(request)
        return view(request, _annotator(request.user, slug))

    return never_cache(enter)


def _annotator(user: User, slug: str) -> Annotator:
    known = access.known_annotator(user, slug)
    if known:
        return known
    project = get_object_or_404(access.annotated_projects(user), slug=slug)
    annotator = queue.annotator_for_user(project, user)
    annotator.project = project
    return annotator


def for_leads(view: ProjectView) -> ProjectView:
    """Let in who leads the project of that slug; to others it does not exist. What else its path names goes on."""

    @wraps(view)
    def enter(request: HttpRequest, slug: str, **named: int) -> HttpResponse:
        if not request.user.is_authenticated:
            return _sign_in(request)
        return view(request, get_object_or_404(access.led_projects(request.user), slug=slug), **named)

    return never_cache(enter)


def _sign_in(request: HttpRequest) -> HttpResponse:
    if wants_fragments(request):
        # A redirect would be followed by the script and look like an answer.
        return HttpResponse("You are signed out.", status=401, content_type="text/plain")
    return redirect_to_login(request.get_full_path())
