"""How often a reward model prefers what a snapshot's judges preferred."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.inputs import read_body
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from exports.api.snapshots import VERSION, demand_files, find_snapshot
from exports.models import Snapshot
from exports.scoring import NothingToScoreError, pair_files, score
from exports.storage import at_hand

MOST_SCORES = 20_000


class PairScoresSerializer(serializers.Serializer[Any]):
    """A reward model's scores of one pair."""

    id = serializers.CharField(help_text="The pair's `id` or `meta_pair_id`.")
    chosen = serializers.FloatField(help_text="The score of the chosen output.")
    rejected = serializers.FloatField()


class ScoresSerializer(serializers.Serializer[Any]):
    """Scores of a snapshot's pairs."""

    scores = serializers.ListField(child=PairScoresSerializer(), min_length=1, max_length=MOST_SCORES)


class AccuracySerializer(serializers.Serializer[Any]):
    """The share in which the chosen output has the higher score; equal scores are a half."""

    pairs = serializers.IntegerField(min_value=0)
    accuracy = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True, help_text="The 95 % interval (Wilson).")
    high = serializers.FloatField(allow_null=True)


class ScoredSerializer(serializers.Serializer[Any]):
    """The accuracy over all pairs and by subset."""

    whole = AccuracySerializer()
    subsets = serializers.DictField(child=AccuracySerializer())
    mean = serializers.FloatField(allow_null=True, help_text="The mean over the subsets.")
    missing = serializers.IntegerField(min_value=0, help_text="Pairs without scores.")
    unknown = serializers.IntegerField(min_value=0, help_text="Scores without a pair.")


PAIR = "6f9619ff-8b86-8011-ab2d-00c04fc964ff"
ONE = {"pairs": 1, "accuracy": 1.0, "low": 0.20654931437723745, "high": 1.0}
EXAMPLE = {"whole": ONE, "subsets": {"en": ONE}, "mean": 1.0, "missing": 41, "unknown": 0}


class ScoreView(ProjectView):
    """Scoring a reward model."""

    scopes = {"POST": Scope.READ}

    @extend_schema(
        operation_id="snapshot_score",
        summary="Score a reward model",
        description=f"Nothing is stored. At most {MOST_SCORES:,} pairs a call; `manage.py "
        "score_reward_model` takes any number.",
        parameters=[VERSION],
        request=ScoresSerializer,
        responses={
            200: ScoredSerializer,
            409: OpenApiResponse(description="It is not ready, or holds no pairs in Parquet files."),
            410: OpenApiResponse(description="Its files were removed."),
        },
        examples=[
            OpenApiExample("One pair", {"scores": [{"id": PAIR, "chosen": 1.5, "rejected": 0.25}]}, request_only=True),
            OpenApiExample("Scored", EXAMPLE, response_only=True),
        ],
    )
    def post(self, request: Request, slug: str, version: str) -> Response:
        snapshot = find_snapshot(self.project, version)
        if snapshot.status != Snapshot.Status.READY:
            raise Problem(409, f"Version {snapshot.version} is {snapshot.status}, not ready.")
        demand_files(snapshot)
        scores: dict[str, tuple[float, float]] = {}
        for number, one in enumerate(read_body(request, ScoresSerializer)["scores"]):
            both = (one["chosen"], one["rejected"])
            if scores.setdefault(one["id"], both) != both:
                errors = [(f"/scores/{number}/id", "stands twice, with other scores")]
                raise Problem(422, "A pair stands twice, with other scores.", errors=errors)
        try:
            with at_hand(snapshot, *pair_files(snapshot)) as folder:
                return Response(asdict(score(folder, scores)))
        except NothingToScoreError:
            raise Problem(409, f"Version {snapshot.version} holds no pairs in Parquet files.") from None
