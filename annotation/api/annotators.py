"""How each annotator judges."""

from __future__ import annotations

from typing import Any, get_args

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import votes
from annotation.analysis.annotators import Flag, Work, flags_of
from annotation.analysis.chances import share
from annotation.api.asked import TOO_LONG, AnalysisView, OfJudgesParameters, asked, share_field


class AnnotatorSerializer(serializers.Serializer[Any]):
    """One annotator's judgments: plain ones, except for golds and repeats."""

    name = serializers.CharField(help_text="`source.id` of the judgments.")
    judgments = serializers.IntegerField(min_value=1)
    median_seconds = serializers.FloatField(allow_null=True, help_text="Of active time where it was measured.")
    golds = serializers.IntegerField(min_value=0, help_text="Golds judged, of the latest.")
    gold_accuracy = share_field("Share of golds judged rightly.")
    compared = serializers.IntegerField(
        min_value=0, help_text="Judgments of pairs of which more of the others said one thing than any other."
    )
    agreement = share_field("Share of those in which this annotator said so too.")
    sided = serializers.IntegerField(min_value=0, help_text="Judgments with a winner and known sides.")
    left_rate = share_field("Share of those in which the left output won.")
    left_p_value = serializers.FloatField(
        min_value=0, max_value=1, help_text="Of the exact test that either side wins as often."
    )
    longer_rate = share_field("Share of wins of the longer output, where lengths differ.")
    tie_rate = share_field("Share of ties.")
    both_bad_rate = share_field("Share of answers that both are bad.")
    repeats = serializers.IntegerField(min_value=0, help_text="Flipped repeats judged, of the latest.")
    consistency = share_field("Share of repeats that were judged as the first time.")
    flags = serializers.ListField(
        child=serializers.ChoiceField(get_args(Flag)), help_text="What should be talked about; see the documentation."
    )


class AnnotatorsSerializer(serializers.Serializer[Any]):
    """All annotators with judgments, whoever judged most first."""

    annotators = AnnotatorSerializer(many=True)


EXAMPLE = {
    "annotators": [
        {
            "name": "alice",
            "judgments": 412,
            "median_seconds": 14.2,
            "golds": 20,
            "gold_accuracy": 0.95,
            "compared": 118,
            "agreement": 0.74,
            "sided": 340,
            "left_rate": 0.52,
            "left_p_value": 0.48,
            "longer_rate": 0.61,
            "tie_rate": 0.14,
            "both_bad_rate": 0.03,
            "repeats": 11,
            "consistency": 0.91,
            "flags": [],
        }
    ]
}


class AnnotatorsView(AnalysisView):
    """Annotators."""

    parameters = OfJudgesParameters

    @extend_schema(
        operation_id="annotators_list",
        summary="How each annotator judges, and who should be talked to",
        description=f"The {votes.MOST_ANNOTATORS:,} with most judgments.",
        parameters=[OfJudgesParameters],
        responses={200: AnnotatorsSerializer, **TOO_LONG},
        examples=[OpenApiExample("One annotator", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.answer("annotators", self._annotators)

    def _annotators(self) -> dict[str, Any]:
        works = votes.work(self.project, asked(self.query))
        return {"annotators": [describe(work, flags) for work, flags in zip(works, flags_of(works), strict=True)]}


def describe(work: Work, flags: list[Flag]) -> dict[str, Any]:
    """An annotator as AnnotatorSerializer."""
    return {
        "name": work.name,
        "judgments": work.judgments,
        "median_seconds": work.median_seconds,
        "golds": work.golds,
        "gold_accuracy": share(work.golds_right, work.golds),
        "compared": work.compared,
        "agreement": share(work.agreed, work.compared),
        "sided": work.left + work.right,
        "left_rate": share(work.left, work.left + work.right),
        "left_p_value": work.side_p_value,
        "longer_rate": share(work.longer, work.longer + work.shorter),
        "tie_rate": share(work.ties, work.judgments),
        "both_bad_rate": share(work.both_bad, work.judgments),
        "repeats": work.repeats,
        "consistency": share(work.repeats_same, work.repeats),
        "flags": flags,
    }
