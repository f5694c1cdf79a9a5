"""Answers to leases: what an annotator or a program says of a comparison it holds, and what it takes back."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from annotation import canonical, clock, queue
from annotation.judging import NewFeedback, Output, Target, Verdict, record
from annotation.models import Annotator, Assignment, Feedback, GuidelineVersion, Judgment, Project, SourceType
from annotation.scales import Choice


class FeedbackConflictError(Exception):
    """Another record already has that feedback_id."""


class AnsweredOtherwiseError(FeedbackConflictError):
    """That record answers the same lease otherwise, and stands."""


class FeedbackErasedError(FeedbackConflictError):
    """A record that was erased has that feedback_id."""


class NothingToUndoError(Exception):
    """The annotator has no judgment that can be taken back, or the last one is not the one that was meant."""


class ProjectClosedError(Exception):
    """Nothing can be answered again in the project, and so nothing is taken back."""


class UnknownGuidelinesError(Exception):
    """The project's guidelines have no such version."""


@dataclass(frozen=True)
class Judged:
    """A lease that was judged just now, and the leases held after it."""

    lease: Assignment
    held: Sequence[Assignment]


def judge(
    annotator: Annotator,
    lease: uuid.UUID,
    choice: Choice,
    *,
    feedback_id: str,
    duration_ms: int | None = None,
    active_ms: int | None = None,
    guidelines: int | None = None,
    ago: dt.timedelta = dt.timedelta(),
    hold: int = 0,
    known: Collection[uuid.UUID] = (),
) -> Judged | None:
    """Record what a person chose on the page for a leased comparison, and in the same go take up to `hold` leases, of
    which those `known` come without what belongs to them.

    `guidelines` is the version that was shown, 0 for none and None for the one that holds now; `ago` is how long the
    answer was on its way. None when it was recorded before: the same feedback_id and answer again change nothing.
    Raises FeedbackConflictError when that id says something else already, queue.LeaseLostError when the lease is not
    this annotator's or was judged under another id, and UnknownGuidelinesError.
    """
    try:
        with transaction.atomic():
            assignment, counts = queue.settle(annotator, lease)
            body, verdict = _choice(annotator, assignment, choice, feedback_id, duration_ms)
            entry = NewFeedback(
                body,
                assignment.comparison.prompt_id,
                [verdict],
                _judged_at(assignment, ago),
                comparison=assignment.comparison,
                assignment=assignment,
                guidelines=_guidelines(annotator.project, guidelines),
                active_ms=active_ms,
                surplus=not counts,
            )
            record(annotator.project, [entry], actor=f"annotator:{annotator.name}")
            return Judged(assignment, queue.top_up(annotator, count=hold, known=known) if hold else [])
    except (queue.LeaseLostError, IntegrityError):
        if _already_recorded(annotator, lease, choice, feedback_id):
            return None
        raise


def _choice(
    annotator: Annotator, assignment: Assignment, choice: Choice, feedback_id: str, duration_ms: int | None
) -> tuple[dict[str, Any], Verdict]:
    """The feedback record of a choice on the page, and what it says."""
    left, right = Output.of(assignment.left), Output.of(assignment.right)
    chosen = {"left": left, "right": right, None: None}[choice.side]
    verdict = Verdict((left, right), choice.outcome, chosen, (left, right), choice.strength)
    body = {
        "feedback_id": feedback_id,
        "request_id": assignment.comparison.prompt.request_id,
        "kind": Feedback.Kind.PREFERENCE.value,
        "source": {"type": SourceType.HUMAN.value, "id": annotator.name},
        "presented": [left.output_id, right.output_id],
        "digests": {left.output_id: assignment.left.digest, right.output_id: assignment.right.digest},
        "outcome": choice.outcome,
        **({"chosen": chosen.output_id} if chosen else {}),
        **({"rejected": verdict.rejected.output_id} if verdict.rejected else {}),
        **({"strength": choice.strength} if choice.strength else {}),
        **({"duration_ms": duration_ms} if duration_ms is not None else {}),
    }
    return body, verdict


def _guidelines(project: Project, version: int | None) -> GuidelineVersion | None:
    latest = project.current_guidelines()
    if version is None or (latest and latest.version == version):
        return latest
    shown = project.guideline_versions.filter(version=version).first()
    if version and shown is None:
        raise UnknownGuidelinesError
    return shown


def _judged_at(assignment: Assignment, ago: dt.timedelta) -> dt.datetime:
    """When it was answered, as far as the client can be believed: not before the lease began, nor after now."""
    now = assignment.ended_at or clock.now()
    return min(now, max(assignment.leased_at, now - ago))


def _already_recorded(annotator: Annotator, lease: uuid.UUID, choice: Choice, feedback_id: str) -> bool:
    earlier = (
        Judgment.objects.filter(feedback__project=annotator.project_id, feedback__feedback_id=feedback_id)
        .select_related("assignment", "feedback__retracted_by")
        .first()
    )
    if earlier is None:
        return False
    side = {None: None, earlier.left_id: "left", earlier.right_id: "right"}[earlier.chosen_id]
    said = (earlier.assignment and earlier.assignment.uid, earlier.outcome, side, earlier.strength)
    if said != (lease, choice.outcome, choice.side, choice.strength):
        stands = (
            earlier.assignment and earlier.assignment.uid == lease and not hasattr(earlier.feedback, "retracted_by")
        )
        raise AnsweredOtherwiseError if stands else FeedbackConflictError
    return True


def undo(annotator: Annotator, *, meant: uuid.UUID | None = None, room: int | None = None) -> Assignment:
    """Take the annotator's last judgment back; return its lease, live again with the same sides and slot.

    The lease of a surplus judgment had no slot; it is live again only when there is one now. `meant` names the lease
    whose judgment is to be taken back; when that has happened already, nothing changes. `room` is how many leases
    the annotator has room for; what is beyond goes back to the queue. Raises NothingToUndoError and
    ProjectClosedError.
    """
    if annotator.project.status == Project.Status.CLOSED:
        raise ProjectClosedError
    assignment = _take_back(annotator, meant)
    if room is not None and assignment.state == Assignment.State.LEASED:
        queue.trim(annotator, count=room, keep=assignment.uid)
    return assignment


@transaction.atomic
def _take_back(annotator: Annotator, meant: uuid.UUID | None) -> Assignment:
    _lock(annotator)
    last = last_answered(annotator)
    if meant and (last is None or last.uid != meant):
        return _taken_back_before(annotator, meant)
    if last is None:
        raise NothingToUndoError
    judgment = last.judgments.filter(feedback__retracted_by=None).select_related("feedback").latest("pk")
    _retract(annotator, judgment.feedback)
    try:
        return queue.reopen(annotator, last.uid)
    except queue.LeaseLostError:  # nobody is asked about it any more, since a moment ago
        raise NothingToUndoError from None


def last_answered(annotator: Annotator) -> Assignment | None:
    """The lease of the annotator's last judgment that can be taken back."""
    answered = annotator.assignments.filter(state__in=Assignment.ANSWERED, comparison__closed=False)
    return answered.order_by("-ended_at").first()


def _taken_back_before(annotator: Annotator, lease: uuid.UUID) -> Assignment:
    said = Judgment.objects.filter(assignment__annotator=annotator, assignment__uid=lease)
    if not said.exists() or said.filter(feedback__retracted_by=None).exists():
        raise NothingToUndoError
    return annotator.assignments.get(uid=lease)


def _lock(annotator: Annotator) -> None:
    # Answers of one annotator are taken one after the other, so that a repeated one finds the first.
    Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)


def _retract(annotator: Annotator, target: Feedback) -> None:
    body = {
        "feedback_id": str(uuid.uuid4()),
        "request_id": target.request_id,
        "kind": Feedback.Kind.RETRACTION.value,
        "source": {"type": target.source_type, "id": target.source_id},
        "retracts": target.feedback_id,
    }
    entry = NewFeedback(body, None, [], clock.now(), retracts=Target(target.pk, target.feedback_id))
    record(annotator.project, [entry], actor=f"annotator:{annotator.name}")


@transaction.atomic
def answer(
    annotator: Annotator, lease: uuid.UUID, body: dict[str, Any], verdict: Verdict, *, judged_at: dt.datetime
) -> bool:
    """Record what a program says of a leased comparison; False when that very record stands already.

    `body` is its feedback record, checked, and `verdict` what follows from it. Raises FeedbackConflictError when its
    feedback_id is another record's, queue.LeaseLostError as queue.settle does.
    """
    _lock(annotator)
    earlier = Feedback.objects.filter(project=annotator.project_id, feedback_id=body["feedback_id"]).first()
    if earlier:
        if earlier.erasure_id:
            raise FeedbackErasedError
        is_same = earlier.record_digest == canonical.digest(body)
        if is_same and earlier.judgments.filter(assignment__uid=lease).exists():
            return False
        raise FeedbackConflictError
    assignment, counts = queue.settle(annotator, lease)
    entry = NewFeedback(
        body,
        assignment.comparison.prompt_id,
        [verdict],
        judged_at,
        comparison=assignment.comparison,
        assignment=assignment,
        guidelines=annotator.project.current_guidelines(),
        surplus=not counts,
    )
    record(annotator.project, [entry], actor=f"annotator:{annotator.name}")
    return True
