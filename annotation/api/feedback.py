"""Stage two of logging: what people and programs thought of what models answered."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.intake import IntakeView
from annotation.intake.receiving import FEEDBACK


class FeedbackView(IntakeView):
    """Taking feedback."""

    stage = FEEDBACK

    @extend_schema(operation_id="feedback_send")
    def post(self, request: Request, slug: str) -> Response:
        return self.take(request)
