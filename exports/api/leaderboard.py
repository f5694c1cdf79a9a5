"""The leaderboard of models: of the project's votes as they are now, or of the battles of a snapshot."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import votes
from annotation.analysis.battles import MOST_MODELS, Battles, Met
from annotation.analysis.leaderboard import EXACT, PROVISIONAL, Entry, Leaderboard, rate
from annotation.api.asked import TOO_LONG, AnalysisView, AskedParameters, asked
from annotation.api.problems import Problem
from exports.api.snapshots import demand_files, find_snapshot
from exports.battles import Only, battle_files, meetings
from exports.models import Snapshot
from exports.storage import at_hand


class LeaderboardParameters(AskedParameters):
    """Which votes count, and how."""

    style = serializers.ChoiceField(  # type: ignore[assignment]  # the stubs take it for Field.style
        ["length"], required=False, help_text="Also rate models as if all answers were equally long."
    )
    both_bad = serializers.ChoiceField(
        ["tie", "drop"], default="tie", help_text="Whether an answer that both are bad is a tie, or does not count."
    )
    snapshot = serializers.CharField(
        required=False,
        max_length=20,
        help_text="A version, or `latest`: count its `battles`, of every source unless `source` is given.",
    )


class RatedSerializer(serializers.Serializer[Any]):
    """A model's rating, with its 95 % interval, and its rank, with the best and the worst that it may have.

    null of models outside the largest group that is connected by battles.
    """

    rating = serializers.FloatField(allow_null=True, help_text="400 points are odds of ten to one; the mean is 1000.")
    ci_low = serializers.FloatField(allow_null=True)
    ci_high = serializers.FloatField(allow_null=True)
    rank = serializers.IntegerField(allow_null=True)
    rank_low = serializers.IntegerField(allow_null=True, help_text="As many as are surely better, and one.")
    rank_high = serializers.IntegerField(allow_null=True, help_text="All but those that are surely worse.")
    provisional = serializers.BooleanField(
        help_text=f"It rests on fewer than {PROVISIONAL} battles, or on a prior; `method` then says why."
    )


class RatedModelSerializer(RatedSerializer):
    """A model of the leaderboard."""

    name = serializers.CharField()
    version = serializers.CharField(allow_blank=True)
    battles = serializers.IntegerField(min_value=0)
    wins = serializers.IntegerField(min_value=0)
    losses = serializers.IntegerField(min_value=0)
    ties = serializers.IntegerField(min_value=0)


class StyledModelSerializer(RatedSerializer):
    """A model's rating as it would be if all answers were equally long."""

    name = serializers.CharField()
    version = serializers.CharField(allow_blank=True)


class StyleSerializer(serializers.Serializer[Any]):
    """What length alone does; empty unless it was asked for."""

    style = serializers.ChoiceField(["length"], required=False)  # type: ignore[assignment]  # as above
    coefficient = serializers.FloatField(
        required=False, allow_null=True, help_text="Log-odds of an answer that is all there is against an empty one."
    )
    ci_low = serializers.FloatField(required=False, allow_null=True)
    ci_high = serializers.FloatField(required=False, allow_null=True)
    models = StyledModelSerializer(many=True, required=False)


class MetSerializer(serializers.Serializer[Any]):
    """How often one model met another, seen from the former."""

    battles = serializers.IntegerField(min_value=1)
    wins = serializers.IntegerField(min_value=0)
    losses = serializers.IntegerField(min_value=0)
    ties = serializers.IntegerField(min_value=0)


class LeaderboardSerializer(serializers.Serializer[Any]):
    """Models, best first."""

    models = RatedModelSerializer(many=True)
    method = serializers.CharField()
    connected = serializers.BooleanField(
        help_text="Battles lead from every model to every other. Otherwise the largest connected group is rated."
    )
    style_controlled = StyleSerializer()
    pairs = serializers.DictField(
        child=serializers.DictField(child=MetSerializer()),
        help_text="The win matrix: by name and version of a model, and then of the other.",
    )


EXAMPLE_RATED = {
    "rating": 1053.8,
    "ci_low": 1028.7,
    "ci_high": 1078.9,
    "rank": 1,
    "rank_low": 1,
    "rank_high": 1,
    "provisional": False,
}
EXAMPLE = {
    "models": [
        {"name": "aurora", "version": "1", "battles": 180, "wins": 108, "losses": 54, "ties": 18, **EXAMPLE_RATED}
    ],
    "method": EXACT,
    "connected": True,
    "style_controlled": {},
    "pairs": {"aurora 1": {"basalt 1": {"battles": 180, "wins": 108, "losses": 54, "ties": 18}}},
}


class LeaderboardView(AnalysisView):
    """The leaderboard."""

    parameters = LeaderboardParameters

    @extend_schema(
        operation_id="leaderboard_read",
        summary="Which models win",
        description=f"Ratings by Bradley and Terry, of the {MOST_MODELS} models with most battles.",
        parameters=[LeaderboardParameters],
        responses={
            200: LeaderboardSerializer,
            404: OpenApiResponse(description="There is no such snapshot."),
            409: OpenApiResponse(
                description="The snapshot is not ready, holds no battles in Parquet files, or only what is new."
            ),
            410: OpenApiResponse(description="The snapshot's files were removed."),
            **TOO_LONG,
        },
        examples=[OpenApiExample("Two models", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        if "snapshot" in self.query:
            return self._of_snapshot(find_snapshot(self.project, self.query["snapshot"]))
        return self.answer("leaderboard", self._of_votes)

    def _of_votes(self) -> dict[str, Any]:
        return self._describe(votes.meetings(self.project, asked(self.query), by_length="style" in self.query))

    def _of_snapshot(self, snapshot: Snapshot) -> Response:
        version = f"Version {snapshot.version}"
        if snapshot.status != Snapshot.Status.READY:
            raise Problem(409, f"{version} is {snapshot.status}, not ready.")
        if snapshot.parent_id and snapshot.recipe["incremental"]:
            raise Problem(409, f"{version} is an increment, and holds what changed since its parent alone.")
        demand_files(snapshot)
        files = battle_files(snapshot)
        if not files:
            raise Problem(409, f"{version} holds no battles in Parquet files: build one with that format.")

        source = self.query["source"] if "source" in self.request.query_params else None
        only = Only(source, self.query.get("since"), self.query.get("until"))

        def count() -> dict[str, Any]:
            with at_hand(snapshot, *files) as folder:
                return self._describe(meetings(folder, files, only, by_length="style" in self.query))

        try:
            return self.answer("leaderboard", count, snapshot=snapshot.version, source=source)
        except (OSError, pa.ArrowException):
            raise Problem(
                410, f"The battles of version {snapshot.version} are gone or damaged. Build it anew."
            ) from None

    def _describe(self, met: list[Met]) -> dict[str, Any]:
        battles = Battles.of(met, both_bad=self.query["both_bad"])
        return describe(rate(battles, style="style" in self.query), battles)


def describe(board: Leaderboard, battles: Battles) -> dict[str, Any]:
    """A leaderboard as LeaderboardSerializer."""
    styled: dict[str, Any] = {}
    if board.style.coefficient is not None:
        ranked = sorted(board.entries, key=lambda entry: entry.styled.rank or len(board.entries) + 1)
        models = [entry.model._asdict() | asdict(entry.styled) for entry in ranked]
        styled = {"style": "length", **asdict(board.style), "models": models}
    return {
        "models": [describe_entry(entry) for entry in board.entries],
        "method": board.method,
        "connected": board.connected,
        "style_controlled": styled,
        "pairs": win_matrix(battles),
    }


def describe_entry(entry: Entry) -> dict[str, Any]:
    """A model as RatedModelSerializer."""
    counts = {"battles": entry.battles, "wins": entry.wins, "losses": entry.losses, "ties": entry.ties}
    return entry.model._asdict() | counts | asdict(entry.rated)


def win_matrix(battles: Battles) -> dict[str, dict[str, dict[str, int]]]:
    """How often each model met each other, by names and versions."""
    won, drawn = battles.won.tolist(), battles.drawn.tolist()
    often = Counter(model.label for model in battles.models)
    # Two models may come to the same name and version in one: then both are told apart as JSON.
    labels = [model.label if often[model.label] == 1 else json.dumps(model) for model in battles.models]
    matrix: dict[str, dict[str, dict[str, int]]] = {label: {} for label in labels}
    for i, one in enumerate(labels):
        for j, other in enumerate(labels):
            wins, losses, ties = won[i][j], won[j][i], drawn[i][j]
            if wins + losses + ties:
                matrix[one][other] = {"battles": wins + losses + ties, "wins": wins, "losses": losses, "ties": ties}
    return matrix
