"""Links of the OpenAPI document from snapshots to what can be done with them."""

from __future__ import annotations

from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from annotation.api.api_links import Document, Link, add_links

VERSION = {"version": "/version"}
LINKS = [
    *(
        Link("snapshots_create", ("202",), f"snapshot_{step}", VERSION)
        for step in ("read", "cancel", "archive", "links")
    ),
    Link("snapshot_read", ("200",), "snapshot_file", {**VERSION, "path": "/files/0/path"}),
    Link("snapshot_read", ("200",), "snapshot_diff", {**VERSION, "other": "/parent"}),
    Link("webhooks_create", ("201",), "webhooks_delete", {"uid": "/id"}),
    Link("snapshots_list", ("200",), "snapshot_read", {"version": "/results/0/version"}),
]


def add_own_links(result: Document, generator: SchemaGenerator, request: Request | None, public: bool) -> Document:
    """Add LINKS. A hook of drf-spectacular, after generation."""
    return add_links(result, LINKS)
