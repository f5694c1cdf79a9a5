"""Reading JSON bodies: sound ones, of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from annotation.api.problems import Problem
from annotation.canonical import Json
from annotation.intake.soundness import UnsoundError, read_json


class SoundJSONParser(BaseParser):
    """One JSON text in UTF-8. Raises Problem 413 when it is too large, 422 when it is not sound."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Json:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise Problem(413, f"A JSON body may have up to {limit:,} bytes.")
        try:
            return read_json(raw)
        except UnsoundError as error:
            where = error.problem
            raise Problem(422, "The body is not sound JSON.", errors=[(where.pointer, where.detail)]) from None
