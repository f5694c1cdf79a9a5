"""What a recipe would give, before anything is built."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from exports.api.shapes import WantedSerializer
from exports.api.snapshots import read_wanted
from exports.pipeline.preview import PREVIEW_SECONDS, PreviewTooLongError, preview

TOO_LONG = (
    f"The preview was broken off after {PREVIEW_SECONDS} s. Preview a smaller part (“since”, “models”, “languages”), "
    "or ask for the snapshot: its building has no limit."
)


class EstimateSerializer(serializers.Serializer[Any]):
    """What the snapshot will be like, roughly."""

    rows = serializers.IntegerField(min_value=0, help_text="Of all configs together.")
    bytes = serializers.IntegerField(min_value=0, help_text="Of their files, by writing the first rows.")
    seconds = serializers.FloatField(min_value=0, help_text="For one worker, by what earlier builds took.")


class PreviewSerializer(serializers.Serializer[Any]):
    """Counts of every stage, and the first rows of the first format."""

    watermark = serializers.IntegerField()
    counts = serializers.DictField(
        child=serializers.DictField(), help_text="By stage: selected, curated (and dropped by rule), sampled, split."
    )
    estimate = EstimateSerializer()
    format = serializers.CharField(help_text="The format of `rows`.")
    rows = serializers.ListField(child=serializers.DictField(), max_length=10)


EXAMPLE = {
    "watermark": 812,
    "counts": {
        "selected": {"judgments": 400, "pairs": 200, "prompts": 200, "judges": 3},
        "curated": {"pairs": 195, "decided": 160, "ties": 30, "both_bad": 5, "dropped": {"identical": 5}},
        "sampled": {"pairs": 195, "decided": 160},
        "split": {"train_prompts": 176, "test_prompts": 19},
    },
    "estimate": {"rows": 160, "bytes": 48210, "seconds": 0.6},
    "format": "preference",
    "rows": [
        {
            "prompt": [{"role": "user", "content": "What is a seal?"}],
            "chosen": [{"role": "assistant", "content": "A marine mammal."}],
            "rejected": [{"role": "assistant", "content": "A stamp."}],
            "meta_pair_id": "6f9619ff-8b86-8011-ab2d-00c04fc964ff",
        }
    ],
}


class PreviewView(ProjectView):
    """What a recipe would give."""

    scopes = {"POST": Scope.READ}

    @extend_schema(
        operation_id="snapshots_preview",
        summary="Preview a recipe",
        description=f"Nothing is built or stored. It is broken off with 422 after {PREVIEW_SECONDS} s.",
        request=WantedSerializer,
        responses=PreviewSerializer,
        examples=[
            OpenApiExample("Pairs with two votes", {"recipe": {"min_votes": 2}}, request_only=True),
            OpenApiExample("A preview", EXAMPLE, response_only=True),
        ],
    )
    def post(self, request: Request, slug: str) -> Response:
        recipe, _, _ = read_wanted(request, self.project)
        try:
            return Response(preview(self.project, recipe))
        except PreviewTooLongError:
            raise Problem(422, TOO_LONG) from None
