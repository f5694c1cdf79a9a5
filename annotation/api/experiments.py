"""Which of two models wins."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import votes
from annotation.analysis.battles import Battles
from annotation.analysis.experiments import Experiment, experiments
from annotation.api.asked import TOO_LONG, AnalysisView, AskedParameters, asked, share_field

MOST_TOLD = 1_000


class ModelSerializer(serializers.Serializer[Any]):
    """A model as outputs name it."""

    name = serializers.CharField()
    version = serializers.CharField(allow_blank=True)


class ExperimentSerializer(serializers.Serializer[Any]):
    """Two models that met."""

    first = ModelSerializer()
    second = ModelSerializer()
    n = serializers.IntegerField(min_value=1, help_text="Judgments.")
    wins = serializers.IntegerField(min_value=0, help_text="How often the first won.")
    losses = serializers.IntegerField(min_value=0)
    ties = serializers.IntegerField(min_value=0, help_text="Ties, and answers that both are bad.")
    win_rate = share_field("The first one's share of wins and losses; null without any.")
    ci_low = serializers.FloatField(min_value=0, max_value=1, help_text="95 % interval, valid whenever one looks.")
    ci_high = serializers.FloatField(min_value=0, max_value=1)
    p_value = serializers.FloatField(
        min_value=0, max_value=1, help_text="That both win as often; valid however often and whenever one looks."
    )
    verdict = serializers.ChoiceField(["first", "second", "undecided"], help_text="Who wins, at 5 %.")


class ExperimentsSerializer(serializers.Serializer[Any]):
    """Each two models that met, those with most judgments first."""

    experiments = ExperimentSerializer(many=True)


EXAMPLE = {
    "experiments": [
        {
            "first": {"name": "aurora", "version": "1"},
            "second": {"name": "basalt", "version": "1"},
            "n": 180,
            "wins": 108,
            "losses": 54,
            "ties": 18,
            "win_rate": 0.667,
            "ci_low": 0.54,
            "ci_high": 0.779,
            "p_value": 0.0011,
            "verdict": "first",
        }
    ]
}


class ExperimentsView(AnalysisView):
    """Experiments."""

    @extend_schema(
        operation_id="experiments_list",
        summary="Which of each two models wins",
        description="By tests that one may look at after every judgment, and stop as soon as there is a verdict. Each "
        f"is for its own pair: who looks at many must expect some to be wrong. The {MOST_TOLD:,} pairs with most "
        "judgments.",
        parameters=[AskedParameters],
        responses={200: ExperimentsSerializer, **TOO_LONG},
        examples=[OpenApiExample("One pair of models", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.answer("experiments", self._experiments)

    def _experiments(self) -> dict[str, Any]:
        found = list(experiments(Battles.of(votes.meetings(self.project, asked(self.query)), both_bad="tie")))
        found.sort(key=lambda one: -one.n)
        return {"experiments": [describe(one) for one in found[:MOST_TOLD]]}


def describe(one: Experiment) -> dict[str, Any]:
    """An experiment as ExperimentSerializer."""
    return {**vars(one), "n": one.n, "first": one.first._asdict(), "second": one.second._asdict()}
