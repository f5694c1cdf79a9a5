"""Errors as application/problem+json (RFC 9457): every failure of the API leaves through `problem_handler`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from math import ceil
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from redis.exceptions import ConnectionError as RedisConnectionError
from rest_framework import exceptions
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 2
# Of what is told; a body could have a wrong field of a long name a million times.
MAX_ERRORS = 20
MAX_POINTER = 1_000
# Python's names for these are older than RFC 9110.
TITLES = {413: "Content Too Large", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


class Problem(Exception):  # noqa: N818 (the RFC's word)
    """An answer other than 2xx: status, what is wrong, and which fields are.

    `errors` are (pointer, detail) pairs. A pointer is a JSON Pointer (RFC 6901) into the body, or into the query read
    as an object of its parameters; "" is the whole.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Iterable[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.headers = dict(headers or {})


def pointer(*parts: str | int) -> str:
    """The JSON Pointer of that path, escaped."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def refused(name: str, detail: str) -> Problem:
    """422 for one wrong field of the body or parameter of the query."""
    return Problem(422, f"“{name}”: {detail}", errors=[(pointer(name), detail)])


def refused_fields(errors: Mapping[str, str]) -> Problem:
    """422 for several wrong fields of the body or parameters of the query, by their pointers."""
    told = list(errors.items())[:MAX_ERRORS]
    detail = "; ".join(f"“{where[1:MAX_POINTER]}”: {what}" for where, what in told)
    return Problem(422, detail, errors=errors.items())


def problem_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's exception handler: any exception as a problem, never a traceback."""
    problem, request = _as_problem(exc), context["request"]
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s %s: %d", request.method, request.path, problem.status, exc_info=exc)
    # Whatever the view answers otherwise (a file, a page), its failures are JSON.
    request.accepted_renderer = JSONRenderer()
    request.accepted_media_type = CONTENT_TYPE
    return Response(
        describe_problem(problem), status=problem.status, headers=problem.headers, content_type=CONTENT_TYPE
    )


def describe_problem(problem: Problem) -> dict[str, Any]:
    """The body of the answer; of many errors, the first ones."""
    return {
        "type": "about:blank",
        "title": TITLES.get(problem.status) or HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "errors": [{"pointer": where[:MAX_POINTER], "detail": detail} for where, detail in problem.errors[:MAX_ERRORS]],
    }


def _as_problem(exc: Exception) -> Problem:
    match exc:
        case Problem():
            return exc
        case exceptions.APIException():
            return Problem(exc.status_code, str(exc.detail), headers=_headers(exc))
        case Http404():
            return Problem(404, "There is no such object.")
        case PermissionDenied():
            return Problem(403, "This is not allowed.")
        case RequestDataTooBig():
            return Problem(413, "The body is too large.")
        case SuspiciousOperation() | UnreadablePostError():
            return Problem(400, "The request cannot be read.")
        case OperationalError() | InterfaceError() | RedisConnectionError():
            headers = {"Retry-After": str(RETRY_SECONDS)}
            return Problem(503, "A server that this needs does not answer; try again.", headers=headers)
        case _:
            return Problem(500, "Something went wrong here; it has been noted.")


def _headers(exc: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if auth_header := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if wait := getattr(exc, "wait", None):
        headers["Retry-After"] = str(ceil(wait))
    return headers


def field_errors(detail: Any, *path: str | int) -> Iterable[tuple[str, str]]:
    """A serializer's nested errors as (pointer, detail) pairs."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from field_errors(inner, *path, *([] if name == "non_field_errors" else [name]))
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            yield from field_errors(inner, *path, *([index] if isinstance(inner, dict) and inner else []))
    else:
        yield pointer(*path), str(detail)
