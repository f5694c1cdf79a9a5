"""How far a project is."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db.models import Count
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.project_view import ProjectView, Scope
from annotation.models import Project, WaitingFeedback
from annotation.progress import project_progress

State = WaitingFeedback.State


class ProgressSerializer(serializers.Serializer[Any]):
    """Comparisons by state and judgments by type of source, those that count."""

    comparisons = serializers.IntegerField()
    open = serializers.IntegerField(help_text="Still want somebody.")
    leased = serializers.IntegerField(help_text="Handed out to as many as are wanted, not judged by all.")
    done = serializers.IntegerField(help_text="Have all the judgments that are wanted.")
    with_lead = serializers.IntegerField(help_text="Were skipped by too many, and wait for the lead.")
    judgments = serializers.DictField(child=serializers.IntegerField())
    waiting_feedback = serializers.IntegerField(help_text="Feedback for requests that were not logged yet.")
    orphaned_feedback = serializers.IntegerField(help_text="Those of them that waited longer than `orphan_hours`.")
    mismatched_feedback = serializers.IntegerField(help_text="Feedback that did not fit its request when this came.")
    surplus = serializers.IntegerField(help_text="Judgments that came too late: kept, but not counted.")


EXAMPLE = {
    "comparisons": 200,
    "open": 160,
    "leased": 3,
    "done": 36,
    "with_lead": 1,
    "judgments": {"human": 41, "reward_model": 200},
    "waiting_feedback": 0,
    "orphaned_feedback": 0,
    "mismatched_feedback": 0,
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
        return Response(dataclasses.asdict(project_progress(self.project)) | count_waiting(self.project))


def count_waiting(project: Project) -> dict[str, int]:
    """How many feedback records wait for their inference, how many of them for too long, how many do not fit theirs."""
    rows = WaitingFeedback.objects.filter(project=project).values_list("state").annotate(n=Count("pk")).order_by()
    counts = dict(rows)
    return {
        "waiting_feedback": counts.get(State.WAITING, 0) + counts.get(State.ORPHANED, 0),
        "orphaned_feedback": counts.get(State.ORPHANED, 0),
        "mismatched_feedback": counts.get(State.MISMATCHED, 0),
    }
