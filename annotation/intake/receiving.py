"""Taking records that a program sends: one, a list, or a stream of any length, in batches of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.utils import timezone

from annotation.canonical import Json
from annotation.intake import statistics
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.intake.outcomes import Outcome, refused
from annotation.intake.retrying import until_settled
from annotation.intake.streams import Row, batches
from annotation.models import Project


@dataclass(frozen=True)
class Sender:
    """Who sends: as the log names them, and whether they may retract what others said."""

    actor: str
    manages: bool


@dataclass(frozen=True)
class Stage:
    """One of the two stages of logging: how a record is checked without the database, and how some are kept."""

    check: Callable[[Project, Row, dt.datetime], Any]
    accept: Callable[[Project, Sequence[Any], Sender, dt.datetime], list[Outcome]]


INFERENCES = Stage(
    check=lambda project, row, now: check_inference(project, row.value, now=now, plain=row.plain),
    accept=lambda project, checked, sender, now: accept_inferences(project, checked, actor=sender.actor),
)
FEEDBACK = Stage(
    check=lambda project, row, now: check_feedback(row.value, now=now, plain=row.plain),
    accept=lambda project, checked, sender, now: accept_feedback(
        project, checked, actor=sender.actor, now=now, manages=sender.manages
    ),
)


class Received(NamedTuple):
    """A record of a list or stream: the line that it begins on, and what became of it."""

    line: int
    outcome: Outcome


@dataclass(frozen=True)
class _Batch:
    lines: Sequence[int]
    checked: Sequence[Any]
    now: dt.datetime


def receive_one(project: Project, stage: Stage, value: Json, sender: Sender) -> Outcome:
    """Take one record; return what became of it."""
    now = timezone.now()
    checked = [stage.check(project, Row(1, 0, value), now)]
    return until_settled(partial(stage.accept, project, checked, sender, now))[0]


def receive(project: Project, stage: Stage, rows: Iterable[Row], sender: Sender) -> Iterator[list[Received]]:
    """Take records in batches, each committed by itself before it is yielded.

    Not in threads: reading ahead in a second one made a stream slower by a fifth, for the two wait for each other
    whenever the database has answered. More processes, and more streams, are what makes use of more processors.
    """
    written = 0
    try:
        for batch in _check(project, stage, rows):
            outcomes = until_settled(partial(stage.accept, project, batch.checked, sender, batch.now))
            written += sum(outcome.result == "created" for outcome in outcomes)
            yield [Received(*pair) for pair in zip(batch.lines, outcomes, strict=True)]
    finally:  # also of a stream that broke off: what was committed stays
        statistics.look_after(written)


def _check(project: Project, stage: Stage, rows: Iterable[Row]) -> Iterator[_Batch]:
    for batch in batches(rows):
        now = timezone.now()
        checked = [refused(None, [row.problem]) if row.problem else stage.check(project, row, now) for row in batch]
        yield _Batch([row.line for row in batch], checked, now)
