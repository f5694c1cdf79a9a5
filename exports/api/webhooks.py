"""Webhooks: where the project's snapshots are announced."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.inputs import read_body
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from exports import webhooks
from exports.models import Delivery, Webhook

SHOWN = 10


class WantedWebhookSerializer(serializers.Serializer[Any]):
    """Where to."""

    url = serializers.CharField(max_length=500, help_text="An HTTPS address.")


class DeliverySerializer(serializers.Serializer[Any]):
    """One message, and what became of it."""

    id = serializers.UUIDField(help_text="`webhook-id` of the message.")
    type = serializers.CharField()
    attempts = serializers.IntegerField(min_value=0)
    delivered_at = serializers.DateTimeField(allow_null=True)
    next_at = serializers.DateTimeField(allow_null=True, help_text="When it is tried (again); null: never.")
    error = serializers.CharField(allow_null=True, help_text="What the last attempt ended in.")


class WebhookSerializer(serializers.Serializer[Any]):
    """An address that is told of snapshots."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    active = serializers.BooleanField(help_text="false: it answered 410 and is told nothing more.")
    secret = serializers.CharField(help_text="What the messages are signed with.")
    created_at = serializers.DateTimeField()
    deliveries = DeliverySerializer(many=True, help_text=f"The last {SHOWN}, newest first.")


class WebhookListSerializer(serializers.Serializer[Any]):
    """All of them."""

    results = WebhookSerializer(many=True)


EXAMPLE = {
    "id": "6f9619ff-8b86-4011-ab2d-00c04fc964ff",
    "url": "https://train.example/hooks/prefapp",
    "active": True,
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "created_at": "2026-05-01T10:00:00Z",
    "deliveries": [],
}


class WebhooksView(ProjectView):
    """The webhooks of a project."""

    scopes = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}

    @extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks",
        responses=WebhookListSerializer,
        examples=[OpenApiExample("One", {"results": [EXAMPLE]}, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        recent = Prefetch("deliveries", Delivery.objects.order_by("-pk")[:SHOWN], to_attr="recent")
        found = self.project.webhooks.prefetch_related(recent).order_by("pk")
        return Response({"results": [_told(webhook) for webhook in found]})

    @extend_schema(
        operation_id="webhooks_create",
        summary="Add a webhook",
        description="It is told `snapshot.ready` and `snapshot.failed`, by the Standard Webhooks specification.",
        request=WantedWebhookSerializer,
        responses={201: WebhookSerializer},
        examples=[
            OpenApiExample("An address", {"url": EXAMPLE["url"]}, request_only=True),
            OpenApiExample("Added", EXAMPLE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        url = read_body(request, WantedWebhookSerializer)["url"]
        try:
            webhook = webhooks.add(self.project, url, actor=self.actor)
        except webhooks.WebhookError as error:
            raise Problem(422, f"The address {error}.", errors=[("/url", str(error))]) from None
        return Response(_told(webhook), status=201)


class WebhookView(ProjectView):
    """One webhook."""

    scopes = {"DELETE": Scope.MANAGE}

    @extend_schema(
        operation_id="webhooks_delete",
        summary="Remove a webhook",
        description="What was not delivered yet is dropped.",
        request=None,
        responses={204: OpenApiResponse(description="It is told nothing more.")},
    )
    def delete(self, request: Request, slug: str, uid: uuid.UUID) -> Response:
        webhook = Webhook.objects.filter(project=self.project, uid=uid).select_related("project").first()
        if webhook is None:
            raise Problem(404, f"There is no webhook {uid} in this project.")
        webhooks.remove(webhook, actor=self.actor)
        return Response(status=204)


def _told(webhook: Webhook) -> dict[str, Any]:
    """A webhook as WebhookSerializer."""
    return {
        "id": webhook.uid,
        "url": webhook.url,
        "active": webhook.active,
        "secret": webhooks.secret(webhook),
        "created_at": webhook.created_at,
        "deliveries": [
            {
                "id": one.uid,
                "type": one.body["type"],
                "attempts": one.attempts,
                "delivered_at": one.delivered_at,
                "next_at": one.next_at,
                "error": one.error or None,
            }
            for one in getattr(webhook, "recent", ())
        ],
    }
