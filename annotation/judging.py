"""Judging: record and retract, for every source. The only writer of feedback records and judgments."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import canonical, log, queue
from annotation.bulk import copy_rows, reserve_ids
from annotation.models import (
    Annotator,
    Assignment,
    Candidate,
    Comparison,
    Feedback,
    GuidelineVersion,
    Judgment,
    Project,
    Retraction,
    SourceType,
)
from annotation.scales import Choice


class FeedbackConflictError(Exception):
    """Another record already has that feedback_id."""


class NothingToUndoError(Exception):
    """The annotator has no judgment that can be taken back."""


@dataclass(frozen=True)
class Output:
    """A candidate by its primary key and its public id."""

    pk: int
    output_id: str

    @classmethod
    def of(cls, candidate: Candidate) -> Output:
        return cls(candidate.pk, candidate.output_id)


@dataclass(frozen=True)
class Verdict:
    """What one source says of one pair: one judgment to be."""

    pair: tuple[Output, Output]
    outcome: str
    chosen: Output | None = None
    presented: tuple[Output, Output] | None = None
    strength: int | None = None
    scores: dict[str, float] | None = None
    criteria: dict[str, Any] | None = None
    confidence: float | None = None

    @property
    def rejected(self) -> Output | None:
        if self.chosen is None:
            return None
        first, second = self.pair
        return second if self.chosen == first else first


@dataclass(frozen=True)
class NewFeedback:
    """A checked feedback record, joined to its prompt, with the verdicts that follow from it.

    `body` is the record as received. `comparison`, `assignment` and `guidelines` are set when the queue asked for it.
    """

    body: dict[str, Any]
    prompt_id: int
    verdicts: Sequence[Verdict]
    judged_at: dt.datetime
    comparison: Comparison | None = None
    assignment: Assignment | None = None
    guidelines: GuidelineVersion | None = None
    active_ms: int | None = None
    surplus: bool = False

    @property
    def source(self) -> dict[str, str]:
        source = self.body["source"]
        return {"type": source["type"], "id": source.get("id") or "", "version": source.get("version") or ""}


def record(project: Project, entries: Sequence[NewFeedback], *, actor: str) -> int:
    """Write feedback records with their judgments and events; return the number of judgments.

    Feedback ids must be new in the project (IntegrityError otherwise). Runs in the caller's transaction.
    """
    feedback_ids = reserve_ids(Feedback, len(entries))
    salts = [canonical.new_salt() for _ in entries]
    uids = [[uuid.uuid4() for _ in entry.verdicts] for entry in entries]
    events = log.append(project, [_event(e, s, u, actor) for e, s, u in zip(entries, salts, uids, strict=True)])
    copy_rows(
        Feedback,
        ["id", "project", "event", "feedback_id", "request_id", "kind", "source_type", "source_id", "source_version",
         "body", "record_digest", "salt"],
        (
            (pk, project.pk, event, e.body["feedback_id"], e.body["request_id"], e.body["kind"], *e.source.values(),
             e.body, canonical.digest(e.body), salt)
            for pk, event, salt, e in zip(feedback_ids, events, salts, entries, strict=True)
        ),
    )  # fmt: skip
    rows = [
        _row(project, entry, verdict, uid, feedback_id, event)
        for entry, entry_uids, feedback_id, event in zip(entries, uids, feedback_ids, events, strict=True)
        for verdict, uid in zip(entry.verdicts, entry_uids, strict=True)
    ]
    copy_rows(Judgment, JUDGMENT_FIELDS, rows)
    return len(rows)


JUDGMENT_FIELDS = [
    "uid", "project", "event", "feedback", "prompt", "comparison", "assignment", "guidelines",
    "source_type", "source_id", "source_version", "first", "second", "left", "right", "outcome", "chosen", "rejected",
    "strength", "scores", "criteria", "confidence", "duration_ms", "active_ms", "judged_at", "surplus",
]  # fmt: skip


def _row(
    project: Project, entry: NewFeedback, verdict: Verdict, uid: uuid.UUID, feedback_id: int, event: int
) -> tuple[Any, ...]:
    first, second = sorted(output.pk for output in verdict.pair)
    left, right = verdict.presented or (None, None)
    return (
        uid, project.pk, event, feedback_id, entry.prompt_id, _pk(entry.comparison), _pk(entry.assignment),
        _pk(entry.guidelines), *entry.source.values(), first, second, _pk(left), _pk(right), verdict.outcome,
        _pk(verdict.chosen), _pk(verdict.rejected), verdict.strength, verdict.scores, verdict.criteria,
        verdict.confidence, entry.body.get("duration_ms"), entry.active_ms, entry.judged_at, entry.surplus,
    )  # fmt: skip


def _pk(row: Any) -> int | None:
    return None if row is None else row.pk


def _event(entry: NewFeedback, salt: str, uids: Sequence[uuid.UUID], actor: str) -> log.NewEvent:
    body = entry.body
    payload = {
        "request_id": body["request_id"],
        "kind": body["kind"],
        "source": entry.source,
        "commitment": canonical.commitment(salt, body),
        "judgments": [_describe(entry, verdict, uid) for verdict, uid in zip(entry.verdicts, uids, strict=True)],
    }
    return log.NewEvent("feedback.recorded", actor, f"feedback:{body['feedback_id']}", payload)


def _describe(entry: NewFeedback, verdict: Verdict, uid: uuid.UUID) -> dict[str, Any]:
    """A judgment as its event tells it: everything but texts, so that the log alone gives the judgments again."""
    first, second = sorted(verdict.pair, key=lambda output: output.pk)
    return {
        "id": str(uid),
        "pair": [first.output_id, second.output_id],
        "presented": [output.output_id for output in verdict.presented] if verdict.presented else None,
        "outcome": verdict.outcome,
        "chosen": verdict.chosen.output_id if verdict.chosen else None,
        "strength": verdict.strength,
        "scores": verdict.scores,
        "criteria": verdict.criteria,
        "confidence": verdict.confidence,
        "comparison": str(entry.comparison.uid) if entry.comparison else None,
        "lease": str(entry.assignment.uid) if entry.assignment else None,
        "guidelines": entry.guidelines.version if entry.guidelines else None,
        "duration_ms": entry.body.get("duration_ms"),
        "active_ms": entry.active_ms,
        "judged_at": entry.judged_at.astimezone(dt.UTC).isoformat(),
        "surplus": entry.surplus,
    }


def describe_judgment(judgment: Judgment) -> dict[str, Any]:
    """A stored judgment as its event must have told it, for whoever checks the rows against the log."""
    return {
        "id": str(judgment.uid),
        "pair": [judgment.first.output_id, judgment.second.output_id],
        "presented": [judgment.left.output_id, judgment.right.output_id] if judgment.left and judgment.right else None,
        "outcome": judgment.outcome,
        "chosen": judgment.chosen.output_id if judgment.chosen else None,
        "strength": judgment.strength,
        "scores": judgment.scores,
        "criteria": judgment.criteria,
        "confidence": judgment.confidence,
        "comparison": str(judgment.comparison.uid) if judgment.comparison else None,
        "lease": str(judgment.assignment.uid) if judgment.assignment else None,
        "guidelines": judgment.guidelines.version if judgment.guidelines else None,
        "duration_ms": judgment.duration_ms,
        "active_ms": judgment.active_ms,
        "judged_at": judgment.judged_at.astimezone(dt.UTC).isoformat(),
        "surplus": judgment.surplus,
    }


@transaction.atomic
def judge(
    annotator: Annotator,
    lease: uuid.UUID,
    choice: Choice,
    *,
    feedback_id: str,
    duration_ms: int | None = None,
    active_ms: int | None = None,
) -> None:
    """Record what a person chose on the page for a leased comparison.

    The same feedback_id and answer again change nothing. Raises FeedbackConflictError when that id says something
    else already, queue.LeaseLostError when the lease is not this annotator's or was judged under another id.
    """
    _lock(annotator)
    if _already_recorded(annotator, lease, choice, feedback_id):
        return
    assignment, counts = queue.settle(annotator, lease)
    left, right = Output.of(assignment.left), Output.of(assignment.right)
    chosen = {"left": left, "right": right, None: None}[choice.side]
    verdict = Verdict((left, right), choice.outcome, chosen, (left, right), choice.strength)
    prompt = assignment.comparison.prompt
    body = {
        "feedback_id": feedback_id,
        "request_id": prompt.request_id,
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
    entry = NewFeedback(
        body,
        prompt.pk,
        [verdict],
        timezone.now(),
        comparison=assignment.comparison,
        assignment=assignment,
        guidelines=annotator.project.current_guidelines(),
        active_ms=active_ms,
        surplus=not counts,
    )
    record(annotator.project, [entry], actor=f"annotator:{annotator.name}")


def _already_recorded(annotator: Annotator, lease: uuid.UUID, choice: Choice, feedback_id: str) -> bool:
    earlier = (
        Judgment.objects.filter(feedback__project=annotator.project_id, feedback__feedback_id=feedback_id)
        .select_related("assignment")
        .first()
    )
    if earlier is None:
        return False
    side = {None: None, earlier.left_id: "left", earlier.right_id: "right"}[earlier.chosen_id]
    said = (earlier.assignment and earlier.assignment.uid, earlier.outcome, side, earlier.strength)
    if said != (lease, choice.outcome, choice.side, choice.strength):
        raise FeedbackConflictError
    return True


@transaction.atomic
def undo(annotator: Annotator) -> Assignment:
    """Take the annotator's last judgment back; return its lease, live again with the same sides and slot.

    Raises NothingToUndoError when there is none.
    """
    _lock(annotator)
    last = annotator.assignments.filter(state=Assignment.State.JUDGED).order_by("-ended_at").first()
    if last is None:
        raise NothingToUndoError
    judgment = last.judgments.filter(surplus=False, feedback__retracted_by=None).select_related("feedback").get()
    _retract(annotator, judgment.feedback)
    return queue.reopen(annotator, last.uid)


def _lock(annotator: Annotator) -> None:
    # Answers of one annotator are taken one after the other, so that a repeated one finds the first.
    Annotator.objects.select_for_update(no_key=True).get(pk=annotator.pk)


def _retract(annotator: Annotator, target: Feedback) -> None:
    project = annotator.project
    actor = f"annotator:{annotator.name}"
    kind = Feedback.Kind.RETRACTION.value
    feedback_id = str(uuid.uuid4())
    body = {
        "feedback_id": feedback_id,
        "request_id": target.request_id,
        "kind": kind,
        "source": {"type": target.source_type, "id": target.source_id},
        "retracts": target.feedback_id,
    }
    salt = canonical.new_salt()
    payload = {"retracts": target.feedback_id, "commitment": canonical.commitment(salt, body)}
    (event_id,) = log.append(project, [log.NewEvent("feedback.retracted", actor, f"feedback:{feedback_id}", payload)])
    retraction = Feedback.objects.create(
        project=project,
        event_id=event_id,
        feedback_id=feedback_id,
        request_id=target.request_id,
        kind=kind,
        source_type=target.source_type,
        source_id=target.source_id,
        source_version=target.source_version,
        body=body,
        record_digest=canonical.digest(body),
        salt=salt,
    )
    Retraction.objects.create(event_id=event_id, feedback=retraction, target=target)
