"""Feedback that a web page sends with a browser key: of end users alone, and taking back nothing but its like."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from annotation.intake.feedback import check_feedback
from annotation.intake.outcomes import Outcome, refused
from annotation.intake.receiving import FEEDBACK, Stage
from annotation.intake.schemas import FeedbackRecord, Retraction
from annotation.intake.soundness import Problem
from annotation.intake.streams import Row
from annotation.models import ApiKey, Feedback, Project


def check_page_feedback(project: Project, row: Row, now: dt.datetime) -> Any:
    """Check a record as check_feedback does, and that everybody who opens a page may send it."""
    checked = check_feedback(row.value, now=now, plain=row.plain)
    if isinstance(checked, Outcome):
        return checked
    problems = list(_problems(project, checked.record))
    return refused(checked.record.feedback_id, problems) if problems else checked


def _problems(project: Project, record: FeedbackRecord) -> Iterator[Problem]:
    if record.source.type != "end_user":
        yield Problem("/source/type", "must be “end_user”: it is sent with a browser key")
    # What does not exist is refused in the same words, so that nobody learns what does.
    if isinstance(record, Retraction) and not _is_of_a_page(project, record.retracts):
        yield Problem("/retracts", "is not a record that came with a browser key")


def _is_of_a_page(project: Project, feedback_id: str) -> bool:
    """Whether a stored record was sent with any browser key of the project, be it revoked by now."""
    sent = Feedback.objects.filter(project=project, feedback_id=feedback_id)
    actors = [f"key:{uid}" for uid in _browser_keys(project)]
    return sent.filter(event__actor__in=actors).exists()


def _browser_keys(project: Project) -> list[Any]:
    return list(ApiKey.objects.filter(project=project, kind=ApiKey.Kind.BROWSER).values_list("uid", flat=True))


PAGE_FEEDBACK = Stage(check=check_page_feedback, accept=FEEDBACK.accept)
