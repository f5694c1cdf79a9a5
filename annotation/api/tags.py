"""Tags of annotators: what each can be asked about."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import routing
from annotation.api.inputs import read_body
from annotation.api.problems import Problem, refused
from annotation.api.project_view import ProjectView, Scope
from annotation.models import Annotator
from annotation.models.project import MOST_TAGS, TAG_LENGTH

# What is left of it without the space around is not empty.
TAG = r"^[^,]*[^,\s][^,]*$"


class TagsSerializer(serializers.Serializer[Any]):
    """All tags of an annotator."""

    tags = serializers.ListField(
        child=serializers.RegexField(TAG, max_length=TAG_LENGTH),
        max_length=MOST_TAGS,
        help_text="In lower case, without commas. They take the place of all that are there.",
    )


class TaggedSerializer(TagsSerializer):
    """An annotator and its tags."""

    annotator = serializers.CharField(help_text="A user name, or `api:` and the name of a program.")


EXAMPLE = {"annotator": "alice", "tags": ["french", "medicine"]}


class TagsView(ProjectView):
    """The tags of one annotator."""

    scopes = {"GET": Scope.READ, "PUT": Scope.MANAGE}

    @extend_schema(
        operation_id="annotator_tags_read",
        summary="Read the tags of an annotator",
        responses=TaggedSerializer,
        examples=[OpenApiExample("An annotator", EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, slug: str, annotator: str) -> Response:
        found = self.project.annotators.filter(name=annotator).first()
        if found is None:
            raise Problem(404, f"There is no annotator “{annotator}” here.")
        return Response(_describe(found))

    @extend_schema(
        operation_id="annotator_tags_set",
        summary="Say what an annotator can be asked about",
        description="Projects and comparisons that require tags go to annotators who have them all. The annotator need "
        "not have begun yet: any user name will do, or `api:` and the name of a program.",
        request=TagsSerializer,
        responses=TaggedSerializer,
        examples=[
            OpenApiExample("Two tags", {"tags": ["french", "medicine"]}, request_only=True),
            OpenApiExample("The annotator after it", EXAMPLE, response_only=True),
        ],
    )
    def put(self, request: Request, slug: str, annotator: str) -> Response:
        tags = read_body(request, TagsSerializer)["tags"]
        try:
            return Response(_describe(routing.tag(self.project, annotator, tags, actor=self.actor)))
        except routing.NobodyError:
            raise Problem(404, f"There is nobody “{annotator}” here.") from None
        except routing.TagError as error:
            raise refused("tags", str(error)) from None


def _describe(annotator: Annotator) -> dict[str, Any]:
    return {"annotator": annotator.name, "tags": annotator.tags}
