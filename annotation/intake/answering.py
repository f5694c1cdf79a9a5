"""Feedback on a lease: what a program says of the comparison that it took from the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from annotation import answers, queue
from annotation.canonical import Json
from annotation.intake.retrying import until_settled
from annotation.intake.schemas import FeedbackRecord, RefusedError, parse_feedback
from annotation.intake.soundness import Problem, pointer
from annotation.intake.verdicts import Logged, verdicts_of
from annotation.judging import Output, Verdict
from annotation.models import Assignment

KINDS = ("preference", "score", "ranking")


def program_name(lease: Assignment) -> str:
    """The annotator of a program's lease by the name that the program gave it."""
    return lease.annotator.name.removeprefix("api:")


def answer_lease(lease: Assignment, value: Json, *, now: dt.datetime) -> tuple[str, bool]:
    """Record a feedback record without request_id as the answer to a lease; return its id and whether it is new.

    Raises RefusedError, answers.FeedbackConflictError and queue.LeaseLostError.
    """
    body, verdict = _read(lease, value, now)
    work = partial(answers.answer, lease.annotator, lease.uid, body, verdict, judged_at=now)
    return body["feedback_id"], until_settled(work)


def _read(lease: Assignment, value: Json, now: dt.datetime) -> tuple[dict[str, Any], Verdict]:
    """The record, completed by what the lease says, and the one verdict that follows from it."""
    if not isinstance(value, dict):
        raise RefusedError.at([], "must be an object")
    if "request_id" in value:
        raise RefusedError.at(["request_id"], "is not given here; the lease says it")
    if "kind" in value and value["kind"] not in KINDS:
        raise RefusedError.at(["kind"], f"must be one of {', '.join(KINDS)}")
    shown = [lease.left.output_id, lease.right.output_id]
    completed = {**value, "request_id": lease.comparison.prompt.request_id, "presented": shown}
    presented = value.get("presented")
    if presented is None and value.get("outcome") in ("tie", "both_bad"):
        presented = shown  # only they need it; with a winner, a wrong one is pointed to in its own field
    record = parse_feedback({**completed, "presented": presented}, now=now)
    problems = tuple(_problems(record, shown, program_name(lease)))
    if problems:
        raise RefusedError(problems)
    if lease.comparison.prompt.erasure_id:
        raise queue.LeaseLostError
    left, right = Output.of(lease.left), Output.of(lease.right)
    logged = {output.output_id: Logged(Output.of(output), output.digest) for output in (lease.left, lease.right)}
    (verdict,) = verdicts_of(record, logged)
    if record.source.type == "human":
        # By the longer name, since one who is signed in may have the shorter.
        completed["source"] = {**value["source"], "id": lease.annotator.name}
    return completed, replace(verdict, presented=(left, right))


def _problems(record: FeedbackRecord, shown: list[str], name: str) -> Iterator[Problem]:
    if record.source.id != name and (record.source.type, record.source.id) != ("human", f"api:{name}"):
        yield Problem("/source/id", f"is not the lease's annotator, “{name}”")
    for path, output_id in record.named():
        if output_id not in shown:
            yield Problem(pointer(path), "is not one of the two outputs of the lease")
    if record.presented is not None and record.presented != shown:
        yield Problem("/presented", f"is not what the lease presents: {shown[0]}, then {shown[1]}")
