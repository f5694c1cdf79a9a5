"""Accepting native lines: inference records that bring the feedback on them along."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction

from annotation.canonical import Json
from annotation.intake.feedback import CheckedFeedback, accept_feedback, check_feedback
from annotation.intake.inferences import CheckedInference, accept_inferences, check_inference
from annotation.intake.outcomes import Outcome, refused, take_turns
from annotation.intake.soundness import Problem
from annotation.models import Project


@dataclass(frozen=True)
class CheckedLine:
    """A line's records, each checked or refused."""

    inference: CheckedInference | Outcome
    feedback: tuple[CheckedFeedback | Outcome, ...] = ()

    def ids(self) -> Iterator[str]:
        """Every id that the records claim, for take_turns."""
        if isinstance(self.inference, CheckedInference):
            yield from self.inference.ids()
        for one in self.feedback:
            if isinstance(one, CheckedFeedback):
                yield from one.ids()


@dataclass(frozen=True)
class LineOutcome:
    """What became of a line: of its inference, and of its feedback unless the inference was not taken.

    Pointers start at the line.
    """

    inference: Outcome
    feedback: tuple[Outcome, ...] = ()


def check_line(project: Project, value: Json, *, now: dt.datetime) -> CheckedLine:
    """Check a line without the database. Feedback may leave its request_id out; it is completed here."""
    if not isinstance(value, dict) or "feedback" not in value:
        return CheckedLine(check_inference(project, value, now=now))
    if value["feedback"] is None:
        value = {**value, "feedback": []}
    if not isinstance(value["feedback"], list):
        return CheckedLine(refused(value.get("request_id"), [Problem("/feedback", "must be a list")]))
    record = {name: item for name, item in value.items() if name != "feedback"}
    return CheckedLine(
        check_inference(project, record, now=now),
        tuple(_check_own(body, value.get("request_id"), now) for body in value["feedback"]),
    )


def _check_own(body: Json, request_id: Json, now: dt.datetime) -> CheckedFeedback | Outcome:
    if not isinstance(body, dict):
        return check_feedback(body, now=now)
    checked = check_feedback(body if body.get("request_id") else {**body, "request_id": request_id}, now=now)
    if isinstance(checked, CheckedFeedback) and checked.record.request_id != request_id:
        return refused(checked.record.feedback_id, [Problem("/request_id", "is not the request_id of its line")])
    return checked


@transaction.atomic
def accept_lines(
    project: Project, lines: Sequence[CheckedLine], *, actor: str, now: dt.datetime, rule: str | None = None
) -> list[LineOutcome]:
    """Store checked lines: inferences, their comparisons and their feedback; return what became of each, in order."""
    take_turns(project, itertools.chain.from_iterable(line.ids() for line in lines))
    inferences = accept_inferences(project, [line.inference for line in lines], actor=actor, rule=rule)
    feedback = [
        line.feedback if inference.result in ("created", "duplicate") else ()
        for line, inference in zip(lines, inferences, strict=True)
    ]
    accepted = iter(
        accept_feedback(project, list(itertools.chain.from_iterable(feedback)), actor=actor, now=now, manages=True)
    )
    return [
        LineOutcome(inference, tuple(_of_line(next(accepted), index) for index in range(len(group))))
        for inference, group in zip(inferences, feedback, strict=True)
    ]


def _of_line(outcome: Outcome, index: int) -> Outcome:
    if not outcome.problems:
        return outcome
    problems = tuple(Problem(f"/feedback/{index}{problem.pointer}", problem.detail) for problem in outcome.problems)
    return outcome._replace(problems=problems)
