"""What fails before or outside of any view: under /api/ a problem like all others, elsewhere a page."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from annotation.api.problems import CONTENT_TYPE, Problem, describe_problem


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read, such as one for a host that is not ours."""
    if not request.path_info.startswith("/api/"):
        return defaults.bad_request(request, exception)
    return _answer(Problem(HTTPStatus.BAD_REQUEST, "The request cannot be read."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when the program fails."""
    if not request.path_info.startswith("/api/"):
        return defaults.server_error(request)
    return _answer(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here; it has been noted."))


def _answer(problem: Problem) -> HttpResponse:
    return JsonResponse(describe_problem(problem), status=problem.status, content_type=CONTENT_TYPE)
