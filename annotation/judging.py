"""Judging: record and retract, for every source. The only writer of feedback records and judgments."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from annotation import canonical, log, prepared, queue
from annotation.bulk import Insert, copy_rows, insert_linked, insert_rows, write_rows
from annotation.canonical import Json
from annotation.facts import CANDIDATE_FIELDS, candidate_fact
from annotation.models import (
    Assignment,
    Candidate,
    Comparison,
    Event,
    Feedback,
    GuidelineVersion,
    Judgment,
    Project,
    Retraction,
    SourceType,
)


class Output(NamedTuple):
    """A candidate by its primary key and its public id."""

    pk: int
    output_id: str

    @classmethod
    def of(cls, candidate: Candidate) -> Output:
        return cls(candidate.pk, candidate.output_id)


@dataclass(frozen=True)
class Verdict:
    """What one source says of one pair, or (with a `value`) of one output: one judgment to be."""

    pair: tuple[Output, ...]
    outcome: str
    chosen: Output | None = None
    presented: tuple[Output, Output] | None = None
    strength: int | None = None
    scores: dict[str, float] | None = None
    criteria: dict[str, Any] | None = None
    confidence: float | None = None
    value: float | None = None

    @property
    def in_order(self) -> tuple[Output, Output | None]:
        """The pair by primary key; of a rated output alone, it and nothing."""
        first, *rest = sorted(self.pair, key=lambda output: output.pk)
        return first, rest[0] if rest else None

    @property
    def rejected(self) -> Output | None:
        if self.chosen is None:
            return None
        return next(output for output in self.pair if output != self.chosen)


@dataclass(frozen=True)
class EditedOutput:
    """A user's edit of an output, to be kept as a candidate of the same prompt."""

    output: Output
    original: Output
    content: Json

    def fields(self, feedback_id: str) -> dict[str, Any]:
        """What the log commits to, as of any candidate."""
        return {
            "output_id": self.output.output_id,
            "index": None,
            "content": self.content,
            "digest": canonical.output_digest(self.content),
            "model_name": "",
            "model_version": "",
            "model": {},
            "parameters": {},
            "metadata": {"edited_from": self.original.output_id, "feedback_id": feedback_id},
            "generated_at": None,
        }


@dataclass(frozen=True)
class NewFeedback:
    """A checked feedback record with what follows from it: verdicts, an edited output, or a retraction.

    `body` is the record as received. Without `prompt_id` nothing follows yet: it waits, or it is a retraction.
    `retracts` is the record that it takes back. `comparison`, `assignment` and `guidelines` are set when the queue
    asked for it.
    """

    body: dict[str, Any]
    prompt_id: int | None
    verdicts: Sequence[Verdict]
    judged_at: dt.datetime
    edited: EditedOutput | None = None
    retracts: Target | None = None
    propensity: float = 1.0
    comparison: Comparison | None = None
    assignment: Assignment | None = None
    guidelines: GuidelineVersion | None = None
    active_ms: int | None = None
    surplus: bool = False

    @property
    def is_one_verdict(self) -> bool:
        """Whether one judgment is all that follows from it."""
        return len(self.verdicts) == 1 and not self.edited and not self.retracts

    @property
    def source(self) -> dict[str, str]:
        source = self.body["source"]
        return {"type": source["type"], "id": source.get("id") or "", "version": source.get("version") or ""}

    @property
    def told_source(self) -> dict[str, str]:
        """The source as events tell it: without the id of a user, which could never be erased from there."""
        return {name: value for name, value in self.source.items() if name != "id" or not is_of_user(self.body)}


@dataclass(frozen=True)
class Target:
    """A stored record that another one retracts."""

    pk: int
    feedback_id: str


def is_of_user(body: dict[str, Any]) -> bool:
    """Whether the id of a record's source is that of a user: an end user's, or the one in the record's metadata."""
    source, user = body["source"], (body.get("metadata") or {}).get("user_id")
    return source["type"] == SourceType.END_USER or (user is not None and source.get("id") == user)


def record(project: Project, entries: Sequence[NewFeedback], *, actor: str) -> list[int]:
    """Write feedback records with all that follows from them and their events; return their primary keys.

    Feedback ids must be new in the project (IntegrityError otherwise). Runs in the caller's transaction.
    """
    salts = canonical.new_salts(len(entries))
    plain = [canonical.is_plain(entry.body) for entry in entries]
    results = [_Result.of(entry) for entry in entries]
    commitments = [
        canonical.commitment(salt, entry.body, plain=is_plain)
        for salt, entry, is_plain in zip(salts, entries, plain, strict=True)
    ]
    told = [_recorded(*parts, actor) for parts in zip(results, commitments, strict=True)]
    rows = [
        (project.pk, e.body["feedback_id"], e.body.get("request_id") or "", e.body["kind"], *e.source.values(), e.body,
         canonical.digest(e.body, plain=is_plain), salt, e.propensity)
        for salt, e, is_plain in zip(salts, entries, plain, strict=True)
    ]  # fmt: skip
    if len(entries) == 1 and entries[0].is_one_verdict:
        judgment = _row(project, entries[0], entries[0].verdicts[0], results[0].uids[0])
        return _write_one([*log.rows(project, told), *rows, judgment])
    events = log.append(project, told)
    linked = [(*row, event) for row, event in zip(rows, events, strict=True)]
    feedback = write_rows(Feedback, [*FEEDBACK_FIELDS, "event"], linked)
    _write_results(project, results, feedback, events)
    return feedback


def join(project: Project, entries: Sequence[tuple[int, NewFeedback]], *, actor: str) -> None:
    """Write what follows from records that are stored already, by primary key, and waited until now."""
    results = [_Result.of(entry) for _, entry in entries]
    events = log.append(project, [_joined(result, actor) for result in results])
    _write_results(project, results, [pk for pk, _ in entries], events)


@dataclass(frozen=True)
class _Result:
    """What follows from a feedback record, and its judgments' and edited output's ids and salts."""

    entry: NewFeedback
    uids: tuple[uuid.UUID, ...]
    salt: str

    @classmethod
    def of(cls, entry: NewFeedback) -> _Result:
        return cls(entry, tuple(uuid.uuid4() for _ in entry.verdicts), canonical.new_salt() if entry.edited else "")

    def told(self) -> dict[str, Any]:
        """The result as its event tells it."""
        entry = self.entry
        told: dict[str, Any] = {
            "judgments": [
                _describe(entry, verdict, uid) for verdict, uid in zip(entry.verdicts, self.uids, strict=True)
            ]
        }
        if entry.edited:
            fields = entry.edited.fields(entry.body["feedback_id"])
            commitment = canonical.commitment(self.salt, candidate_fact(**fields))
            told["edited"] = {"output_id": fields["output_id"], "commitment": commitment}
        if entry.retracts:
            told["retracts"] = entry.retracts.feedback_id
        return told


def _write_results(
    project: Project, results: Sequence[_Result], feedback: Sequence[int], events: Sequence[int]
) -> None:
    written = list(zip(results, feedback, events, strict=True))
    copy_rows(
        Candidate,
        ["id", "project", "prompt", "edit_event", "salt", *CANDIDATE_FIELDS],
        (
            (r.entry.edited.output.pk, project.pk, r.entry.prompt_id, event, r.salt,
             *r.entry.edited.fields(r.entry.body["feedback_id"]).values())
            for r, _, event in written if r.entry.edited
        ),
    )  # fmt: skip
    write_rows(
        Judgment,
        [*JUDGMENT_FIELDS, "feedback", "event"],
        [
            (*_row(project, r.entry, verdict, uid), pk, event)
            for r, pk, event in written
            for verdict, uid in zip(r.entry.verdicts, r.uids, strict=True)
        ],
    )
    Retraction.objects.bulk_create(
        Retraction(event_id=event, feedback_id=pk, target_id=r.entry.retracts.pk)
        for r, pk, event in written
        if r.entry.retracts
    )


FEEDBACK_FIELDS = [
    "project", "feedback_id", "request_id", "kind", "source_type", "source_id", "source_version", "body",
    "record_digest", "salt", "propensity",
]  # fmt: skip
JUDGMENT_FIELDS = [
    "uid", "project", "prompt", "comparison", "assignment", "guidelines",
    "source_type", "source_id", "source_version", "first", "second", "left", "right", "outcome", "chosen", "rejected",
    "strength", "value", "scores", "criteria", "confidence", "duration_ms", "active_ms", "judged_at", "surplus",
]  # fmt: skip


def _row(project: Project, entry: NewFeedback, verdict: Verdict, uid: uuid.UUID) -> tuple[Any, ...]:
    first, second = verdict.in_order
    left, right = verdict.presented or (None, None)
    return (
        uid, project.pk, entry.prompt_id, _pk(entry.comparison), _pk(entry.assignment),
        _pk(entry.guidelines), *entry.source.values(), first.pk, _pk(second), _pk(left), _pk(right), verdict.outcome,
        _pk(verdict.chosen), _pk(verdict.rejected), verdict.strength, verdict.value, verdict.scores, verdict.criteria,
        verdict.confidence, entry.body.get("duration_ms"), entry.active_ms, entry.judged_at, entry.surplus,
    )  # fmt: skip


def _write_one(rows: Sequence[Sequence[Any]]) -> list[int]:
    """An event, its record and its one judgment in one statement, as most are; return the record's primary key."""
    statement, *inserts = _one()
    values = [value for insert, row in zip(inserts, rows, strict=True) for value in insert.parameters(row)]
    return [feedback_id for (feedback_id,) in prepared.run(statement, values)]


@cache
def _one() -> tuple[str, Insert, Insert, Insert]:
    tell = insert_rows(Event, log.EVENT_FIELDS)
    say = insert_linked(Feedback, FEEDBACK_FIELDS, {"event": "told.id"}, "told")
    judge = insert_linked(Judgment, JUDGMENT_FIELDS, {"feedback": "said.id", "event": "said.event_id"}, "said")
    statement = f"""
        WITH told AS ({tell.statement}), said AS ({say.statement} RETURNING id, event_id)
        {judge.statement} RETURNING feedback_id"""
    return statement, tell, say, judge


def _pk(row: Any) -> int | None:
    return None if row is None else row.pk


def _recorded(result: _Result, commitment: str, actor: str) -> log.NewEvent:
    entry, body = result.entry, result.entry.body
    kind = "feedback.retracted" if entry.retracts else "feedback.recorded"
    payload = {
        "request_id": body.get("request_id") or "",
        "kind": body["kind"],
        "source": entry.told_source,
        "commitment": commitment,
        **({"propensity": entry.propensity} if entry.propensity < 1 else {}),
        **result.told(),
    }
    return log.NewEvent(kind, actor, f"feedback:{body['feedback_id']}", payload)


def _joined(result: _Result, actor: str) -> log.NewEvent:
    entry = result.entry
    return log.NewEvent(
        "feedback.joined",
        actor,
        f"feedback:{entry.body['feedback_id']}",
        {"source": entry.told_source, **result.told()},
    )


def _describe(entry: NewFeedback, verdict: Verdict, uid: uuid.UUID) -> dict[str, Any]:
    """A judgment as its event tells it: everything but texts, so that the log alone gives the judgments again.

    annotation.judged describes the stored row in the same words.
    """
    return {
        "id": str(uid),
        "pair": [output.output_id for output in verdict.in_order if output],
        "presented": [output.output_id for output in verdict.presented] if verdict.presented else None,
        "outcome": verdict.outcome,
        "chosen": verdict.chosen.output_id if verdict.chosen else None,
        "strength": verdict.strength,
        **({"value": verdict.value} if verdict.value is not None else {}),
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


def vacate(targets: Sequence[int]) -> None:
    """Free the slots of leased judgments that were retracted, by their feedback's primary keys, for other annotators.

    Whoever retracted is not asked again. Runs in the caller's transaction.
    """
    leased = Assignment.objects.filter(judgments__feedback__in=targets)
    for assignment in leased.select_related("annotator__project").order_by("annotator", "pk"):
        queue.withdraw(assignment.annotator, assignment.uid)
