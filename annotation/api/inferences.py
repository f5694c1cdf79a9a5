"""One logged inference: the prompt, its outputs, and the feedback that names it."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.intake import DESCRIPTION, TAKEN, IntakeView, examples
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.api.records import inferences_request
from annotation.intake.receiving import INFERENCES
from annotation.models import Candidate, Event, Feedback, Prompt, WaitingFeedback

# A record is joined to its inference, or not (yet); either can be retracted, and any erased.
FEEDBACK_STATES = ["joined", *WaitingFeedback.State.values, "retracted", "erased"]


class OutputSerializer(serializers.Serializer[Any]):
    """One answer of a model."""

    output_id = serializers.CharField()
    content = serializers.JSONField(help_text="A string or a list of messages, as logged.")
    digest = serializers.CharField(help_text="SHA-256 of the canonical content.")
    model = serializers.DictField()
    parameters = serializers.DictField()
    metadata = serializers.DictField()
    generated_at = serializers.DateTimeField(allow_null=True)


class FeedbackReferenceSerializer(serializers.Serializer[Any]):
    """A feedback record of the request and what became of it."""

    feedback_id = serializers.CharField()
    kind = serializers.ChoiceField(Feedback.Kind.choices)
    state = serializers.ChoiceField(FEEDBACK_STATES)


class InferenceSerializer(serializers.Serializer[Any]):
    """What a model was asked and what models answered."""

    request_id = serializers.CharField()
    prompt = serializers.JSONField(help_text="A string or a list of messages, as logged.")
    digest = serializers.CharField(help_text="SHA-256 of the prompt's canonical content.")
    tools = serializers.ListField()
    metadata = serializers.DictField()
    occurred_at = serializers.DateTimeField(allow_null=True)
    received_at = serializers.DateTimeField()
    outputs = OutputSerializer(many=True)
    feedback = FeedbackReferenceSerializer(many=True)


EXAMPLE = {
    "request_id": "7f0c",
    "prompt": "What is a seal?",
    "digest": "1f3f2c0c0a4a5d2a3d64be8b5c5f0c8a5a2c1c9c5e0f2c4b6d8e0a1c3e5f7092",
    "tools": [],
    "metadata": {"session_id": "s-1"},
    "occurred_at": "2026-05-01T10:00:00Z",
    "received_at": "2026-05-01T10:00:01.250000Z",
    "outputs": [
        {
            "output_id": "a1",
            "content": "A marine mammal.",
            "digest": "8c1a5d9a3b0f4c3a4f6b8d0e2f4a6c8e0b2d4f6a8c0e1b3d5f7a9c1e3b5d7f90",
            "model": {"name": "aurora", "version": "1.2"},
            "parameters": {"temperature": 0.7},
            "metadata": {},
            "generated_at": None,
        },
        {
            "output_id": "b2",
            "content": "A stamp in wax.",
            "digest": "0d2f4b6a8c0e1f3b5d7f9a1c3e5b7d9f1a3c5e7b9d0f2a4c6e8b0d2f4a6c8e1b",
            "model": {"name": "basalt"},
            "parameters": {},
            "metadata": {},
            "generated_at": None,
        },
    ],
    "feedback": [{"feedback_id": "fb-1", "kind": "preference", "state": "joined"}],
}


class InferencesView(IntakeView):
    """Taking inferences."""

    stage = INFERENCES

    @extend_schema(
        operation_id="inferences_send",
        summary="Log what models were asked and answered",
        description=DESCRIPTION,
        request=inferences_request(),
        responses=TAKEN,
        examples=examples("7f0c", "a1", "b2"),
    )
    def post(self, request: Request, slug: str) -> Response:
        return self.take(request)


class InferenceView(ProjectView):
    """A logged inference."""

    scopes = {"GET": Scope.READ}

    @extend_schema(
        operation_id="inference_read",
        summary="Read a logged inference",
        responses={
            200: InferenceSerializer,
            410: OpenApiResponse(description="It was erased at the wish of the person it came from."),
        },
        examples=[OpenApiExample("An inference", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str, request_id: str) -> Response:
        outputs = Prefetch("candidates", Candidate.objects.filter(erasure=None).order_by("index"))
        prompts = Prompt.objects.filter(project=self.project, request_id=request_id).select_related("erasure__seal")
        prompt = prompts.prefetch_related(outputs).first()
        if prompt is None:
            raise Problem(404, f"No inference was logged under the request_id “{request_id}”.")
        if prompt.erasure:
            raise erased(prompt.erasure, f"The inference “{request_id}”")
        return Response(describe_inference(prompt))


def erased(erasure: Event, what: str) -> Problem:
    """410: it is gone for good; its seal must be loaded."""
    seal = getattr(erasure, "seal", None)
    place = f", position {seal.position} of the log" if seal else ""
    return Problem(410, f"{what} was erased on {erasure.at:%Y-%m-%d}{place}.")


def describe_inference(prompt: Prompt) -> dict[str, Any]:
    """A prompt with its candidates, loaded in their order, as InferenceSerializer."""
    records = Feedback.objects.filter(project_id=prompt.project_id, request_id=prompt.request_id)
    told = records.order_by("pk").values_list("feedback_id", "kind", "erasure", "retracted_by", "waiting__state")
    return {
        "request_id": prompt.request_id,
        "prompt": prompt.content,
        "digest": prompt.digest,
        "tools": prompt.tools,
        "metadata": prompt.metadata,
        "occurred_at": prompt.occurred_at,
        "received_at": prompt.received_at,
        "outputs": [_describe_output(candidate) for candidate in prompt.candidates.all()],
        "feedback": [
            {
                "feedback_id": feedback_id,
                "kind": kind,
                "state": "erased" if erasure else "retracted" if retraction else waiting or "joined",
            }
            for feedback_id, kind, erasure, retraction, waiting in told
        ],
    }


def _describe_output(candidate: Candidate) -> dict[str, Any]:
    return {
        "output_id": candidate.output_id,
        "content": candidate.content,
        "digest": candidate.digest,
        "model": candidate.model,
        "parameters": candidate.parameters,
        "metadata": candidate.metadata,
        "generated_at": candidate.generated_at,
    }
