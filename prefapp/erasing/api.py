"""Erasing a person over the API."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.inputs import read_body
from annotation.api.problems import refused
from annotation.api.project_view import ProjectView, Scope
from annotation.erased import Erased
from annotation.erasure import MAX_REASON, ReasonError, count_records
from prefapp.erasing.person import AT_ONCE, Report, erase_person


class WantedErasureSerializer(serializers.Serializer[Any]):
    """Whom to erase."""

    user_id = serializers.CharField(
        max_length=65_536,
        trim_whitespace=False,
        help_text="As in `metadata.user_id`, and in `source.id` of an end user.",
    )
    reason = serializers.CharField(
        max_length=MAX_REASON, default="", allow_blank=True, help_text="For the log; it must not name the person."
    )
    dry_run = serializers.BooleanField(default=False, help_text="Only count.")


class ErasedSerializer(serializers.Serializer[Any]):
    """How many records."""

    inferences = serializers.IntegerField(min_value=0)
    outputs = serializers.IntegerField(min_value=0, help_text="Of models, and edits of users.")
    feedback = serializers.IntegerField(min_value=0)
    judgments = serializers.IntegerField(min_value=0, help_text="That were made of the feedback.")


class ErasureSerializer(serializers.Serializer[Any]):
    """What was erased, and what still holds some of it."""

    erased = ErasedSerializer()
    left = ErasedSerializer(help_text="What is there to erase.")
    snapshots = serializers.ListField(
        child=serializers.IntegerField(min_value=1), help_text="Versions whose files hold rows that are erased by now."
    )
    recipes = serializers.ListField(child=serializers.CharField(), help_text="Recipes that name the person.")


NOTHING = {"inferences": 0, "outputs": 0, "feedback": 0, "judgments": 0}
SOME = {"inferences": 3, "outputs": 6, "feedback": 4, "judgments": 4}
DONE = {"erased": SOME, "left": NOTHING, "snapshots": [3, 4], "recipes": []}


class ErasuresView(ProjectView):
    """Erasing."""

    scopes = {"POST": Scope.MANAGE}

    @extend_schema(
        operation_id="erasures_create",
        summary="Erase a person",
        description="Blanks texts, metadata, digests and salts of the person's inferences and feedback, of feedback on "
        "these inferences, and of what was derived of any of it, for good. Ids and outcomes stay, so that the log "
        f"still verifies; they count nowhere any more. A call erases about {AT_ONCE:,} records: 202 says that there "
        "are more, and the same call again erases them. Doing it again changes nothing.",
        request=WantedErasureSerializer,
        responses={
            200: OpenApiResponse(ErasureSerializer, "Nothing is left; or it was a dry run."),
            202: OpenApiResponse(ErasureSerializer, "More is left: call again."),
        },
        examples=[
            OpenApiExample("A person", {"user_id": "u-9", "reason": "ticket 4711"}, request_only=True),
            OpenApiExample("Erased", DONE, response_only=True, status_codes=["200"]),
            OpenApiExample("More is left", {**DONE, "left": SOME, "snapshots": []}, response_only=True,
                           status_codes=["202"]),
        ],
    )  # fmt: skip
    def post(self, request: Request, slug: str) -> Response:
        wanted = read_body(request, WantedErasureSerializer)
        if wanted["dry_run"]:
            return Response(describe(Report(Erased(), count_records(self.project, wanted["user_id"]))))
        try:
            report = erase_person(
                self.project, wanted["user_id"], actor=self.actor, reason=wanted["reason"], limit=AT_ONCE
            )
        except ReasonError as error:
            raise refused("reason", str(error)) from None
        return Response(describe(report), status=202 if report.left else 200)


def describe(report: Report) -> dict[str, Any]:
    """A report as ErasureSerializer."""
    return {
        "erased": vars(report.erased),
        "left": vars(report.left),
        "snapshots": report.snapshots,
        "recipes": report.recipes,
    }
