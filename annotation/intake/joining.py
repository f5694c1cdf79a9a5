"""Joining feedback to what it refers to, whichever comes first: its inference or, of a retraction, the other record.

What cannot be joined yet waits in WaitingFeedback, of which this is the only writer; nothing that waits is dropped.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from annotation import canonical, judging, log
from annotation.bulk import one_text, reserve_ids
from annotation.intake import deriving
from annotation.intake.outcomes import take_turns
from annotation.intake.schemas import Edit, FeedbackRecord, RefusedError, Retraction, parse_feedback
from annotation.intake.soundness import Problem
from annotation.intake.verdicts import Logged, verdicts_of
from annotation.judging import EditedOutput, NewFeedback, Output, Target
from annotation.models import Candidate, Feedback, Judgment, Project, WaitingFeedback
from annotation.models import Retraction as Retracted

BATCH = 1_000
ACTOR = "system"
State = WaitingFeedback.State


@dataclass(frozen=True)
class Request:
    """A logged inference as feedback refers to it: the prompt's primary key and its outputs by id.

    Users' edits are outputs too; `shown` are those that there were before any.
    """

    prompt_id: int
    outputs: dict[str, Logged]
    shown: list[str]
    erased: bool


@dataclass(frozen=True)
class Earlier:
    """A stored record as a retraction refers to it."""

    target: Target
    request_id: str
    kind: str
    source: tuple[str, str]
    retracted: bool
    of_page: bool  # a signed-in person's answer
    erased: bool

    def after(self, entry: NewFeedback) -> Earlier:
        """The same after a retraction: a second one has nothing to take back."""
        return replace(self, retracted=self.retracted or entry.retracts is not None)


def find_requests(project: Project, request_ids: Iterable[str]) -> dict[str, Request]:
    """The logged inferences among these ids, with their outputs."""
    found: dict[str, Request] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.request_id, p.id, p.erasure_id IS NOT NULL, c.id, c.output_id, c.digest, c.index IS NULL "
            "FROM annotation_prompt p JOIN annotation_candidate c ON c.prompt_id = p.id "
            "WHERE p.project_id = %s AND p.request_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s))) "
            "ORDER BY c.id",
            [project.pk, one_text(request_ids)],
        )
        for request_id, prompt_id, erased, pk, output_id, digest, is_edit in cursor.fetchall():
            request = found.setdefault(request_id, Request(prompt_id, {}, [], erased))
            if digest:  # an edit may have been erased, though its request was not
                request.outputs[output_id] = Logged(Output(pk, output_id), digest)
            if not is_edit:
                request.shown.append(output_id)
    return found


def find_earlier(project: Project, feedback_ids: Iterable[str]) -> dict[str, Earlier]:
    """The stored records among these ids."""
    of_page = Exists(Judgment.objects.filter(feedback=OuterRef("pk"), assignment__annotator__user__isnull=False))
    rows = Feedback.objects.filter(project=project, feedback_id__in=list(feedback_ids)).annotate(of_page=of_page)
    source, ends = ("source_type", "source_id"), ("retracted_by", "of_page", "erasure")
    return {
        feedback_id: Earlier(
            Target(pk, feedback_id),
            request_id,
            kind,
            (type_, id_),
            taken_back is not None,
            of_page,
            erasure is not None,
        )
        for pk, feedback_id, request_id, kind, type_, id_, taken_back, of_page, erasure in rows.values_list(
            "pk", "feedback_id", "request_id", "kind", *source, *ends
        )
    }


def join_record(
    project: Project,
    record: FeedbackRecord,
    value: dict[str, Any],
    request: Request,
    *,
    received_at: dt.datetime,
    propensity: float = 1.0,
) -> NewFeedback:
    """A checked record with the verdicts that follow from it. Raises RefusedError when it does not fit its request."""
    if request.erased:
        raise RefusedError.at(["request_id"], "is of an inference that was erased")
    edited = None
    if isinstance(record, Edit) and record.output in request.outputs:
        (pk,) = reserve_ids(Candidate, 1)
        output_id = str(canonical.stable_uuid(project.uid, ["edit", record.feedback_id]))
        edited = EditedOutput(Output(pk, output_id), request.outputs[record.output].output, record.edited)
    verdicts = verdicts_of(record, request.outputs, edited=edited.output if edited else None)
    return NewFeedback(
        value, request.prompt_id, verdicts, record.occurred_at or received_at, edited=edited, propensity=propensity
    )


def join_retraction(
    record: Retraction, value: dict[str, Any], earlier: Earlier, *, received_at: dt.datetime, manages: bool
) -> NewFeedback:
    """A retraction with its target, or without one when that was retracted before. Raises RefusedError."""
    problems = list(_retraction_problems(record, earlier, manages))
    if problems:
        raise RefusedError(problems)
    target = None if earlier.retracted else earlier.target
    return NewFeedback(value, None, [], record.occurred_at or received_at, retracts=target)


def _retraction_problems(record: Retraction, earlier: Earlier, manages: bool) -> Iterator[Problem]:
    if earlier.erased:
        yield Problem("/retracts", "is a record that was erased")
        return
    if earlier.kind == Feedback.Kind.RETRACTION:
        yield Problem("/retracts", "is a retraction itself; send the judgment again instead")
    if record.request_id is not None and record.request_id != earlier.request_id:
        yield Problem("/request_id", "is not the request_id of the record that is retracted")
    if not manages and (record.source.type, record.source.id or "") != earlier.source:
        yield Problem("/source", "is not the source of the record; a key with the scope manage may retract any")
    elif not manages and earlier.of_page:
        # Whoever holds the key may write any name; only who is signed in is known to be that person.
        yield Problem(
            "/retracts", "is an answer of the page; it is taken back there, or by a key with the scope manage"
        )


def wait(project: Project, waiting: Sequence[tuple[int, FeedbackRecord]], *, manages: bool) -> None:
    """Keep stored records, by primary key, until what they refer to comes."""
    WaitingFeedback.objects.bulk_create(
        WaitingFeedback(
            feedback_id=pk,
            project=project,
            awaited_request="" if isinstance(record, Retraction) else record.request_id,
            awaited_feedback=record.retracts if isinstance(record, Retraction) else "",
            manages=manages,
        )
        for pk, record in waiting
    )


def forget(feedback: Sequence[int]) -> None:
    """Let stored records, by primary key, wait no longer, for annotation.erasure. Runs in the caller's transaction."""
    WaitingFeedback.objects.filter(pk__in=feedback).delete()


def join_waiting(
    project: Project, *, now: dt.datetime, requests: Sequence[str] = (), feedback: Sequence[str] = ()
) -> None:
    """Join what waits for these requests, or for these feedback records, which have just been stored.

    What does not fit is kept as mismatched. Runs in the caller's transaction, under the turns of these ids.
    """
    joinable = WaitingFeedback.objects.filter(project=project).exclude(state=State.MISMATCHED)
    awaited = {"awaited_request__in": list(requests)} if requests else {"awaited_feedback__in": list(feedback)}
    while batch := list(joinable.filter(**awaited).select_related("feedback").order_by("pk")[:BATCH]):
        _join_batch(project, batch, now)


def _join_batch(project: Project, batch: Sequence[WaitingFeedback], now: dt.datetime) -> None:
    requests = find_requests(project, {row.awaited_request for row in batch if row.awaited_request})
    earlier = find_earlier(project, {row.awaited_feedback for row in batch if row.awaited_feedback})
    joined: list[tuple[int, NewFeedback]] = []
    derivable: list[deriving.Observed] = []
    mismatched = []
    for row in batch:
        record = parse_feedback(row.feedback.body, now=now)
        try:
            entry = _join_one(project, row, record, requests, earlier)
        except RefusedError as error:
            row.state, row.problems = State.MISMATCHED, [[p.pointer, p.detail] for p in error.problems]
            mismatched.append(row)
            continue
        joined.append((row.pk, entry))
        if row.awaited_feedback:
            earlier[row.awaited_feedback] = earlier[row.awaited_feedback].after(entry)
        else:
            shown = requests[row.awaited_request].shown
            derivable.append(deriving.Observed(row.pk, row.feedback.body, shown, row.feedback.propensity))
    judging.join(project, joined, actor=ACTOR)
    WaitingFeedback.objects.filter(pk__in=[pk for pk, _ in joined]).delete()
    WaitingFeedback.objects.bulk_update(mismatched, ["state", "problems"])
    _tell(project, mismatched, "feedback.mismatched")
    after_joining(project, [entry for _, entry in joined], derivable, now=now)


def _join_one(
    project: Project,
    row: WaitingFeedback,
    record: FeedbackRecord,
    requests: dict[str, Request],
    earlier: dict[str, Earlier],
) -> NewFeedback:
    stored, value = row.feedback, row.feedback.body
    if isinstance(record, Retraction):
        return join_retraction(
            record, value, earlier[record.retracts], received_at=stored.received_at, manages=row.manages
        )
    request = requests[record.request_id]
    return join_record(project, record, value, request, received_at=stored.received_at, propensity=stored.propensity)


def after_joining(
    project: Project, joined: Sequence[NewFeedback], observed: Sequence[deriving.Observed], *, now: dt.datetime
) -> None:
    """What follows further: slots of retracted answers are free again, heuristics derive, derived ones go as well."""
    targets = [entry.retracts.pk for entry in joined if entry.retracts]
    if targets:
        judging.vacate(targets)
        judging.record(project, deriving.retractions_of(project, targets), actor=ACTOR)
    derive(project, observed, project.heuristics, now=now)


def derive(
    project: Project, observed: Sequence[deriving.Observed], heuristics: Sequence[str], *, now: dt.datetime
) -> int:
    """Write the preferences that heuristics see in joined implicit records, each once; return how many are new."""
    bodies = [body for one in observed for body in deriving.derive(project, one, heuristics)]
    if not bodies:
        return 0
    known = find_earlier(project, [body["feedback_id"] for body in bodies])
    requests = find_requests(project, {body["request_id"] for body in bodies})
    entries = []
    for body in bodies:
        if body["feedback_id"] not in known:
            record, propensity = parse_feedback(body, now=now), body["metadata"]["propensity"]
            request = requests[record.request_id]
            entries.append(join_record(project, record, body, request, received_at=now, propensity=propensity))
    if entries:
        judging.record(project, entries, actor=ACTOR)
        # The signals may have been retracted before anything was derived of them.
        retracted = Retracted.objects.filter(target__in=[one.feedback for one in observed])
        gone = deriving.retractions_of(project, list(retracted.values_list("target_id", flat=True)))
        judging.record(project, gone, actor=ACTOR)
    return len(entries)


def derive_again(project: Project, heuristics: Sequence[str], *, now: dt.datetime) -> int:
    """Run heuristics over every joined implicit record of a project; return how many preferences are new."""
    implicit = Feedback.objects.filter(project=project, kind=Feedback.Kind.IMPLICIT, waiting=None, erasure=None)
    made, after = 0, 0
    while found := list(implicit.filter(pk__gt=after).order_by("pk").values_list("pk", "request_id")[:BATCH]):
        after, _ = found[-1]
        with transaction.atomic():
            take_turns(project, [request_id for _, request_id in found])
            # Read in turn, for it may have been erased since.
            batch = list(implicit.filter(pk__in=[pk for pk, _ in found]).order_by("pk"))
            requests = find_requests(project, {record.request_id for record in batch})
            observed = [
                deriving.Observed(record.pk, record.body, requests[record.request_id].shown, record.propensity)
                for record in batch
            ]
            made += derive(project, observed, heuristics, now=now)
    return made


def report_orphans(*, limit: int = BATCH) -> int:
    """Report feedback that has waited longer than its project's `orphan_hours`; return how many there were.

    It goes on waiting.
    """
    over = WaitingFeedback.objects.filter(
        state=State.WAITING, since__lt=Now() - F("project__orphan_hours") * dt.timedelta(hours=1)
    )
    with transaction.atomic():
        rows = list(over.select_related("project", "feedback").select_for_update(of=("self",))[:limit])
        WaitingFeedback.objects.filter(pk__in=[row.pk for row in rows]).update(state=State.ORPHANED)
        for project in {row.project for row in rows}:
            _tell(project, [row for row in rows if row.project == project], "feedback.orphaned")
    return len(rows)


def join_missed(*, now: dt.datetime, limit: int = BATCH) -> int:
    """Join what waits for something that is there: answers of the page take no turns with retractions of them."""
    there = Feedback.objects.filter(project=OuterRef("project"), feedback_id=OuterRef("awaited_feedback"))
    missed = WaitingFeedback.objects.filter(Exists(there), state=State.WAITING).exclude(awaited_feedback="")
    rows = list(missed.select_related("project")[:limit])
    for row in rows:
        with transaction.atomic():
            join_waiting(row.project, now=now, feedback=[row.awaited_feedback])
    return len(rows)


def _tell(project: Project, rows: Sequence[WaitingFeedback], kind: str) -> None:
    log.append(
        project,
        [
            log.NewEvent(
                kind,
                ACTOR,
                f"feedback:{row.feedback.feedback_id}",
                {"problems": [{"pointer": pointer, "detail": detail} for pointer, detail in row.problems]},
            )
            for row in rows
        ],
    )
