"""Links of the OpenAPI document: which call takes what another has answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

Document = dict[str, Any]


class Link(NamedTuple):
    """From an answer of an operation (with one of some statuses) to another operation of the same project.

    The other's path parameter is taken from the answer's body at a JSON Pointer.
    """

    operation: str
    statuses: tuple[str, ...]
    to: str
    parameters: dict[str, str]


LINKS = [
    *(
        Link("queue_claim", ("200",), f"queue_{step}", {"lease_id": "/0/lease_id"})
        for step in ("judge", "renew", "release", "skip")
    ),
    Link("inferences_send", ("200", "201", "207"), "inference_read", {"request_id": "/results/0/id"}),
    Link("comparisons_make", ("200", "201"), "comparisons_read", {"comparison_id": "/results/0/comparison_id"}),
    Link("comparisons_list", ("200",), "comparisons_change", {"comparison_id": "/results/0/comparison_id"}),
    Link("feedback_list", ("200",), "inference_read", {"request_id": "/results/0/request_id"}),
    Link("judgments_list", ("200",), "inference_read", {"request_id": "/results/0/request_id"}),
]


def add_own_links(result: Document, generator: SchemaGenerator, request: Request | None, public: bool) -> Document:
    """Add LINKS. A hook of drf-spectacular, after generation."""
    return add_links(result, LINKS)


def add_links(result: Document, links: Iterable[Link]) -> Document:
    """Add links to the document."""
    operations = {
        operation["operationId"]: operation for path in result["paths"].values() for operation in path.values()
    }
    for link in links:
        taken = {name: f"$response.body#{place}" for name, place in link.parameters.items()}
        told = {"operationId": link.to, "parameters": {"slug": "$request.path.slug", **taken}}
        for status in link.statuses:
            operations[link.operation]["responses"][status].setdefault("links", {})[link.to] = told
    return result
