"""Judging what a program took from the queue."""

from __future__ import annotations

import uuid

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotation import answers, queue
from annotation.api.events import seal_waiting
from annotation.api.inputs import read_object
from annotation.api.intake import refused_record
from annotation.api.judgments import EXAMPLE, JudgmentSerializer, describe_judgment, find_answer
from annotation.api.leases import find_lease, lost
from annotation.api.problems import Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.api.records import answer_request
from annotation.intake.answering import answer_lease
from annotation.intake.schemas import RefusedError


class JudgeView(ProjectView):
    """Answering a lease."""

    scopes = {"POST": Scope.ANNOTATE}

    @extend_schema(
        operation_id="queue_judge",
        summary="Answer a lease",
        description="A feedback record (preference, score or ranking) without `request_id`, which judges the two "
        "outputs of the lease and nothing else. `source.id` is the annotator that holds it; `presented` may be left "
        "out. The same record again changes nothing. An answer that comes too late is kept, but is surplus.",
        request=answer_request(),
        responses={
            201: OpenApiResponse(JudgmentSerializer, "The judgment."),
            200: OpenApiResponse(JudgmentSerializer, "It was recorded before."),
            409: OpenApiResponse(description="The lease has ended, or another record has this feedback_id."),
        },
        examples=[OpenApiExample("A judgment", EXAMPLE["results"][0], response_only=True)],
    )
    def post(self, request: Request, slug: str, lease_id: uuid.UUID) -> Response:
        body = read_object(request)
        lease = find_lease(self.project, lease_id, "left", "right", "comparison__prompt")
        try:
            feedback_id, is_new = answer_lease(lease, body, now=timezone.now())
        except RefusedError as error:
            raise refused_record(error.problems) from None
        except answers.FeedbackErasedError:
            raise Problem(409, "The record with this feedback_id was erased; the id cannot be used again.") from None
        except answers.FeedbackConflictError:
            raise Problem(409, "Another record has this feedback_id already.") from None
        except queue.LeaseLostError:
            lease.refresh_from_db(fields=["state"])
            raise lost(lease) from None
        seal_waiting(self.project)
        return Response(describe_judgment(find_answer(lease, feedback_id)), status=201 if is_new else 200)
