"""GET and PATCH of a project's settings."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import projects
from annotation.api.inputs import read_body
from annotation.api.problems import Problem, refused
from annotation.api.project_view import ProjectView, Scope
from annotation.heuristics import HEURISTICS
from annotation.models import Project
from annotation.models.project import MOST_TAGS, TAG_LENGTH
from annotation.pairing import MOST_MODELS, MOST_N
from annotation.scales import SCALES


@extend_schema_field({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
class ShareField(serializers.FloatField):
    """A part of something, which is not nothing."""

    def to_internal_value(self, data: Any) -> float:
        share = float(super().to_internal_value(data))
        if not 0 < share <= 1:
            raise serializers.ValidationError("must be above 0, and 1 at most")
        return share


class SettingsSerializer(serializers.Serializer[Any]):
    """A project's settings, as in `manage.py project`."""

    name = serializers.CharField(max_length=200)
    scale = serializers.ChoiceField(choices=[(scale.key, scale.name) for scale in SCALES.values()])
    overlap = serializers.IntegerField(min_value=1, max_value=100, help_text="Judgments wanted for each comparison.")
    overlap_sample_share = serializers.FloatField(
        min_value=0, max_value=1, help_text="Share of the comparisons that have another overlap instead."
    )
    overlap_sample = serializers.IntegerField(
        min_value=1, max_value=100, help_text="Judgments wanted for each of those."
    )
    lease_seconds = serializers.IntegerField(
        min_value=1, max_value=604_800, help_text="How long a comparison stays reserved."
    )
    lease_auto = serializers.BooleanField(
        help_text="`lease_seconds` follows how long a judgment takes. Setting that alone sets this to false."
    )
    skips_to_lead = serializers.IntegerField(
        min_value=0,
        max_value=100,
        help_text="When so many have skipped a comparison, it goes to the lead instead of to others; 0: never.",
    )
    order = serializers.ChoiceField(choices=Project.Order.choices)
    pairing = serializers.ChoiceField(choices=Project.Pairing.choices)
    pairing_n = serializers.IntegerField(
        min_value=1, max_value=MOST_N, help_text="Pairs of each prompt, for `random` and `informative`."
    )
    pairing_models = serializers.ListField(
        child=serializers.CharField(max_length=401),
        max_length=MOST_MODELS,
        help_text="For `model_pairs`: names of models, or names and versions with a space between.",
    )
    status = serializers.ChoiceField(choices=Project.Status.choices)
    requires = serializers.ListField(
        child=serializers.CharField(max_length=TAG_LENGTH),
        max_length=MOST_TAGS,
        help_text="Tags that annotators must have to be given anything.",
    )
    gold_rate = serializers.FloatField(
        min_value=0, max_value=0.5, help_text="Share of what annotators are given that is a gold."
    )
    repeat_rate = serializers.FloatField(
        min_value=0,
        max_value=0.5,
        help_text="Share that they have judged before, and now see with the sides swapped.",
    )
    implicit_rate = ShareField(help_text="Share of requests whose implicit signals are kept, above 0.")
    heuristics = serializers.ListField(
        child=serializers.ChoiceField([(rule.name, rule.about) for rule in HEURISTICS.values()]),
        max_length=len(HEURISTICS),
        help_text="Rules that make preferences of implicit signals as these arrive.",
    )
    orphan_hours = serializers.IntegerField(
        min_value=0, max_value=87_600, help_text="Feedback that waits longer for its inference is reported as orphaned."
    )
    guidelines = serializers.CharField(allow_blank=True, trim_whitespace=False, help_text="Markdown.")
    members = serializers.ListField(
        child=serializers.CharField(), max_length=10_000, help_text="User names; empty is every signed-in annotator."
    )


class ProjectSerializer(SettingsSerializer):
    """A project as it is told."""

    slug = serializers.SlugField(read_only=True)


EXAMPLE = {
    "slug": "summaries",
    "name": "Summaries",
    "scale": "plain",
    "overlap": 2,
    "overlap_sample_share": 0.1,
    "overlap_sample": 3,
    "lease_seconds": 900,
    "lease_auto": True,
    "skips_to_lead": 3,
    "order": "fifo",
    "pairing": "random",
    "pairing_n": 1,
    "pairing_models": [],
    "status": "open",
    "requires": [],
    "gold_rate": 0.1,
    "repeat_rate": 0.05,
    "implicit_rate": 1.0,
    "heuristics": [],
    "orphan_hours": 24,
    "guidelines": "Prefer the truthful one.",
    "members": ["alice", "bob"],
}


class ProjectSettingsView(ProjectView):
    """The settings of a project."""

    scopes = {"GET": Scope.READ, "PATCH": Scope.MANAGE}

    @extend_schema(
        operation_id="project_read",
        summary="Read the project's settings",
        tags=["project"],
        responses=ProjectSerializer,
        examples=[OpenApiExample("A project", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str) -> Response:
        return Response(projects.read_settings(self.project))

    @extend_schema(
        operation_id="project_change",
        summary="Change some of the project's settings, all or none",
        tags=["project"],
        request=SettingsSerializer(partial=True),
        responses=ProjectSerializer,
        examples=[
            OpenApiExample("Two judgments each", {"overlap": 2, "lease_seconds": 900}, request_only=True),
            OpenApiExample("The project after it", EXAMPLE, response_only=True),
        ],
    )
    def patch(self, request: Request, slug: str) -> Response:
        settings = read_body(request, SettingsSerializer, partial=True)
        if not settings:
            raise Problem(422, f"Name a setting to change; there are {', '.join(projects.SETTINGS)}.")
        try:
            projects.change_project(self.project, settings, actor=self.actor)
        except projects.SettingError as error:
            raise refused(error.setting, error.reason) from None
        return Response(projects.read_settings(self.project))
