"""Accepting feedback records: checked, joined to what they refer to or kept waiting, each once, in one transaction."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from annotation import canonical, judging
from annotation.bulk import one_text
from annotation.canonical import Json
from annotation.intake import joining
from annotation.intake.deriving import Observed
from annotation.intake.outcomes import CONFLICT, ERASED, Outcome, State, refused, take_turns
from annotation.intake.schemas import FeedbackRecord, Implicit, RefusedError, Retraction, parse_feedback
from annotation.judging import NewFeedback
from annotation.models import Project, WaitingFeedback

# What the sender of a stored record is told, by what it waits as; None when it does not.
STATES: dict[str | None, State] = {
    None: "joined",
    WaitingFeedback.State.WAITING: "waiting",
    WaitingFeedback.State.ORPHANED: "waiting",
    WaitingFeedback.State.MISMATCHED: "mismatched",
}


@dataclass(frozen=True)
class CheckedFeedback:
    """A sound record, the value that it came as, and the digest that tells it from others."""

    record: FeedbackRecord
    value: dict[str, Any]
    digest: str

    def ids(self) -> Iterator[str]:
        """Every id that the record claims or refers to, for take_turns."""
        yield self.record.feedback_id
        yield self.record.retracts if isinstance(self.record, Retraction) else self.record.request_id


@dataclass(frozen=True)
class Known:
    """What stands under a feedback_id already; an erased record has no digest."""

    digest: str
    state: State


def check_feedback(value: Json, *, now: dt.datetime, plain: bool = False) -> CheckedFeedback | Outcome:
    """Check a record without the database and without its request; its outcome when it is refused.

    `plain` when it is known to be (canonical.is_plain).
    """
    try:
        record = parse_feedback(value, now=now)
    except RefusedError as error:
        return refused(value.get("feedback_id") if isinstance(value, dict) else None, error.problems)
    return CheckedFeedback(record, value, canonical.digest(value, plain=plain))


@transaction.atomic
def accept_feedback(
    project: Project,
    checked: Sequence[CheckedFeedback | Outcome],
    *,
    actor: str,
    now: dt.datetime,
    manages: bool = False,
) -> list[Outcome]:
    """Store checked records with all that follows from them; return what became of each, in order.

    A record whose inference was not logged yet waits for it. `manages` allows to retract what any source said. A
    record that is refused is not stored, and does not keep the others from being; a failure of the database stores
    nothing.
    """
    records = [one for one in checked if isinstance(one, CheckedFeedback)]
    take_turns(project, itertools.chain.from_iterable(one.ids() for one in records))
    batch = _Batch(project, now, manages, _find_known(project, [one.record.feedback_id for one in records]))
    outcomes = list(checked)
    # What is retracted may stand in the same batch, behind its retraction even.
    for retractions in (False, True):
        chosen = [
            (index, one)
            for index, one in enumerate(checked)
            if isinstance(one, CheckedFeedback) and isinstance(one.record, Retraction) == retractions
        ]
        for (index, _), outcome in zip(chosen, batch.take([one for _, one in chosen], actor), strict=True):
            outcomes[index] = outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Outcome)]


def _find_known(project: Project, feedback_ids: Sequence[str]) -> dict[str, Known]:
    """The records that stand already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.feedback_id, f.record_digest, "
            "(SELECT w.state FROM annotation_waitingfeedback w WHERE w.feedback_id = f.id) "
            "FROM annotation_feedback f "
            "WHERE f.project_id = %s AND f.feedback_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)))",
            [project.pk, one_text(feedback_ids)],
        )
        rows = cursor.fetchall()
    return {feedback_id: Known(digest, STATES[state]) for feedback_id, digest, state in rows}


@dataclass
class _Batch:
    """The records of one transaction, and what is to be written of them."""

    project: Project
    now: dt.datetime
    manages: bool
    known: dict[str, Known]
    requests: dict[str, joining.Request] = field(default_factory=dict)
    earlier: dict[str, joining.Earlier] = field(default_factory=dict)

    def take(self, records: Sequence[CheckedFeedback], actor: str) -> list[Outcome]:
        """Write those that are new; return what became of each."""
        fresh = [one.record for one in records if one.record.feedback_id not in self.known]
        retracted = {record.retracts for record in fresh if isinstance(record, Retraction)}
        self.earlier = joining.find_earlier(self.project, retracted) if retracted else {}
        asked = {record.request_id for record in fresh if not isinstance(record, Retraction)}
        self.requests = joining.find_requests(self.project, asked) if asked else {}
        entries: list[tuple[CheckedFeedback, NewFeedback, State]] = []
        outcomes = [self._settle(one, entries) for one in records]
        if entries:
            self._write(entries, actor)
        return outcomes

    def _settle(self, one: CheckedFeedback, entries: list[tuple[CheckedFeedback, NewFeedback, State]]) -> Outcome:
        """What becomes of one record; adds it to the entries to be written when it is new."""
        feedback_id = one.record.feedback_id
        if known := self.known.get(feedback_id):
            if known.digest == one.digest:
                return Outcome(feedback_id, "duplicate", state=known.state)
            return Outcome(feedback_id, "conflict", (CONFLICT if known.digest else ERASED,))
        if isinstance(one.record, Implicit) and not self._is_sampled(one.record):
            return Outcome(feedback_id, "created", state="sampled_out")
        try:
            entry, state = self._join(one)
        except RefusedError as error:
            return refused(feedback_id, error.problems)
        self.known[feedback_id] = Known(one.digest, state)
        entries.append((one, entry, state))
        return Outcome(feedback_id, "created", judgments=len(entry.verdicts), state=state)

    def _is_sampled(self, record: Implicit) -> bool:
        share = canonical.stable_uniform("implicit", str(self.project.uid), record.request_id)
        return share < self.project.implicit_rate

    def _join(self, one: CheckedFeedback) -> tuple[NewFeedback, State]:
        """The record with what follows from it, or alone when it has to wait. Raises RefusedError."""
        record, value, now = one.record, one.value, self.now
        propensity = self.project.implicit_rate if isinstance(record, Implicit) else 1.0
        if isinstance(record, Retraction):
            earlier = self.earlier.get(record.retracts)
            if earlier:
                entry = joining.join_retraction(record, value, earlier, received_at=now, manages=self.manages)
                self.earlier[record.retracts] = earlier.after(entry)
                return entry, "joined"
        elif request := self.requests.get(record.request_id):
            return joining.join_record(
                self.project, record, value, request, received_at=now, propensity=propensity
            ), "joined"
        return NewFeedback(value, None, [], now, propensity=propensity), "waiting"

    def _write(self, entries: Sequence[tuple[CheckedFeedback, NewFeedback, State]], actor: str) -> None:
        project, now = self.project, self.now
        written = judging.record(project, [entry for _, entry, _ in entries], actor=actor)
        waiting = [(pk, one.record) for pk, (one, _, state) in zip(written, entries, strict=True) if state == "waiting"]
        joining.wait(project, waiting, manages=self.manages)
        observed = [
            Observed(pk, one.value, self.requests[one.record.request_id].shown, entry.propensity)
            for pk, (one, entry, state) in zip(written, entries, strict=True)
            if state == "joined" and isinstance(one.record, Implicit)
        ]
        joining.after_joining(project, [entry for _, entry, _ in entries], observed, now=now)
        if WaitingFeedback.objects.filter(project=project).exclude(awaited_feedback="").exists():
            joining.join_waiting(project, now=now, feedback=[one.record.feedback_id for one, _, _ in entries])
