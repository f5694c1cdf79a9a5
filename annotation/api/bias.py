"""What judgments lean to besides quality."""

from __future__ import annotations

import dataclasses
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import votes
from annotation.analysis.annotators import FAST_SECONDS
from annotation.analysis.bias import SIDES, Leaning, Period, alerts, leaning
from annotation.analysis.chances import share
from annotation.api.asked import TOO_LONG, AnalysisView, AskedParameters, asked, share_field

ABOUT = {
    "position": "the left output wins",
    "length": "the longer output wins, where lengths differ",
    "formatting": "the output with more Markdown wins, where that differs",
    "speed": f"the left output wins in judgments of less than {FAST_SECONDS} seconds",
}


class BiasParameters(AskedParameters):
    """Whose votes count, of which time, and how finely time is cut."""

    period = serializers.ChoiceField(["day", "week"], default="week", help_text="Length of a period, in UTC.")


class LeaningSerializer(serializers.Serializer[Any]):
    """How often one of two outcomes came."""

    n = serializers.IntegerField(min_value=0, help_text="Judgments of which this can be said.")
    rate = share_field("Share of them.")
    p_value = serializers.FloatField(min_value=0, max_value=1, help_text="Of the exact test that both are as likely.")


class PeriodSerializer(serializers.Serializer[Any]):
    """A day or week that has judgments."""

    since = serializers.DateTimeField()
    judgments = serializers.IntegerField(min_value=1)
    position = share_field(f"Share in which {ABOUT['position']}.")
    length = share_field(f"Share in which {ABOUT['length']}.")
    formatting = share_field(f"Share in which {ABOUT['formatting']}.")
    speed = share_field(f"Share in which {ABOUT['speed']}.")
    fast = share_field(f"Share of judgments of less than {FAST_SECONDS} seconds.")
    median_seconds = serializers.FloatField(allow_null=True)


class AlertSerializer(serializers.Serializer[Any]):
    """A bias that is hardly by chance and matters."""

    bias = serializers.ChoiceField(list(SIDES))
    since = serializers.DateTimeField(help_text="Beginning of the time that stands out most.")
    size = serializers.FloatField(help_text="The rate since then, less a half.")
    p_value = serializers.FloatField(
        min_value=0,
        max_value=1,
        help_text="As many times that of the exact test as there were beginnings to choose from.",
    )


class BiasSerializer(serializers.Serializer[Any]):
    """Leanings in all and over time, and alerts. A leaning may have good reasons: longer answers may be better."""

    judgments = serializers.IntegerField(min_value=0)
    tests = serializers.DictField(
        child=LeaningSerializer(), help_text="; ".join(f"`{name}`: {what}" for name, what in ABOUT.items()) + "."
    )
    periods = PeriodSerializer(many=True, help_text="Oldest first.")
    alerts = AlertSerializer(many=True)


EVEN = {"n": 380, "rate": 0.51, "p_value": 0.76}
EXAMPLE = {
    "judgments": 412,
    "tests": {
        "position": EVEN,
        "length": {"n": 371, "rate": 0.68, "p_value": 4e-12},
        "formatting": EVEN,
        "speed": EVEN,
    },
    "periods": [
        {
            "since": "2026-05-04T00:00:00Z",
            "judgments": 412,
            "position": 0.51,
            "length": 0.68,
            "formatting": 0.51,
            "speed": 0.51,
            "fast": 0.02,
            "median_seconds": 14.2,
        }
    ],
    "alerts": [{"bias": "length", "since": "2026-05-04T00:00:00Z", "size": 0.18, "p_value": 4e-12}],
}


class BiasView(AnalysisView):
    """Bias."""

    parameters = BiasParameters

    @extend_schema(
        operation_id="bias_read",
        summary="What judgments lean to besides quality, over time",
        description=f"Of the newest {votes.MOST_LOOKED_AT:,} judgments.",
        parameters=[BiasParameters],
        responses={200: BiasSerializer, **TOO_LONG},
        examples=[OpenApiExample("Longer answers win", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return self.answer("bias", self._bias)

    def _bias(self) -> dict[str, Any]:
        periods = votes.periods(self.project, asked(self.query), period=self.query["period"])
        return {
            "judgments": sum(period.judgments for period in periods),
            "tests": {name: describe_leaning(leaning(periods, name)) for name in SIDES},
            "periods": [describe(period) for period in periods],
            "alerts": [dataclasses.asdict(alert) for alert in alerts(periods)],
        }


def describe_leaning(found: Leaning) -> dict[str, Any]:
    """A leaning as LeaningSerializer."""
    return {"n": found.n, "rate": found.rate, "p_value": found.p_value}


def describe(period: Period) -> dict[str, Any]:
    """A period as PeriodSerializer."""
    return {
        "since": period.since,
        "judgments": period.judgments,
        **{name: leaning([period], name).rate for name in SIDES},
        "fast": share(period.fast, period.judgments),
        "median_seconds": period.median_seconds,
    }
