"""The OpenAPI document: what drf-spectacular cannot know by itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from annotation.api import problems, records

Document = dict[str, Any]

DESCRIPTION = """
Preferences between model outputs: collected, kept and handed over as datasets.

* A program calls with `Authorization: Bearer KEY`. A key belongs to one project and holds scopes: `ingest`, `annotate`,
  `read`, and `manage`, which is all of them. It may have a rate limit (429) and a day on which it expires.
* A web page calls with a browser key, from an origin that the key lists: it may send feedback of end users, no more.
* Lists come in pages: follow `next` until it is null. Pages stay complete while rows are added.
* A parameter or field that is not known is refused, never ignored, and so is a value of another JSON type.
* A path without its final slash is answered with 308 and the right one, an unknown method with 405 and `Allow`.
* Every failure is `application/problem+json`; `errors` point to what is wrong.
"""

PROBLEM: Document = {
    "type": "object",
    "description": "Why a call failed (RFC 9457).",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "errors": {
            "type": "array",
            "description": f"What is wrong, by field; the first {problems.MAX_ERRORS}.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON Pointer into the body, or into the query read as an object.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "examples": [
        {
            "type": "about:blank",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "“overlap”: Ensure this value is greater than or equal to 1.",
            "errors": [{"pointer": "/overlap", "detail": "Ensure this value is greater than or equal to 1."}],
        }
    ],
}

ALWAYS = {
    "400": "The request cannot be read.",
    "403": "The key lacks the scope, or is for web pages and this is not for them.",
    "404": "There is no such object in the key's project.",
    "422": "A parameter or field is unknown or wrong; `errors` says which.",
    "500": "It went wrong here, and stands in the server's log.",
    "503": "The database does not answer; try again after `Retry-After` seconds.",
}
WITH_A_KEY = {
    "401": "The key is missing, wrong, revoked or expired.",
    "429": "Faster than the key's rate limit allows; try again after `Retry-After` seconds.",
}
WITH_A_BODY = {
    "400": "The request cannot be read: its body is shorter than it should be, or what is packed in it is damaged.",
    "411": "The body came without its length.",
    "413": "The body is too large, as sent or unpacked.",
    "415": "The body is not of a media type, charset or encoding that is read here.",
}
WITH_MEDIA_TYPES = {"406": "The answer is JSON, which `Accept` does not accept."}
HEADERS: dict[str, dict[str, Document]] = {
    "401": {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "`Bearer`"}},
    "429": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}},
    "503": {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}},
}
PATH_PARAMETERS: dict[str, Document] = {
    "slug": {"description": "The project.", "schema": {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}},
}

SECURITY = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "A key of the admin or `manage.py create_api_key`."},
    "browserSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.SESSION_COOKIE_NAME,
        "description": "A signed-in lead; what changes something needs the header `X-CSRFToken` as well.",
    },
}


def complete(result: Document, generator: SchemaGenerator, request: Request | None, public: bool) -> Document:
    """Add how callers are known and how calls fail. A hook of drf-spectacular, after generation."""
    result["info"]["description"] = DESCRIPTION.strip()
    result["security"] = [{name: []} for name in SECURITY]
    result["components"]["securitySchemes"] = SECURITY
    result["components"]["schemas"] |= {"Problem": PROBLEM, **records.components()}
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request") and schema.get("type") == "object":
            _close(schema, is_patch=name.startswith("Patched"))
    for operations in result["paths"].values():
        for method, operation in operations.items():
            _add_failures(operation)
            for parameter in operation.get("parameters", ()):
                parameter |= PATH_PARAMETERS.get(parameter["name"], {})
            if method == "patch" or operation["operationId"] in records.OPERATIONS:
                operation["requestBody"]["required"] = True
    return result


def _close(sent: Document, *, is_patch: bool) -> None:
    """Nothing but the fields may be in an object that is sent; one that changes something names what."""
    sent["additionalProperties"] = False
    if is_patch:
        sent["minProperties"] = 1


def _add_failures(operation: Document) -> None:
    """The failures that a call can meet; and for all of them, declared ones too, that they are problems."""
    responses = operation["responses"]
    failures = dict(ALWAYS)
    if operation.get("security") != [{}]:
        failures |= WITH_A_KEY
    if "requestBody" in operation:
        failures |= WITH_A_BODY
    if all(media_type == records.JSON for response in responses.values() for media_type in response.get("content", ())):
        failures |= WITH_MEDIA_TYPES
    for status, description in failures.items():
        responses.setdefault(status, {"description": description})
    for body in responses.get("206", {}).get("content", {}).values():
        body.clear()  # a piece of a file is no JSON even where the file is
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
            if status in HEADERS:
                response["headers"] = HEADERS[status]
