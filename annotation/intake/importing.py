"""Importing files: read, turn into native lines, check, accept in batches, and tell what became of each record."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.utils import timezone

from annotation.intake import statistics
from annotation.intake.files import Source, open_rows
from annotation.intake.formats import AUTO, FORMATS, detect
from annotation.intake.formats.format import Format
from annotation.intake.lines import CheckedLine, LineOutcome, accept_lines, check_line
from annotation.intake.outcomes import Outcome, refused, take_every_turn
from annotation.intake.schemas import RefusedError
from annotation.intake.soundness import Problem
from annotation.intake.streams import Row, batches
from annotation.models import Project


@dataclass
class Totals:
    """What an import made. Duplicates and refusals count records: inferences, and feedback of its own."""

    prompts: int = 0
    outputs: int = 0
    judgments: int = 0
    comparisons: int = 0
    duplicates: int = 0
    refused: int = 0

    def add(self, outcome: Outcome) -> None:
        if outcome.result == "duplicate":
            self.duplicates += 1
        elif outcome.result == "created":
            self.prompts += bool(outcome.outputs)
            self.outputs += len(outcome.outputs)
            self.judgments += outcome.judgments
            self.comparisons += outcome.comparisons
        else:
            self.refused += 1

    def __str__(self) -> str:
        return (
            f"imported {self.prompts} prompts, {self.outputs} outputs, {self.judgments} judgments, "
            f"{self.comparisons} comparisons; {self.duplicates} duplicates; {self.refused} refused"
        )


@dataclass(frozen=True)
class Step:
    """One batch of a file is through: what was wrong in it, line by line, and how far the file has been read."""

    name: str
    problems: Sequence[tuple[int, Problem]]
    position: int


def import_files(
    project: Project,
    names: Sequence[str],
    *,
    format_name: str = AUTO,
    rule: str | None = None,
    strict: bool = False,
    actor: str,
    tell: Callable[[Step], None],
) -> Totals:
    """Import files into a project, in batches of their own; `strict` keeps nothing of any when a record is refused.

    `tell` is called after each batch. Raises FileError for a file that cannot be read at all.
    """
    totals = Totals()
    with _all_or_nothing(project) if strict else contextlib.nullcontext():
        for name in names:
            with open_rows(name) as source:
                for batch in _check(project, source, format_name):
                    checked = [line for _, line in batch]
                    outcomes = accept_lines(project, checked, actor=actor, now=timezone.now(), rule=rule)
                    problems = list(_count(totals, [line for line, _ in batch], outcomes))
                    tell(Step(name, problems, source.position()))
        if strict and totals.refused:
            transaction.set_rollback(True)
            totals = Totals(refused=totals.refused)
    statistics.look_after(totals.prompts + totals.judgments)
    return totals


@contextlib.contextmanager
def _all_or_nothing(project: Project) -> Iterator[None]:
    with transaction.atomic():
        take_every_turn(project)
        with connection.cursor() as cursor:
            # Put off to the commit, the checks of foreign keys would pile up in memory.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield


def _check(project: Project, source: Source, format_name: str) -> Iterator[list[tuple[int, CheckedLine]]]:
    """The batches of a file, each record with its line, checked without the database."""
    form = FORMATS.get(format_name)
    for batch in batches(source.rows):
        now = timezone.now()
        checked = []
        for row in batch:
            form = form or detect(row.value)
            checked.append((row.line, _check_row(project, row, form, now)))
        yield checked


def _check_row(project: Project, row: Row, form: Format | None, now: dt.datetime) -> CheckedLine:
    try:
        if row.problem:
            raise RefusedError([row.problem])
        if not isinstance(row.value, dict):
            raise RefusedError.at([], "must be an object")
        if form is None:
            raise RefusedError.at([], f"no format has the fields {', '.join(list(row.value)[:10])}; name one")
        return check_line(project, form.convert(row.value, project.uid), now=now)
    except RefusedError as error:
        return CheckedLine(refused(None, error.problems))


def _count(totals: Totals, lines: Sequence[int], outcomes: Sequence[LineOutcome]) -> Iterator[tuple[int, Problem]]:
    """Add the outcomes up and give what was wrong, each with its line."""
    for line, outcome in zip(lines, outcomes, strict=True):
        for one in (outcome.inference, *outcome.feedback):
            totals.add(one)
            yield from ((line, problem) for problem in one.problems)
