"""What every format's tests ask of a converted record."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from annotation.intake.feedback import CheckedFeedback, check_feedback
from annotation.intake.formats.format import Format
from annotation.intake.schemas import RefusedError, parse_inference
from tests.annotation.intake.records import NOW

NAMESPACE = uuid.UUID("12345678-1234-5678-1234-567812345678")


@dataclass(frozen=True)
class Converted:
    """A record as it comes out: the line, and the contents of the winner and loser of its only vote."""

    line: dict[str, Any]
    chosen: Any
    rejected: Any


def convert(form: Format, record: dict[str, Any]) -> dict[str, Any]:
    """The native line of a record, which the schemas take."""
    line = form.convert(record, NAMESPACE)
    parse_inference({name: value for name, value in line.items() if name != "feedback"}, now=NOW)
    for body in line["feedback"]:
        assert isinstance(check_feedback({**body, "request_id": line["request_id"]}, now=NOW), CheckedFeedback)
    return line


def convert_pair(form: Format, record: dict[str, Any]) -> Converted:
    """The same, of a record with one vote for one of two outputs."""
    line = convert(form, record)
    contents = {output["output_id"]: output["content"] for output in line["outputs"]}
    (vote,) = line["feedback"]
    return Converted(line, contents[vote["chosen"]], contents[vote["rejected"]])


def refusal(form: Format, record: dict[str, Any]) -> tuple[str, str]:
    """Where and why a format refuses a record."""
    with pytest.raises(RefusedError) as caught:
        form.convert(record, NAMESPACE)
    problem = caught.value.problems[0]
    return problem.pointer, problem.detail
