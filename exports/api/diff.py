"""What one version of the dataset holds that another does not."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from exports.api.snapshots import VERSION, demand_files, find_snapshot
from exports.models import Snapshot
from exports.pipeline.diff import FILES_GONE, IDS_SHOWN, DiffTooLongError, diff, kind_of
from exports.pipeline.manifest import MANIFEST_VERSION


class DiffParameters(serializers.Serializer[Any]):
    """What is compared."""

    kind = serializers.ChoiceField(
        ["pair", "judgment"],
        required=False,
        help_text="Compare pairs (and rated outputs) by `meta_pair_id`, or judgments by `judgment_id`. Default: pairs, "
        "unless both versions hold judgments alone.",
    )


class ChangeSerializer(serializers.Serializer[Any]):
    """Rows that changed in one way."""

    count = serializers.IntegerField(min_value=0)
    ids = serializers.ListField(child=serializers.CharField(), help_text=f"The first {IDS_SHOWN:,}, in order.")


class DiffSerializer(serializers.Serializer[Any]):
    """What the newer version added, removed and changed."""

    older = serializers.IntegerField(min_value=1)
    newer = serializers.IntegerField(min_value=1)
    kind = serializers.ChoiceField(["pair", "judgment"])
    added = ChangeSerializer()
    removed = ChangeSerializer()
    changed = ChangeSerializer()


EXAMPLE = {
    "older": 3,
    "newer": 4,
    "kind": "pair",
    "added": {"count": 1, "ids": ["6f9619ff-8b86-8011-ab2d-00c04fc964ff"]},
    "removed": {"count": 0, "ids": []},
    "changed": {"count": 0, "ids": []},
}


class DiffView(ProjectView):
    """Two versions compared."""

    scopes = {"GET": Scope.READ}
    parameters = DiffParameters

    @extend_schema(
        operation_id="snapshot_diff",
        summary="Compare two snapshots",
        description="What the newer of the two added, removed and changed, whichever is named first. Compared is what "
        "they select: an increment stands for everything up to its watermark.",
        parameters=[VERSION, OpenApiParameter("other", str, OpenApiParameter.PATH), DiffParameters],
        responses={
            200: DiffSerializer,
            409: OpenApiResponse(description="One of them is not ready, or was built by an older Prefapp."),
            410: OpenApiResponse(description="The files of one of them are gone, or were removed."),
            503: OpenApiResponse(description="The comparison took too long and was broken off."),
        },
        examples=[OpenApiExample("One pair more", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str, version: str, other: str) -> Response:
        both = [self._comparable(name) for name in (version, other)]
        older, newer = sorted(both, key=lambda snapshot: snapshot.version)
        kind = self.query.get("kind") or kind_of(older, newer)
        try:
            changes = {name: asdict(change) for name, change in diff(older, newer, kind).items()}
        except FileNotFoundError:
            raise Problem(410, FILES_GONE) from None
        except DiffTooLongError as error:
            raise Problem(503, str(error)) from None
        return Response({"older": older.version, "newer": newer.version, "kind": kind, **changes})

    def _comparable(self, version: str) -> Snapshot:
        snapshot = find_snapshot(self.project, version)
        if snapshot.status != Snapshot.Status.READY or not snapshot.manifest:
            raise Problem(409, f"Version {snapshot.version} is {snapshot.status}, not ready.")
        demand_files(snapshot)
        if snapshot.manifest.get("manifest", 0) < MANIFEST_VERSION:
            raise Problem(409, f"Version {snapshot.version} was built by an older Prefapp; build it again.")
        return snapshot
