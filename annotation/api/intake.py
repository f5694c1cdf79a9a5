"""Logging over HTTP: one record, a list of them, or a stream of JSON lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, islice
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from annotation.api.bodies import open_body, read_whole
from annotation.api.parsers import sound
from annotation.api.problems import MAX_ERRORS, MAX_POINTER, Problem
from annotation.api.project_view import ProjectView, Scope
from annotation.api.records import DIGEST, JSON, LINES
from annotation.intake import soundness
from annotation.intake.documents import json_elements
from annotation.intake.outcomes import Outcome
from annotation.intake.receiving import Received, Sender, Stage, receive, receive_one
from annotation.intake.streams import Row, json_lines
from annotation.models import ApiKey

A_LIST = re.compile(rb"\s*\[")
MAX_LIST = 1_000
MAX_TOLD = 1_000


class OutputReferenceSerializer(serializers.Serializer[Any]):
    """A logged output, for feedback to refer to."""

    output_id = serializers.CharField()
    digest = serializers.CharField(help_text="SHA-256 of the canonical content.")


class ErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with a record."""

    pointer = serializers.CharField(allow_blank=True, help_text="JSON Pointer into the record.")
    detail = serializers.CharField()


class ResultSerializer(serializers.Serializer[Any]):
    """What became of one record: `index` is its place in a list, from 0, `line` that in a stream, from 1."""

    index = serializers.IntegerField(min_value=0, required=False)
    line = serializers.IntegerField(min_value=1, required=False)
    id = serializers.CharField(allow_null=True, help_text="Its request_id or feedback_id, as far as it has one.")
    result = serializers.ChoiceField(["created", "duplicate", "refused", "conflict"])
    state = serializers.ChoiceField(
        ["joined", "waiting", "mismatched", "sampled_out"],
        allow_null=True,
        help_text="Of feedback: `waiting` for its inference, `mismatched` when that came and did not fit, "
        "`sampled_out` of the implicit signals that are kept.",
    )
    outputs = OutputReferenceSerializer(many=True, help_text="Of an inference, in its order.")
    # The stubs take it for Serializer.errors; a declared field of that name is like any other.
    errors = ErrorSerializer(many=True, help_text=f"The first {MAX_ERRORS} of a record that is not taken.")  # type: ignore[assignment]


class TakenSerializer(serializers.Serializer[Any]):
    """What became of the records: of every one in a list, of those that are not taken in a stream."""

    created = serializers.IntegerField(min_value=0)
    duplicates = serializers.IntegerField(min_value=0, help_text="The same record was sent before.")
    refused = serializers.IntegerField(min_value=0, help_text="Not taken: wrong, or in conflict with an earlier one.")
    results = ResultSerializer(many=True)
    truncated = serializers.BooleanField(
        required=False, help_text=f"Of a stream: there are more than the {MAX_TOLD:,} lines that are told."
    )


TAKEN = {
    201: OpenApiResponse(TakenSerializer, "All are new."),
    200: OpenApiResponse(TakenSerializer, "All were sent before, or there is none."),
    207: OpenApiResponse(TakenSerializer, "Some are new and some are not, or some are not taken."),
    409: OpenApiResponse(description="The one record that was sent has the id of another one."),
}
DESCRIPTION = f"""
One object, a list of up to {MAX_LIST:,}, or `{LINES}` of any length. A stream is read as it comes and kept in batches:
when it breaks off, whole batches stay, and sending all of it again completes it.

The same record under the same id is a duplicate and gets the same answer; another record under that id is a conflict.
What is wrong with a record of a list or stream is told in its result and keeps no other from being taken; one that is
sent alone is answered with 422 or 409.

The body may be packed (`Content-Encoding: gzip` or `zstd`). Without a Content-Length it has to be, since its end could
not be told from a broken connection.
"""


class IntakeView(ProjectView):
    """Taking records of one stage."""

    scopes = {"POST": Scope.INGEST}
    stage: ClassVar[Stage]

    def take(self, request: Request) -> Response:
        """Take what the body holds, in whichever of the three forms."""
        media_type = request.content_type.partition(";")[0].strip().lower()
        if media_type == LINES:
            return self._take_lines(json_lines(open_body(request)))
        if media_type != JSON:
            raise Problem(
                415, f"A body of the media type {media_type or 'none'} is not read here; {JSON} or {LINES} is."
            )
        raw = read_whole(request)
        return self._take_list(raw) if A_LIST.match(raw) else self.take_one(raw, self.stage)

    def take_one(self, raw: bytes, stage: Stage) -> Response:
        """Take the one record that a body is."""
        outcome = receive_one(self.project, stage, sound(raw), self._sender())
        if outcome.problems:
            raise refused_record(outcome.problems, status=409 if outcome.result == "conflict" else 422)
        tally = Tally()
        tally.add(outcome)
        return tally.answer(results=[{"index": 0, **describe_outcome(outcome)}])

    def _take_list(self, raw: bytes) -> Response:
        tally = Tally()
        outcomes = [received.outcome for received in chain.from_iterable(self._receive(read_list(raw)))]
        for outcome in outcomes:
            tally.add(outcome)
        return tally.answer(results=[{"index": n, **describe_outcome(one)} for n, one in enumerate(outcomes)])

    def _take_lines(self, rows: Iterable[Row]) -> Response:
        tally = Tally()
        told: list[dict[str, Any]] = []
        truncated = False
        try:
            for received in chain.from_iterable(self._receive(rows)):
                tally.add(received.outcome)
                if received.outcome.problems:
                    truncated = len(told) == MAX_TOLD
                    if not truncated:
                        told.append({"line": received.line, **describe_outcome(received.outcome)})
        except Problem as problem:  # of the body, in the middle of it
            again = "; send the whole again" if problem.status == 400 else ""  # what is too large would be so again
            kept = f"{tally.created + tally.duplicates:,} records before that are kept{again}."
            raise Problem(problem.status, f"{problem.detail} {kept}", headers=problem.headers) from None
        return tally.answer(results=told, truncated=truncated)

    def _receive(self, rows: Iterable[Row]) -> Iterator[list[Received]]:
        return receive(self.project, self.stage, rows, self._sender())

    def _sender(self) -> Sender:
        key = self.request.auth
        return Sender(self.actor, manages=not isinstance(key, ApiKey) or Scope.MANAGE in key.scopes)


def read_list(raw: bytes) -> list[Row]:
    """The records of a list, each with what is wrong with it. Problem 422 for too many and for a broken list."""
    rows = list(islice(json_elements(BytesIO(raw)), MAX_LIST + 1))
    if len(rows) > MAX_LIST:
        limit = f"must have at most {MAX_LIST} items"
        detail = f"A list may hold up to {MAX_LIST:,} records; send more of them as {LINES}."
        raise Problem(422, detail, errors=[("", limit)])
    for row in rows:
        if row.problem and not row.size:  # where there is no record, the list itself is wrong
            raise Problem(422, "The body is not sound JSON.", errors=[("", f"{row.problem.detail}, line {row.line}")])
    return rows


def examples(id_: str, *outputs: str, state: str | None = None) -> list[OpenApiExample]:
    """What the answer to a list, and that to a stream with a bad line, look like."""
    told = [{"output_id": output, "digest": DIGEST} for output in outputs]
    result = {"index": 0, "id": id_, "result": "created", "state": state, "outputs": told, "errors": []}
    new = {"created": 1, "duplicates": 0, "refused": 0, "results": [result]}
    known = {"created": 0, "duplicates": 1, "refused": 0, "results": [{**result, "result": "duplicate"}]}
    errors = [{"pointer": "/kind", "detail": "is missing"}]
    refused = {"line": 17, "id": None, "result": "refused", "state": None, "outputs": [], "errors": errors}
    mixed = {"created": 4_711, "duplicates": 0, "refused": 1, "results": [refused], "truncated": False}
    return [
        OpenApiExample("One is new", new, response_only=True, status_codes=["201"]),
        OpenApiExample("One was sent before", known, response_only=True, status_codes=["200"]),
        OpenApiExample("A stream with a bad line", mixed, response_only=True, status_codes=["207"]),
    ]


@dataclass
class Tally:
    """How many records became what."""

    created: int = 0
    duplicates: int = 0
    refused: int = 0

    def add(self, outcome: Outcome) -> None:
        self.created += outcome.result == "created"
        self.duplicates += outcome.result == "duplicate"
        self.refused += bool(outcome.problems)

    def answer(self, **told: Any) -> Response:
        """201 when all are new, 200 when none is, 207 when they differ or some are refused."""
        counts = {"created": self.created, "duplicates": self.duplicates, "refused": self.refused}
        mixed = self.refused or (self.created and self.duplicates)
        return Response({**counts, **told}, status=207 if mixed else 201 if self.created else 200)


def describe_outcome(outcome: Outcome) -> dict[str, Any]:
    """What became of a record, as ResultSerializer without its place."""
    return {
        "id": outcome.id,
        "result": outcome.result,
        "state": outcome.state,
        "outputs": [{"output_id": output.output_id, "digest": output.digest} for output in outcome.outputs],
        "errors": [
            {"pointer": one.pointer[:MAX_POINTER], "detail": one.detail} for one in outcome.problems[:MAX_ERRORS]
        ],
    }


def refused_record(problems: Sequence[soundness.Problem], *, status: int = 422) -> Problem:
    """The answer when a record that was sent alone is not taken."""
    where, detail = problems[0].pointer[:MAX_POINTER], problems[0].detail
    errors = [(one.pointer, one.detail) for one in problems]
    return Problem(status, f"{where or 'The record'}: {detail}.", errors=errors)
