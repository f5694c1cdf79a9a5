"""Snapshots: ask for one, list them, follow one, cancel one."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import canonical
from annotation.api.inputs import Nothing, read_body
from annotation.api.pagination import PageParameters, paginate
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.api.records import nothing_request
from annotation.models import Project
from exports.api.shapes import QUEUED, READY, SnapshotPageSerializer, SnapshotSerializer, WantedSerializer
from exports.models import Recipe, Snapshot
from exports.pipeline import publish
from exports.pipeline.recipe import RecipeBody, RecipeError
from exports.recipes import resolve

KEY_LENGTH = 200


VERSION = OpenApiParameter(
    "version", str, OpenApiParameter.PATH, description="A number, or `latest`: the newest ready."
)


class SnapshotsView(ProjectView):
    """The snapshots of a project."""

    scopes = {"GET": Scope.READ, "POST": Scope.MANAGE}
    parameters = PageParameters

    @extend_schema(
        operation_id="snapshots_list",
        summary="List snapshots",
        description="Oldest first.",
        parameters=[PageParameters],
        responses=SnapshotPageSerializer,
        examples=[
            OpenApiExample("One snapshot", {"next": None, "previous": None, "results": [READY]}, response_only=True)
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        snapshots = Snapshot.objects.filter(project=self.project).select_related("parent", "named_recipe", "removal")
        page = paginate(request, self.query, snapshots.prefetch_related("files"))
        return Response(page.answer([describe_snapshot(request, self.project, row) for row in page.rows]))

    @extend_schema(
        operation_id="snapshots_create",
        summary="Ask for a snapshot",
        description="Contains everything that was acknowledged before the call. A worker builds it; follow `Location` "
        "until `status` is `ready`, `failed` or `cancelled`.",
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
                OpenApiParameter.HEADER,
                description="The same key and body again give the same snapshot; another body is a 409.",
            ),
            OpenApiParameter("Location", OpenApiTypes.URI, OpenApiParameter.HEADER, response=[202]),
        ],
        request=WantedSerializer,
        responses={
            202: SnapshotSerializer,
            409: OpenApiResponse(description="The Idempotency-Key stands for another body."),
        },
        examples=[
            OpenApiExample("Pairs with two votes", {"recipe": {"min_votes": 2}}, request_only=True),
            OpenApiExample("In one format", {"recipe": {}, "formats": ["preference"]}, request_only=True),
            OpenApiExample("Queued", QUEUED, response_only=True, status_codes=["202"]),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        recipe, named, digest = read_wanted(request, self.project)
        wanted = publish.Request(recipe, self.actor, named=named, key=_idempotency_key(request), digest=digest)
        try:
            snapshot = publish.request(self.project, wanted)
        except publish.ConflictError as error:
            raise Problem(409, str(error)) from None
        described = describe_snapshot(request, self.project, snapshot)
        location = request.build_absolute_uri(reverse("api-snapshot", args=[self.project.slug, snapshot.version]))
        return Response(described, status=202, headers={"Location": location})


class SnapshotView(ProjectView):
    """One snapshot."""

    scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="snapshot_read",
        summary="Read a snapshot",
        parameters=[VERSION],
        responses=SnapshotSerializer,
        examples=[OpenApiExample("Ready", READY, response_only=True)],
    )
    def get(self, request: Request, slug: str, version: str) -> Response:
        return Response(describe_snapshot(request, self.project, find_snapshot(self.project, version)))


class CancelView(ProjectView):
    """Giving a snapshot up before it is ready."""

    scopes = {"POST": Scope.MANAGE}

    @extend_schema(
        operation_id="snapshot_cancel",
        summary="Cancel a snapshot",
        description="One that is queued or being built; a second time changes nothing.",
        parameters=[VERSION],
        request=nothing_request(),
        responses={
            202: SnapshotSerializer,
            409: OpenApiResponse(description="It has ended already."),
        },
        examples=[
            OpenApiExample("Cancelled", QUEUED | {"status": "cancelled"}, response_only=True, status_codes=["202"])
        ],
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        read_body(request, Nothing)
        snapshot = find_snapshot(self.project, version)
        try:
            publish.cancel(snapshot, actor=self.actor)
        except publish.ConflictError as error:
            raise Problem(409, str(error)) from None
        snapshot.refresh_from_db()
        return Response(describe_snapshot(request, self.project, snapshot), status=202)


def find_snapshot(project: Project, version: str) -> Snapshot:
    """The snapshot of that number, or the newest ready one for `latest`; Problem 404 when there is none."""
    snapshots = Snapshot.objects.filter(project=project).select_related("parent", "named_recipe", "project", "removal")
    if version == "latest":
        found = snapshots.filter(status=Snapshot.Status.READY).order_by("-version").first()
    elif version.isdecimal() and version.isascii() and len(version) < 10:
        found = snapshots.filter(version=int(version)).first()
    else:
        found = None
    if found is None:
        raise Problem(404, f"There is no snapshot “{version}” in this project.")
    return found


def demand_files(snapshot: Snapshot) -> None:
    """Problem 410 when the files of a snapshot were removed."""
    if hasattr(snapshot, "removal"):
        when = f"{snapshot.removal.removed_at:%Y-%m-%d}"
        raise Problem(410, f"The files of version {snapshot.version} were removed on {when}.")


def read_wanted(request: Request, project: Project) -> tuple[RecipeBody, Recipe | None, str]:
    """The recipe that a body asks for, the named recipe it came from, and the digest of the body; Problem 422."""
    body = read_body(request, WantedSerializer)
    try:
        recipe, named = resolve(project, body["recipe"], body.get("formats"))
    except RecipeError as error:
        errors = [(field.pointer, field.detail) for field in error.errors]
        raise Problem(422, f"The recipe is refused: {error}", errors=errors) from None
    return recipe, named, canonical.digest(request.data)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= KEY_LENGTH:
        raise Problem(422, f"The Idempotency-Key must have 1 to {KEY_LENGTH} characters.")
    return key


def describe_snapshot(request: Request, project: Project, snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as SnapshotSerializer."""
    return {
        "version": snapshot.version,
        "status": snapshot.status,
        "progress": snapshot.progress,
        "parent": snapshot.parent.version if snapshot.parent else None,
        "watermark": snapshot.watermark,
        "watermark_hash": snapshot.watermark_hash,
        "rows": snapshot.rows,
        "bytes": snapshot.bytes,
        "recipe": snapshot.recipe,
        "recipe_name": snapshot.named_recipe.name if snapshot.named_recipe else None,
        "error": snapshot.error or None,
        "created_at": snapshot.created_at,
        "ended_at": snapshot.ended_at,
        "files_removed_at": snapshot.removal.removed_at if hasattr(snapshot, "removal") else None,
        "files": [
            {
                "path": file.path,
                "bytes": file.bytes,
                "sha256": file.sha256,
                "rows": file.rows,
                "url": request.build_absolute_uri(
                    reverse("api-snapshot-file", args=[project.slug, snapshot.version, file.path])
                ),
            }
            for file in snapshot.files.all()
        ],
    }
