"""How far a project is."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db.models import Exists, OuterRef
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.project_view import ProjectView, Scope
from annotation.models import Feedback, Project, Prompt
from annotation.progress import project_progress


class ProgressSerializer(serializers.Serializer[Any]):
    """Comparisons by state and judgments by type of source, those that count."""

    comparisons = serializers.IntegerField()
    open = serializers.IntegerField(help_text="Still want somebody.")
    leased = serializers.IntegerField(help_text="Handed out to as many as are wanted, not judged by all.")
    done = serializers.IntegerField(help_text="Have all the judgments that are wanted.")
    judgments = serializers.DictField(child=serializers.IntegerField())
    waiting_feedback = serializers.IntegerField(help_text="Feedback for requests that were not logged yet.")
    surplus = serializers.IntegerField(help_text="Judgments that came too late: kept, but not counted.")


EXAMPLE = {
    "comparisons": 200,
    "open": 160,
    "leased": 3,
    "done": 37,
    "judgments": {"human": 41, "reward_model": 200},
    "waiting_feedback": 0,
    "surplus": 1,
}


class ProgressView(ProjectView):
    """Counts of a project."""

    scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="progress_read",
        summary="Count comparisons and judgments",
        responses=ProgressSerializer,
        examples=[OpenApiExample("A project at work", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        waiting = {"waiting_feedback": count_waiting_feedback(self.project)}
        return Response(dataclasses.asdict(project_progress(self.project)) | waiting)


def count_waiting_feedback(project: Project) -> int:
    """How many feedback records name a request that was not logged yet."""
    logged = Prompt.objects.filter(project=OuterRef("project"), request_id=OuterRef("request_id"))
    return Feedback.objects.filter(~Exists(logged), project=project).count()
