"""Accepting feedback records: checked, joined to their requests, each once, in one transaction with their events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from annotation import canonical, judging
from annotation.canonical import Json
from annotation.intake.outcomes import CONFLICT, Outcome, refused, take_turns
from annotation.intake.schemas import FeedbackRecord, RefusedError, parse_feedback
from annotation.intake.verdicts import Logged, verdicts_of
from annotation.judging import NewFeedback, Output
from annotation.models import Project


@dataclass(frozen=True)
class CheckedFeedback:
    """A sound record, the value that it came as, and the digest that tells it from others."""

    record: FeedbackRecord
    value: dict[str, Any]
    digest: str


@dataclass(frozen=True)
class Request:
    """A logged inference as feedback refers to it: the prompt's primary key and its outputs by id."""

    prompt_id: int
    outputs: dict[str, Logged]


def check_feedback(value: Json, *, now: dt.datetime) -> CheckedFeedback | Outcome:
    """Check a record without the database and without its request; its outcome when it is refused."""
    try:
        record = parse_feedback(value, now=now)
    except RefusedError as error:
        return refused(value.get("feedback_id") if isinstance(value, dict) else None, error.problems)
    return CheckedFeedback(record, value, canonical.digest(value))


@transaction.atomic
def accept_feedback(
    project: Project, checked: Sequence[CheckedFeedback | Outcome], *, actor: str, now: dt.datetime
) -> list[Outcome]:
    """Store checked records on logged inferences with their judgments; return what became of each, in order.

    A record that is refused is not stored, and does not keep the others from being; a failure of the database stores
    nothing.
    """
    records = [one for one in checked if isinstance(one, CheckedFeedback)]
    take_turns(project, [one.record.feedback_id for one in records])
    known = _find_known(project, [one.record.feedback_id for one in records])
    unknown = [one for one in records if one.record.feedback_id not in known]
    requests = _find_requests(project, {one.record.request_id for one in unknown})
    entries: list[NewFeedback] = []
    outcomes = [one if isinstance(one, Outcome) else _settle(one, known, requests, entries, now) for one in checked]
    if entries:
        judging.record(project, entries, actor=actor)
    return outcomes


def _find_known(project: Project, feedback_ids: Sequence[str]) -> dict[str, str]:
    """The record digests of those that stand already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT feedback_id, record_digest FROM annotation_feedback "
            "WHERE project_id = %s AND feedback_id = ANY(%s)",
            [project.pk, list(feedback_ids)],
        )
        return dict(cursor.fetchall())


def _find_requests(project: Project, request_ids: Iterable[str]) -> dict[str, Request]:
    found: dict[str, Request] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.request_id, p.id, c.id, c.output_id, c.digest "
            "FROM annotation_prompt p JOIN annotation_candidate c ON c.prompt_id = p.id "
            "WHERE p.project_id = %s AND p.request_id = ANY(%s)",
            [project.pk, list(request_ids)],
        )
        for request_id, prompt_id, pk, output_id, digest in cursor.fetchall():
            request = found.setdefault(request_id, Request(prompt_id, {}))
            request.outputs[output_id] = Logged(Output(pk, output_id), digest)
    return found


def _settle(
    one: CheckedFeedback,
    known: dict[str, str],
    requests: dict[str, Request],
    entries: list[NewFeedback],
    now: dt.datetime,
) -> Outcome:
    """What becomes of one record; adds it to the entries to be written when it is new."""
    feedback_id = one.record.feedback_id
    if feedback_id in known:
        if known[feedback_id] == one.digest:
            return Outcome(feedback_id, "duplicate")
        return Outcome(feedback_id, "conflict", (CONFLICT,))
    request = requests.get(one.record.request_id)
    try:
        if request is None:
            raise RefusedError.at(["request_id"], "is not the request_id of a logged inference")
        verdicts = verdicts_of(one.record, request.outputs)
    except RefusedError as error:
        return refused(feedback_id, error.problems)
    known[feedback_id] = one.digest
    entries.append(NewFeedback(one.value, request.prompt_id, verdicts, one.record.occurred_at or now))
    return Outcome(feedback_id, "created", judgments=len(verdicts))
