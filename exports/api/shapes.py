"""What goes over the wire: a wanted snapshot in, snapshots out, each with its example."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from exports.models import Snapshot
from exports.pipeline.formats import FORMATS
from exports.pipeline.recipe import parse_recipe, recipe_schema, resolved


@extend_schema_field({"oneOf": [recipe_schema(), {"type": "string"}]})
class RecipeField(serializers.JSONField):
    """A recipe object, or the name of one of the project's recipes."""


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "enum": list(FORMATS)}, "minItems": 1, "uniqueItems": True}
)
class FormatsField(serializers.ListField):
    """Formats of a snapshot, each once."""

    child = serializers.ChoiceField(list(FORMATS))


class WantedSerializer(serializers.Serializer[Any]):
    """What is to be built."""

    recipe = RecipeField(default=dict, help_text="A recipe object, or the name of a recipe of the project.")
    formats = FormatsField(
        min_length=1, max_length=len(FORMATS), required=False, help_text="In place of the recipe's own formats."
    )


class FileSerializer(serializers.Serializer[Any]):
    """A file of a ready snapshot."""

    path = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    rows = serializers.IntegerField(allow_null=True, help_text="null: no data file.")
    url = serializers.URLField()


class SnapshotSerializer(serializers.Serializer[Any]):
    """One version of the dataset."""

    version = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(Snapshot.Status.choices)
    progress = serializers.FloatField(min_value=0, max_value=1)
    # The stubs take it for Field.parent; to REST framework a declared field of that name is like any other.
    parent = serializers.IntegerField(allow_null=True, help_text="The version that an increment builds on.")  # type: ignore[assignment]
    watermark = serializers.IntegerField(help_text="The log position up to which it has seen everything.")
    watermark_hash = serializers.CharField(help_text="The hash of the log at that position.")
    rows = serializers.IntegerField(help_text="Rows of all data files together.")
    bytes = serializers.IntegerField(help_text="Bytes of all files together.")
    recipe = serializers.DictField(help_text="The whole recipe, with its defaults.")
    recipe_name = serializers.CharField(allow_null=True)
    error = serializers.CharField(allow_null=True, help_text="Why it failed.")
    created_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    files_removed_at = serializers.DateTimeField(
        allow_null=True, help_text="When its files went; the list of them, the card and the manifest stay."
    )
    files = FileSerializer(many=True, help_text="Empty until it is ready.")


class SnapshotPageSerializer(serializers.Serializer[Any]):
    """A page of snapshots, oldest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = SnapshotSerializer(many=True)


QUEUED: dict[str, Any] = {
    "version": 4,
    "status": "queued",
    "progress": 0.0,
    "parent": None,
    "watermark": 812,
    "watermark_hash": "5d0c1f2e3b4a59687786950413223140c1d2e3f4a5b6978879605142332415a6",
    "rows": 0,
    "bytes": 0,
    "recipe": resolved(parse_recipe({"min_votes": 2, "formats": ["preference"]})),
    "recipe_name": None,
    "error": None,
    "created_at": "2026-05-01T10:00:00Z",
    "ended_at": None,
    "files_removed_at": None,
    "files": [],
}
READY = QUEUED | {
    "status": "ready",
    "progress": 1.0,
    "rows": 1200,
    "bytes": 2_400_000,
    "ended_at": "2026-05-01T10:00:02Z",
    "files": [
        {
            "path": "preference/train-00000-of-00001.parquet",
            "bytes": 2_390_000,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "rows": 1200,
            "url": "https://prefapp.example/api/v1/projects/demo/snapshots/4/files/"
            "preference/train-00000-of-00001.parquet",
        }
    ],
}
