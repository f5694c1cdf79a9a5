"""Stage two of logging: what people and programs thought of what models answered."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.bodies import read_whole
from annotation.api.inferences import FEEDBACK_STATES
from annotation.api.intake import A_LIST, DESCRIPTION, TAKEN, IntakeView, examples
from annotation.api.judgments import SourceSerializer
from annotation.api.pagination import PageParameters, paginate
from annotation.api.problems import Problem
from annotation.api.project_view import Scope, browser_key
from annotation.api.records import JSON, feedback_request
from annotation.intake.pages import PAGE_FEEDBACK
from annotation.intake.receiving import FEEDBACK
from annotation.models import Feedback, Project, Retraction, SourceType


class FeedbackParameters(PageParameters):
    """Filters of the list of feedback."""

    state = serializers.ChoiceField(FEEDBACK_STATES, required=False, help_text="What became of the record.")
    kind = serializers.ChoiceField(Feedback.Kind.choices, required=False)
    # The stubs take it for Field.source; to REST framework a declared field of that name is like any other.
    source = serializers.ChoiceField(SourceType.choices, required=False, help_text="Type of the source.")  # type: ignore[assignment]


class FieldProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with a record: where, and why."""

    pointer = serializers.CharField(allow_blank=True)
    detail = serializers.CharField()


class StoredFeedbackSerializer(serializers.Serializer[Any]):
    """A feedback record and what became of it."""

    feedback_id = serializers.CharField()
    request_id = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(Feedback.Kind.choices)
    source = SourceSerializer()  # type: ignore[assignment]  # as above
    state = serializers.ChoiceField(FEEDBACK_STATES)
    errors = FieldProblemSerializer(  # type: ignore[assignment]  # as above
        many=True, help_text="Why it does not fit its inference."
    )
    propensity = serializers.FloatField(help_text="The chance that it was kept; below 1 where signals are sampled.")
    received_at = serializers.DateTimeField()
    record = serializers.DictField(help_text="As it was received; empty once it is erased.")


class FeedbackPageSerializer(serializers.Serializer[Any]):
    """A page of feedback, oldest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = StoredFeedbackSerializer(many=True)


EXAMPLE = {
    "next": None,
    "previous": None,
    "results": [
        {
            "feedback_id": "fb-7",
            "request_id": "7f0d",
            "kind": "rating",
            "source": {"type": "end_user", "id": "u-9", "version": ""},
            "state": "waiting",
            "errors": [],
            "propensity": 1.0,
            "received_at": "2026-05-01T10:00:01.250000Z",
            "record": {
                "feedback_id": "fb-7",
                "request_id": "7f0d",
                "kind": "rating",
                "source": {"type": "end_user", "id": "u-9"},
                "output": "a1",
                "value": 1,
            },
        }
    ],
}

FROM_PAGES = """
A web page may call this with a browser key from an origin that the key lists, and gets CORS headers then: one object of
`source.type` `end_user` a call, up to 1 MB. Its retractions reach what came with a browser key before, nothing else.
"""
# Of the body that a page may send; an edit of a long answer is far below.
MAX_PAGE_BYTES = 1024 * 1024


class FeedbackView(IntakeView):
    """Taking and listing feedback."""

    scopes = {"POST": Scope.INGEST, "GET": Scope.READ}
    parameters = FeedbackParameters
    stage = FEEDBACK
    open_to_pages = {"POST"}

    @extend_schema(
        operation_id="feedback_send",
        summary="Log feedback on what models answered",
        description=f"{DESCRIPTION}\nFeedback on a request that was not logged yet waits for it.\n{FROM_PAGES}",
        parameters=[],
        request=feedback_request(),
        responses=TAKEN,
        examples=examples("fb-preference", state="joined"),
    )
    def post(self, request: Request, slug: str) -> Response:
        return self._take_from_page(request) if browser_key(request) else self.take(request)

    @extend_schema(
        operation_id="feedback_list",
        summary="List feedback records",
        description="As received, oldest first, each with what became of it: `waiting` for its inference, `orphaned` "
        "when it has waited longer than the project's `orphan_hours`, `mismatched` when it did not fit its inference.",
        parameters=[FeedbackParameters],
        responses=FeedbackPageSerializer,
        examples=[OpenApiExample("One that waits", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        page = paginate(request, self.query, find_feedback(self.project, self.query))
        return Response(page.answer([describe_feedback(record) for record in page.rows]))

    def _take_from_page(self, request: Request) -> Response:
        """One record: many in one call would be past the rate limit of a key that everybody can read."""
        media_type = request.content_type.partition(";")[0].strip().lower()
        if media_type != JSON:
            raise Problem(415, f"With a browser key the body is {JSON}.")
        raw = read_whole(request)
        if len(raw) > MAX_PAGE_BYTES:
            raise Problem(413, f"With a browser key the body may have up to {MAX_PAGE_BYTES:,} bytes.")
        if A_LIST.match(raw):
            raise Problem(422, "With a browser key the body is one record.", errors=[("", "must be an object")])
        return self.take_one(raw, PAGE_FEEDBACK)


TAKEN_BACK = Q(Exists(Retraction.objects.filter(target=OuterRef("pk"))))


def find_feedback(project: Project, query: dict[str, Any]) -> QuerySet[Feedback]:
    """The records that the filters let through, with what describe_feedback needs."""
    found = Feedback.objects.filter(project=project).select_related("waiting", "retracted_by")
    if "kind" in query:
        found = found.filter(kind=query["kind"])
    if "source" in query:
        found = found.filter(source_type=query["source"])
    state = query.get("state")
    if state == "erased":
        return found.filter(erasure__isnull=False)
    found = found.filter(erasure=None) if state else found
    if state == "retracted":
        return found.filter(TAKEN_BACK)
    if state == "joined":
        return found.filter(~TAKEN_BACK, waiting=None)
    return found.filter(~TAKEN_BACK, waiting__state=state) if state else found


def describe_feedback(record: Feedback) -> dict[str, Any]:
    """A record as StoredFeedbackSerializer; its related rows must be loaded."""
    waiting = getattr(record, "waiting", None)
    state = "retracted" if hasattr(record, "retracted_by") else waiting.state if waiting else "joined"
    if record.erasure_id:
        state = "erased"
    problems = waiting.problems if waiting else []
    return {
        "feedback_id": record.feedback_id,
        "request_id": record.request_id,
        "kind": record.kind,
        "source": {"type": record.source_type, "id": record.source_id, "version": record.source_version},
        "state": state,
        "errors": [{"pointer": pointer, "detail": detail} for pointer, detail in problems],
        "propensity": record.propensity,
        "received_at": record.received_at,
        "record": record.body,
    }
