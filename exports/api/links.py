"""Links that open a snapshot for a while without a key."""

from __future__ import annotations

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from annotation.api.inputs import read_body
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.models import Project
from exports.api.files import DOWNLOAD, DOWNLOADED, TAR, AnyMediaType, answer, answer_archive, find_file
from exports.api.snapshots import VERSION, demand_files, find_snapshot
from exports.links import LONGEST_SECONDS, LinkError, make_token, opened_by
from exports.models import Snapshot

ARCHIVE = "archive.tar"


class WantedLinksSerializer(serializers.Serializer[Any]):
    """For how long."""

    expires_in = serializers.IntegerField(
        min_value=1, max_value=LONGEST_SECONDS, default=3600, help_text="Seconds; up to a week."
    )


class LinkSerializer(serializers.Serializer[Any]):
    """A file and the address that opens it."""

    path = serializers.CharField()
    url = serializers.URLField()


class LinksSerializer(serializers.Serializer[Any]):
    """Addresses of everything in a snapshot, good until a time."""

    expires_at = serializers.DateTimeField()
    archive = serializers.URLField(help_text="The whole folder as a tar stream.")
    files = LinkSerializer(many=True)


BASE = "https://prefapp.example/api/v1/projects/demo/links/WyI4…:1wX…:9Qb…/"
EXAMPLE = {
    "expires_at": "2026-05-01T11:00:00Z",
    "archive": f"{BASE}archive.tar",
    "files": [{"path": "manifest.json", "url": f"{BASE}manifest.json"}],
}


class LinksView(ProjectView):
    """Making links to a ready snapshot."""

    scopes = {"POST": Scope.READ}

    @extend_schema(
        operation_id="snapshot_links",
        summary="Make links that need no key",
        description="For tools that cannot send a header. Whoever has a link can read that snapshot until it expires; "
        "it cannot be taken back before.",
        parameters=[VERSION],
        request=WantedLinksSerializer,
        responses={
            201: LinksSerializer,
            409: OpenApiResponse(description="It is not ready."),
            410: OpenApiResponse(description="Its files were removed."),
        },
        examples=[
            OpenApiExample("For ten minutes", {"expires_in": 600}, request_only=True),
            OpenApiExample("Links", EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        body = read_body(request, WantedLinksSerializer)
        snapshot = find_snapshot(self.project, version)
        if snapshot.status != Snapshot.Status.READY:
            raise Problem(409, f"Version {snapshot.version} is {snapshot.status}, not ready.")
        demand_files(snapshot)
        token, expires_at = make_token(snapshot, seconds=body["expires_in"])

        def link(path: str) -> str:
            return request.build_absolute_uri(reverse("api-snapshot-link", args=[slug, token, path]))

        files = [{"path": path, "url": link(path)} for path in snapshot.files.values_list("path", flat=True)]
        return Response({"expires_at": expires_at, "archive": link(ARCHIVE), "files": files}, status=201)


class LinkView(APIView):
    """What a link opens."""

    authentication_classes = ()
    permission_classes = ()
    content_negotiation_class = AnyMediaType

    @extend_schema(
        operation_id="snapshot_link",
        summary="Follow a link",
        description="As `files/PATH` and `archive.tar` of the snapshot that the link is for; no key is asked for.",
        parameters=[OpenApiParameter("slug", str, OpenApiParameter.PATH), *DOWNLOAD],
        responses={
            **DOWNLOADED,
            (200, TAR): OpenApiTypes.BINARY,
            403: OpenApiResponse(description="The link is over, or not a link."),
        },
        auth=[{}],  # type: ignore[list-item]  # OpenAPI for: nobody has to tell who they are
    )
    def get(self, request: Request, slug: str, token: str, path: str) -> HttpResponseBase:
        try:
            uid, version = opened_by(token)
        except LinkError as error:
            raise Problem(403, str(error)) from None
        project = Project.objects.filter(slug=slug, uid=uid).first()
        if project is None:
            raise Problem(404, "There is no such object.")
        snapshot = find_snapshot(project, str(version))
        return answer_archive(request, snapshot) if path == ARCHIVE else answer(request, find_file(snapshot, path))
