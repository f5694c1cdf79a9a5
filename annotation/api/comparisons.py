"""Comparisons: asking for them by name or by a pairing strategy, listing and changing them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import golds
from annotation.api.comparison_shapes import (
    DESCRIPTION,
    EXAMPLES,
    STANDING,
    STATES,
    AnswerSerializer,
    ChangeSerializer,
    ComparisonPageSerializer,
    ComparisonParameters,
    ComparisonSerializer,
    NamedSerializer,
    StrategySerializer,
)
from annotation.api.inputs import read_body, read_object
from annotation.api.pagination import paginate, read_cursor, write_cursor
from annotation.api.problems import Problem, refused, refused_fields
from annotation.api.project_view import ProjectView, Scope
from annotation.models import Comparison, Project
from annotation.pairing import NewComparison, Rule, RuleError, Terms
from annotation.pairing.naming import ClosedError, OverlapTakenError, change_comparison, name_pair
from annotation.pairing.walking import make_some

COLUMNS = ("priority", "overlap", "own_overlap", "taken", "judged", "propensity")


class ComparisonsView(ProjectView):
    """Asking for comparisons, and listing them."""

    scopes = {"GET": Scope.READ, "POST": Scope.MANAGE}
    parameters = ComparisonParameters

    @extend_schema(
        operation_id="comparisons_list",
        summary="List comparisons",
        parameters=[ComparisonParameters],
        responses=ComparisonPageSerializer,
        examples=[
            OpenApiExample(
                "One comparison", {"next": None, "previous": None, "results": [STANDING]}, response_only=True
            )
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        page = paginate(request, self.query, find_comparisons(self.project, self.query))
        return Response(page.answer([describe_comparison(comparison) for comparison in page.rows]))

    @extend_schema(
        operation_id="comparisons_make",
        summary="Ask for comparisons",
        description=DESCRIPTION,
        request=PolymorphicProxySerializer("Asked", [NamedSerializer, StrategySerializer], None),
        responses={
            201: OpenApiResponse(AnswerSerializer, "Some are new."),
            200: OpenApiResponse(AnswerSerializer, "Nothing was made: it is there, or there is nothing to make."),
            409: OpenApiResponse(description="The comparison that is there cannot be this gold."),
        },
        examples=EXAMPLES,
    )
    def post(self, request: Request, slug: str) -> Response:
        answer = self._by_strategy if "strategy" in read_object(request) else self._by_name
        return answer(request)

    def _by_name(self, request: Request) -> Response:
        wanted = read_body(request, NamedSerializer)
        terms = Terms(self.actor, priority=wanted["priority"], overlap=wanted.get("overlap"))
        pair = wanted["request_id"], wanted["outputs"]
        try:
            if "gold" in wanted:
                made, is_new = golds.make(self.project, *pair, chosen=wanted["gold"]["chosen"], terms=terms)
            else:
                made, is_new = name_pair(self.project, *pair, terms)
        except RuleError as error:
            raise refused(error.parameter, error.reason) from None
        except golds.GoldError as error:
            where = "/gold/chosen" if error.part == "chosen" else f"/{error.part}"
            raise refused_fields({where: error.reason}) from None
        except golds.NoGoldError as error:
            raise Problem(409, f"The comparison cannot be this gold: {error}.") from None
        return _answer([made], created=int(is_new))

    def _by_strategy(self, request: Request) -> Response:
        wanted = read_body(request, StrategySerializer)
        strategy, n = wanted["strategy"], wanted.get("n")
        (after,) = read_cursor(wanted["after"], 1, name="after")[1] if "after" in wanted else (None,)
        try:
            rule = Rule.of(self.project, strategy, n=n, models=wanted.get("models"), seed=wanted.get("seed"))
        except RuleError as error:
            raise refused(error.parameter, error.reason) from None
        terms = Terms(self.actor, strategy, wanted["priority"], wanted.get("overlap"))
        across = strategy == Project.Pairing.INFORMATIVE and n is None
        made = make_some(self.project, rule, terms, limit=wanted["limit"], after=after, across=across)
        goes_on = None if made.after is None else write_cursor("n", [made.after])
        return _answer(made.comparisons, created=len(made.comparisons), next=goes_on)


class ComparisonView(ProjectView):
    """One comparison."""

    scopes = {"GET": Scope.READ, "PATCH": Scope.MANAGE}

    @extend_schema(
        operation_id="comparisons_read",
        summary="Read a comparison",
        responses=ComparisonSerializer,
        examples=[OpenApiExample("A comparison", STANDING, response_only=True)],
    )
    def get(self, request: Request, slug: str, comparison_id: uuid.UUID) -> Response:
        return Response(describe_comparison(self._find(comparison_id)))

    @extend_schema(
        operation_id="comparisons_change",
        summary="Change the priority or the overlap of a comparison",
        request=ChangeSerializer(partial=True),
        responses={
            200: ComparisonSerializer,
            409: OpenApiResponse(
                description="More judgments are given or handed out, it has no overlap to change, or it is closed."
            ),
        },
        examples=[
            OpenApiExample("Sooner, and by three", {"priority": 10, "overlap": 3}, request_only=True),
            OpenApiExample("The comparison after it", STANDING, response_only=True),
        ],
    )
    def patch(self, request: Request, slug: str, comparison_id: uuid.UUID) -> Response:
        wanted = read_body(request, ChangeSerializer, partial=True)
        comparison = self._find(comparison_id)
        if not wanted:
            raise Problem(422, f"Name what to change; there are {', '.join(ChangeSerializer().fields)}.")
        try:
            change_comparison(comparison, **wanted, actor=self.actor)
        except ClosedError:
            raise Problem(409, "Nobody is asked about this comparison any more: it is closed.") from None
        except OverlapTakenError as error:
            raise Problem(409, f"The overlap cannot be {wanted['overlap']}: {error}.") from None
        return Response(describe_comparison(self._find(comparison_id)))

    def _find(self, comparison_id: uuid.UUID) -> Comparison:
        comparison = find_comparisons(self.project, {}).filter(uid=comparison_id).first()
        if comparison is None:
            raise Problem(404, f"There is no comparison “{comparison_id}” here.")
        return comparison


def find_comparisons(project: Project, query: dict[str, Any]) -> QuerySet[Comparison]:
    """The comparisons that the filters let through, with what describe_comparison needs."""
    found = Comparison.objects.filter(project=project)
    if state := query.get("state"):
        found = found.filter(STATES[state])
    if model := query.get("model"):
        found = found.filter(Q(a__model_name=model) | Q(b__model_name=model))
    if request_id := query.get("request_id"):
        found = found.filter(prompt__request_id=request_id)
    return found.select_related("prompt", "a", "b").only(
        *(field.name for field in Comparison._meta.concrete_fields),
        *("prompt__request_id", "a__output_id", "b__output_id"),
    )


def describe_comparison(comparison: Comparison) -> dict[str, Any]:
    """A comparison as ComparisonSerializer; its related rows must be loaded."""
    return {
        "comparison_id": comparison.uid,
        "request_id": comparison.prompt.request_id,
        "outputs": [comparison.a.output_id, comparison.b.output_id],
        "kind": comparison.kind,
        "state": _state(comparison),
        **{name: getattr(comparison, name) for name in COLUMNS},
        "created_at": comparison.created_at,
    }


def _state(comparison: Comparison) -> str | None:
    """As STATES; golds and repeats have none."""
    if comparison.kind != Comparison.Kind.PLAIN:
        return None
    if comparison.closed:
        return "closed"
    if comparison.withheld:
        return "with_lead"
    if comparison.taken < comparison.overlap:
        return "open"
    return "done" if comparison.judged >= comparison.overlap else "leased"


def _answer(made: Sequence[NewComparison], *, created: int, **told: Any) -> Response:
    """201 when something is new, otherwise 200."""
    results = [
        {
            "comparison_id": one.uid,
            "request_id": one.request_id,
            "outputs": [output.output_id for output in one.outputs],
        }
        for one in made
    ]
    return Response({"created": created, "results": results, **told}, status=201 if created else 200)
