"""The judgments of a project, of every source, in the order of the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.events import seal_waiting
from annotation.api.inputs import MomentField
from annotation.api.pagination import PageParameters, paginate
from annotation.api.project_view import ProjectView, Scope
from annotation.canonical import as_doubles
from annotation.models import Assignment, Comparison, Judgment, Project, Retraction, SourceType

# Many judgments can come of one event.
POSITION = ("event__seal__position", "pk")


class JudgmentParameters(PageParameters):
    """Filters of the list of judgments."""

    # The stubs take it for Field.source; to REST framework a declared field of that name is like any other.
    source = serializers.ChoiceField(SourceType.choices, required=False, help_text="Type of the source.")  # type: ignore[assignment]
    outcome = serializers.ChoiceField(Judgment.Outcome.choices, required=False)
    model = serializers.CharField(
        required=False, trim_whitespace=False, help_text="Name of the model of either output."
    )
    annotator = serializers.CharField(
        required=False, trim_whitespace=False, help_text="`source.id`: the annotator's name."
    )
    since = MomentField(required=False, help_text="Judged at this time or later.")
    until = MomentField(required=False, help_text="Judged before this time.")
    current = serializers.BooleanField(
        default=True,
        help_text="`false` also lists what was retracted or erased; each then says whether it still counts.",
    )


class SourceSerializer(serializers.Serializer[Any]):
    """Who judged."""

    type = serializers.ChoiceField(SourceType.choices)
    id = serializers.CharField(allow_blank=True)
    version = serializers.CharField(allow_blank=True)


class JudgmentSerializer(serializers.Serializer[Any]):
    """One source's preference on one pair, or its rating of one output. Outputs are told by their `output_id`."""

    id = serializers.UUIDField()
    request_id = serializers.CharField()
    comparison_id = serializers.UUIDField(allow_null=True, help_text="null: it came without being asked for.")
    kind = serializers.ChoiceField(
        Comparison.Kind.choices,
        help_text="`gold`: the right answer was known; `repeat`: the annotator had judged the pair before. Neither "
        "counts for the dataset.",
    )
    feedback_id = serializers.CharField()
    source = SourceSerializer()  # type: ignore[assignment]  # as above
    outcome = serializers.ChoiceField(Judgment.Outcome.choices)
    chosen = serializers.CharField(allow_null=True)
    rejected = serializers.CharField(allow_null=True)
    outputs = serializers.ListField(
        child=serializers.CharField(),
        min_length=1,
        max_length=2,
        help_text="The pair, or the one output that is rated.",
    )
    presented = serializers.ListField(
        child=serializers.CharField(), min_length=2, max_length=2, allow_null=True, help_text="Left, then right."
    )
    strength = serializers.IntegerField(
        allow_null=True, min_value=1, max_value=3, help_text="1 slightly, 2 better, 3 much better."
    )
    value = serializers.FloatField(allow_null=True, min_value=-1, max_value=1, help_text="A rating of one output.")
    scores = serializers.DictField(child=serializers.FloatField(), allow_null=True)
    criteria = serializers.DictField(child=serializers.DictField(), allow_null=True)
    rationale = serializers.CharField(allow_null=True)
    principle = serializers.CharField(allow_null=True)
    critique = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    active_ms = serializers.IntegerField(allow_null=True)
    judged_at = serializers.DateTimeField()
    position = serializers.IntegerField(min_value=1, help_text="Place of its event in the log.")
    surplus = serializers.BooleanField(help_text="It came too late; kept, but not counted.")
    current = serializers.BooleanField(help_text="false: retracted or erased.")
    erased = serializers.BooleanField(help_text="Its texts were erased at the wish of the person they came from.")


class JudgmentPageSerializer(serializers.Serializer[Any]):
    """A page of judgments, oldest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = JudgmentSerializer(many=True)


EXAMPLE: dict[str, Any] = {
    "next": None,
    "previous": None,
    "results": [
        {
            "id": "0b9f3f8e-6c39-4a1e-9d0c-1f0d5a3b7c11",
            "request_id": "7f0c",
            "comparison_id": "f2b7f3f5-8a53-4c5e-a5cf-8c1f0d6f3a52",
            "kind": "plain",
            "feedback_id": "fb-1",
            "source": {"type": "human", "id": "alice", "version": ""},
            "outcome": "chosen",
            "chosen": "a1",
            "rejected": "b2",
            "outputs": ["a1", "b2"],
            "presented": ["b2", "a1"],
            "strength": None,
            "value": None,
            "scores": None,
            "criteria": None,
            "rationale": None,
            "principle": None,
            "critique": None,
            "duration_ms": 5400,
            "active_ms": 5100,
            "judged_at": "2026-05-01T10:00:09Z",
            "position": 812,
            "surplus": False,
            "current": True,
            "erased": False,
        }
    ],
}


class JudgmentsView(ProjectView):
    """The judgments of a project."""

    scopes = {"GET": Scope.READ}
    parameters = JudgmentParameters

    @extend_schema(
        operation_id="judgments_list",
        summary="List judgments",
        description="Oldest first in the order of the log, so that who has read to the end and asks again later "
        "misses nothing: new judgments only ever come behind.",
        parameters=[JudgmentParameters],
        responses=JudgmentPageSerializer,
        examples=[OpenApiExample("One judgment", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        seal_waiting(self.project)
        page = paginate(request, self.query, find_judgments(self.project, self.query), keys=POSITION)
        return Response(page.answer([describe_judgment(judgment) for judgment in page.rows]))


RETRACTIONS = Retraction.objects.filter(target=OuterRef("feedback"))
FILTERS: dict[str, Callable[[Any], Q]] = {
    "source": lambda value: Q(source_type=value),
    "outcome": lambda value: Q(outcome=value),
    "model": lambda value: Q(first__model_name=value) | Q(second__model_name=value),
    "annotator": lambda value: Q(source_id=value),
    "since": lambda value: Q(judged_at__gte=value),
    "until": lambda value: Q(judged_at__lt=value),
    # As NOT EXISTS: PostgreSQL misjudges how many rows an outer join without a match leaves.
    "current": lambda value: Q(~Exists(RETRACTIONS), erasure=None) if value else Q(),
}


def find_judgments(project: Project, query: dict[str, Any]) -> QuerySet[Judgment]:
    """The sealed judgments that the filters let through, with what describe_judgment needs."""
    found = Judgment.objects.filter(project=project, event__seal__project=project)
    for name, value in query.items():
        if name in FILTERS:
            found = found.filter(FILTERS[name](value))
    return found.select_related("event__seal", "feedback__retracted_by", "comparison", "first", "second").only(
        *(field.name for field in Judgment._meta.concrete_fields),
        *("event__seal__position", "comparison__uid", "comparison__kind", "first__output_id", "second__output_id"),
        *("feedback__feedback_id", "feedback__request_id", "feedback__body", "feedback__retracted_by__target"),
    )


def find_answer(lease: Assignment, feedback_id: str) -> Judgment:
    """The sealed judgment of an answered lease, whose comparison and outputs must be loaded, for describe_judgment."""
    sealed = Judgment.objects.select_related("event__seal", "feedback__retracted_by")
    judgment = sealed.get(assignment=lease, feedback__feedback_id=feedback_id)
    judgment.comparison = lease.comparison
    judgment.first, judgment.second = sorted((lease.left, lease.right), key=lambda output: output.pk)
    return judgment


def describe_judgment(judgment: Judgment) -> dict[str, Any]:
    """A judgment as JudgmentSerializer; its related rows must be loaded."""
    feedback = judgment.feedback
    pair = {output.pk: output.output_id for output in (judgment.first, judgment.second) if output}
    return {
        "id": judgment.uid,
        "request_id": feedback.request_id,
        "comparison_id": judgment.comparison and judgment.comparison.uid,
        "kind": judgment.comparison.kind if judgment.comparison else Comparison.Kind.PLAIN,
        "feedback_id": feedback.feedback_id,
        "source": {"type": judgment.source_type, "id": judgment.source_id, "version": judgment.source_version},
        "outcome": judgment.outcome,
        "chosen": pair[judgment.chosen_id] if judgment.chosen_id else None,
        "rejected": pair[judgment.rejected_id] if judgment.rejected_id else None,
        "outputs": list(pair.values()),
        "presented": [pair[judgment.left_id], pair[judgment.right_id]]
        if judgment.left_id and judgment.right_id
        else None,
        "strength": judgment.strength,
        "value": judgment.value,
        "scores": as_doubles(judgment.scores),
        "criteria": judgment.criteria,
        "rationale": feedback.body.get("rationale"),
        "principle": feedback.body.get("principle"),
        "critique": feedback.body.get("critique"),
        "duration_ms": judgment.duration_ms,
        "active_ms": judgment.active_ms,
        "judged_at": judgment.judged_at,
        "position": judgment.event.seal.position,
        "surplus": judgment.surplus,
        "current": judgment.erasure_id is None and not hasattr(feedback, "retracted_by"),
        "erased": judgment.erasure_id is not None,
    }
