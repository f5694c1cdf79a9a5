"""Reading JSON bodies: sound ones, of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from annotation.api.bodies import read_whole
from annotation.api.problems import Problem
from annotation.canonical import Json
from annotation.intake.soundness import UnsoundError, read_json


class SoundJSONParser(BaseParser):
    """One JSON text in UTF-8. Raises Problem 422 when it is not sound, and those of annotation.api.bodies."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Json:
        return sound(read_whole((parser_context or {})["request"]))


def sound(raw: bytes) -> Json:
    """The value of a JSON body; Problem 422 when it is not sound."""
    try:
        return read_json(raw).value
    except UnsoundError as error:
        where = error.problem
        raise Problem(422, "The body is not sound JSON.", errors=[(where.pointer, where.detail)]) from None
