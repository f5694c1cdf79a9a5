"""What the views of analysis share: whose votes a query is about, and answers that may take long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers
from rest_framework.response import Response

from annotation.api.inputs import MomentField
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.models import SourceType
from annotation.recent import recent
from annotation.votes import Asked, TooLongError

TOO_LONG = {503: OpenApiResponse(description="There are too many votes; ask about a shorter time.")}

# End users are no annotators, and their ids are nobody's business.
OF_JUDGES = [choice for choice in SourceType.choices if choice[0] != SourceType.END_USER]


def share_field(help_text: str) -> serializers.FloatField:
    """A share from 0 to 1, null of nothing."""
    return serializers.FloatField(allow_null=True, min_value=0, max_value=1, help_text=help_text)


class AskedParameters(serializers.Serializer[Any]):
    """Whose votes count, and of which time."""

    # The stubs take it for Field.source; to REST framework a declared field of that name is like any other.
    source = serializers.ChoiceField(  # type: ignore[assignment]
        SourceType.choices, default=SourceType.HUMAN.value, help_text="Type of the source."
    )
    since = MomentField(required=False, help_text="Judged at this time or later.")
    until = MomentField(required=False, help_text="Judged before this time.")


class OfJudgesParameters(AskedParameters):
    """The same for what is told of each judge."""

    source = serializers.ChoiceField(OF_JUDGES, default=SourceType.HUMAN.value, help_text="Type of the source.")


def asked(query: dict[str, Any]) -> Asked:
    """What a query by AskedParameters asks for."""
    return Asked(query["source"], query.get("since"), query.get("until"))


class AnalysisView(ProjectView):
    """A view of what votes amount to."""

    scopes = {"GET": Scope.READ}
    parameters = AskedParameters

    def answer(self, name: str, make: Callable[[], dict[str, Any]], **told: object) -> Response:
        """What `make` makes, for this query and what else is told of it; Problem 503 when it takes too long."""
        try:
            return Response(recent(self.project, name, {**self.query, **told}, make))
        except TooLongError as error:
            raise Problem(503, str(error)) from None
