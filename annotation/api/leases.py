"""The queue for programs: AI critics, reward models and other front ends take work and give it back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import queue
from annotation.api.inputs import Nothing, read_body
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.api.records import ContentField, nothing_request
from annotation.models import Assignment, Project
from annotation.scales import SCALES

State = Assignment.State
LOST = OpenApiResponse(description="The lease has ended otherwise: it expired, or was judged, released or skipped.")


class ClaimSerializer(serializers.Serializer[Any]):
    """Who wants how much work."""

    annotator = serializers.CharField(
        max_length=196,
        trim_whitespace=False,
        help_text="A name of the program's own choice; people's names are apart from these.",
    )
    count = serializers.IntegerField(min_value=1, max_value=10, default=1, help_text="Leases to hold at once.")


class LeasedOutputSerializer(serializers.Serializer[Any]):
    """One of the two outputs to compare. It does not tell its model."""

    output_id = serializers.CharField()
    content = ContentField()
    digest = serializers.CharField(help_text="SHA-256 of the canonical content.")


class LeaseSerializer(serializers.Serializer[Any]):
    """One comparison that is reserved for an annotator."""

    lease_id = serializers.UUIDField()
    expires_at = serializers.DateTimeField()
    comparison_id = serializers.UUIDField()
    prompt = ContentField()
    outputs = LeasedOutputSerializer(many=True, help_text="In presented order, left first.")
    scale = serializers.ChoiceField([(scale.key, scale.name) for scale in SCALES.values()])


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a comparison is skipped."""

    reason = serializers.CharField(max_length=500, default="", allow_blank=True)


class RenewedSerializer(serializers.Serializer[Any]):
    """When a lease now ends."""

    expires_at = serializers.DateTimeField()


EXAMPLE = {
    "lease_id": "9d1c2f1e-33a3-4c62-b1c6-0d6f4a8e2b90",
    "expires_at": "2026-05-01T10:15:00Z",
    "comparison_id": "f2b7f3f5-8a53-4c5e-a5cf-8c1f0d6f3a52",
    "prompt": "What is a seal?",
    "outputs": [
        {
            "output_id": "b2",
            "content": "A stamp in wax.",
            "digest": "0d2f4b6a8c0e1f3b5d7f9a1c3e5b7d9f1a3c5e7b9d0f2a4c6e8b0d2f4a6c8e1b",
        },
        {
            "output_id": "a1",
            "content": "A marine mammal.",
            "digest": "8c1a5d9a3b0f4c3a4f6b8d0e2f4a6c8e0b2d4f6a8c0e1b3d5f7a9c1e3b5d7f90",
        },
    ],
    "scale": "plain",
}


class ClaimView(ProjectView):
    """Taking work."""

    scopes = {"POST": Scope.ANNOTATE}

    @extend_schema(
        operation_id="queue_claim",
        summary="Hold up to `count` leases",
        description="Leases that the annotator holds already come first, so that asking again loses nothing. The list "
        "is shorter than `count` when no more is left for this annotator, and empty when nothing is.",
        request=ClaimSerializer,
        responses=LeaseSerializer(many=True),
        examples=[
            OpenApiExample("A critic takes one", {"annotator": "critic-1", "count": 1}, request_only=True),
            OpenApiExample("One lease", EXAMPLE, response_only=True),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        wanted = read_body(request, ClaimSerializer)
        annotator = queue.annotator_for_program(self.project, wanted["annotator"])
        leases = queue.hold(annotator, count=wanted["count"])
        return Response([describe_lease(lease, self.project) for lease in leases])


class ReleaseView(ProjectView):
    """Giving work back."""

    scopes = {"POST": Scope.ANNOTATE}

    @extend_schema(
        operation_id="queue_release",
        summary="Give a lease back; the comparison may be offered to the same annotator again",
        request=nothing_request(),
        responses={204: OpenApiResponse(description="It is released."), 409: LOST},
    )
    def post(self, request: Request, slug: str, lease_id: uuid.UUID) -> Response:
        read_body(request, Nothing)
        lease = find_lease(self.project, lease_id)
        end_lease(lease, State.RELEASED, lambda: queue.release(lease.annotator, lease.uid))
        return Response(status=204)


class SkipView(ProjectView):
    """Refusing work."""

    scopes = {"POST": Scope.ANNOTATE}

    @extend_schema(
        operation_id="queue_skip",
        summary="Give a lease back for good: the comparison is never offered to the same annotator again",
        request=ReasonSerializer,
        responses={204: OpenApiResponse(description="It is skipped."), 409: LOST},
        examples=[OpenApiExample("Not in my language", {"reason": "I do not read French."}, request_only=True)],
    )
    def post(self, request: Request, slug: str, lease_id: uuid.UUID) -> Response:
        reason = read_body(request, ReasonSerializer)["reason"]
        lease = find_lease(self.project, lease_id)
        end_lease(lease, State.SKIPPED, lambda: queue.skip(lease.annotator, lease.uid, reason=reason))
        return Response(status=204)


class RenewView(ProjectView):
    """Keeping work longer."""

    scopes = {"POST": Scope.ANNOTATE}

    @extend_schema(
        operation_id="queue_renew",
        summary="Prolong a lease by the project's `lease_seconds` from now",
        request=nothing_request(),
        responses={200: RenewedSerializer, 409: LOST},
        examples=[OpenApiExample("Renewed", {"expires_at": "2026-05-01T10:30:00Z"}, response_only=True)],
    )
    def post(self, request: Request, slug: str, lease_id: uuid.UUID) -> Response:
        read_body(request, Nothing)
        lease = find_lease(self.project, lease_id)
        try:
            return Response({"expires_at": queue.renew(lease.annotator, lease.uid)})
        except queue.LeaseLostError:
            raise lost(lease) from None


def find_lease(project: Project, lease_id: uuid.UUID, *related: str) -> Assignment:
    """A lease that some program has or had in the project, with rows related to it.

    Problem 404 otherwise, for the leases of people too.
    """
    leases = Assignment.objects.filter(comparison__project=project, annotator__user=None, uid=lease_id)
    lease = leases.select_related("annotator__project", *related).first()
    if lease is None:
        raise Problem(404, f"No program has a lease “{lease_id}” here.")
    return lease


def end_lease(lease: Assignment, state: State, end: Callable[[], None]) -> None:
    """End a live lease; one that ended in that very state before is left as it is. Problem 409 otherwise."""
    try:
        end()
    except queue.LeaseLostError:
        lease.refresh_from_db(fields=["state"])
        if lease.state != state:
            raise lost(lease) from None


def lost(lease: Assignment) -> Problem:
    """409: the lease is no longer live."""
    return Problem(409, f"The lease has ended: it is {lease.get_state_display().lower()}.")


def describe_lease(lease: Assignment, project: Project) -> dict[str, Any]:
    """A lease as LeaseSerializer; its comparison, prompt and candidates must be loaded."""
    return {
        "lease_id": lease.uid,
        "expires_at": lease.expires_at,
        "comparison_id": lease.comparison.uid,
        "prompt": lease.comparison.prompt.content,
        "outputs": [
            {"output_id": output.output_id, "content": output.content, "digest": output.digest}
            for output in (lease.left, lease.right)
        ],
        "scale": project.scale,
    }
