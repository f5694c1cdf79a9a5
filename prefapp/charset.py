"""Bodies are UTF-8: what says that it is something else is refused before Django sees it.

Django takes the charset of the body on for the query as well, and fails, before any view, with one that names no text
encoding.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.utils.http import parse_header_parameters

from annotation.api.problems import CONTENT_TYPE, Problem, describe_problem

UTF_8 = {"utf-8", "utf8", "us-ascii", "ascii"}

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def only_utf_8(application: Application) -> Application:
    """A WSGI application that answers 415 to bodies of another charset, and hands on all others."""

    def refuse_or_hand_on(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if is_utf_8(environ.get("CONTENT_TYPE", "")):
            return application(environ, start_response)
        problem = describe_problem(Problem(415, "A body is read as UTF-8; its Content-Type says something else."))
        body = json.dumps(problem).encode()
        start_response(f"415 {problem['title']}", [("Content-Type", CONTENT_TYPE), ("Content-Length", str(len(body)))])
        return [body]

    return refuse_or_hand_on


def is_utf_8(content_type: str) -> bool:
    """Whether a Content-Type says UTF-8 or nothing about it."""
    try:
        _, parameters = parse_header_parameters(content_type)
    except ValueError:  # of an encoding that is not known
        return False
    return str(parameters.get("charset", "utf-8")).strip().lower() in UTF_8
