"""How far people agree."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import votes
from annotation.api.asked import TOO_LONG, AnalysisView, AskedParameters, asked


class AgreementFiguresSerializer(serializers.Serializer[Any]):
    """Agreement on the pairs that two or more have judged."""

    items = serializers.IntegerField(min_value=0, help_text="Pairs that two or more have judged.")
    answers = serializers.IntegerField(min_value=0, help_text="What was said of them.")
    percent = serializers.FloatField(
        allow_null=True,
        help_text="How often two people who judge the same pair say the same, 0 to 1; null without any.",
    )
    alpha_nominal = serializers.FloatField(
        allow_null=True,
        help_text="Krippendorff's alpha of the outcomes: which output, tie, both bad. 1 is perfect, 0 is chance; null "
        "where it is not defined, as where everybody always says the same.",
    )
    alpha_ordinal = serializers.FloatField(
        allow_null=True, help_text="The same of strength, from 3 for the one to 3 for the other, without both bad."
    )
    gwet_ac1 = serializers.FloatField(allow_null=True, help_text="Gwet's AC1 of the outcomes.")
    ci_low = serializers.FloatField(allow_null=True, help_text="95 % interval of alpha_nominal, by resampling pairs.")
    ci_high = serializers.FloatField(allow_null=True)


class AgreementSerializer(AgreementFiguresSerializer):
    """How far people agree, in all and in parts."""

    raters = serializers.IntegerField(min_value=0, help_text="Who judged a pair that somebody else judged too.")
    by = serializers.DictField(
        child=serializers.DictField(child=AgreementFiguresSerializer()),
        help_text=f"The same figures by `language` of the prompt and by `models`; the {votes.MOST_SLICES} largest.",
    )


FIGURES = {
    "items": 120,
    "answers": 301,
    "percent": 0.71,
    "alpha_nominal": 0.41,
    "alpha_ordinal": 0.47,
    "gwet_ac1": 0.62,
    "ci_low": 0.33,
    "ci_high": 0.49,
}
EXAMPLE = {**FIGURES, "raters": 6, "by": {"language": {"en": FIGURES}, "models": {"aurora 1 / basalt 1": FIGURES}}}


class AgreementView(AnalysisView):
    """Agreement."""

    @extend_schema(
        operation_id="agreement_read",
        summary="How far those who judge the same pair agree",
        parameters=[AskedParameters],
        responses={200: AgreementSerializer, **TOO_LONG},
        examples=[OpenApiExample("Six annotators", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.answer("agreement", self._agreement)

    def _agreement(self) -> dict[str, Any]:
        found = votes.agreement(self.project, asked(self.query))
        by = {name: {part: dataclasses.asdict(one) for part, one in parts.items()} for name, parts in found.by.items()}
        return {**dataclasses.asdict(found.whole), "raters": found.raters, "by": by}
