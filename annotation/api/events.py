"""The log of a project in its final order."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import log
from annotation.api.inputs import WholeField
from annotation.api.pagination import MAX_KEY, LimitParameter, url_with
from annotation.api.project_view import ProjectView, Scope
from annotation.canonical import as_doubles
from annotation.models import Project, Seal, UnsealedEvent


class EventParameters(LimitParameter):
    """Where to read the log from."""

    after = WholeField(min_value=0, max_value=MAX_KEY, default=0, help_text="The position that was read last.")


class EventSerializer(serializers.Serializer[Any]):
    """One entry of the log: ids and outcomes, never texts."""

    position = serializers.IntegerField(min_value=1)
    id = serializers.UUIDField()
    kind = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    subject = serializers.CharField()
    payload = serializers.DictField()
    hash = serializers.CharField(
        help_text="SHA-256 of the hash before and the RFC 8785 form of this entry without `hash`."
    )


class EventPageSerializer(serializers.Serializer[Any]):
    """A page of the log."""

    next = serializers.URLField(allow_null=True)
    results = EventSerializer(many=True)


EXAMPLE = {
    "next": None,
    "results": [
        {
            "position": 812,
            "id": "e0a8b9c4-42a6-4f42-8a0b-6f5f3c1d9a77",
            "kind": "lease.taken",
            "at": "2026-05-01T10:00:03.512345+00:00",
            "actor": "annotator:alice",
            "subject": "lease:9d1c2f1e-33a3-4c62-b1c6-0d6f4a8e2b90",
            "payload": {},
            "hash": "5f1d7a84db00d2fce00b31a7fc73224f4a0b9a37a5f2b1c1f5b2a3d8c9e0f112",
        }
    ],
}


class EventsView(ProjectView):
    """The log of a project."""

    scopes = {"GET": Scope.READ}
    parameters = EventParameters

    @extend_schema(
        operation_id="events_list",
        summary="Read the log in its final order",
        description="Positions are dense from 1 and never change. Everything acknowledged before the call is in it.",
        parameters=[EventParameters],
        responses=EventPageSerializer,
        examples=[OpenApiExample("One event", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        seal_waiting(self.project)
        after, limit = self.query["after"], self.query["limit"]
        behind = Seal.objects.filter(project=self.project, position__gt=after).select_related("event")
        seals = list(behind.order_by("position")[: limit + 1])
        more, seals = len(seals) > limit, seals[:limit]
        return Response(
            {
                "next": url_with(request, after=seals[-1].position) if more else None,
                "results": [describe_event(seal) for seal in seals],
            }
        )


def describe_event(seal: Seal) -> dict[str, Any]:
    """A sealed event as EventSerializer; its event must be loaded."""
    event = log.describe(seal.event, seal.position)
    # The database tells 1e308 by all its digits, which RFC 8785 writers refuse as an integer.
    return {**event, "payload": as_doubles(event["payload"]), "hash": seal.hash}


def seal_waiting(project: Project) -> None:
    """Seal what waits, so that the answer holds everything acknowledged before; nothing is locked when none does."""
    if UnsealedEvent.objects.filter(project=project).exists():
        log.seal(project)
