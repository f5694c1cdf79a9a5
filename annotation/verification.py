"""Verifying the log: the chain, every digest and commitment, and that every fact has its event.

Reads in batches by position, so its memory does not grow with the log.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from annotation import canonical, log
from annotation.canonical import Json
from annotation.facts import candidate_fact, prompt_fact
from annotation.judging import describe_judgment
from annotation.models import Candidate, Event, Feedback, Judgment, Project, Prompt, Retraction, Seal, UnsealedEvent

BATCH = 1_000


class BrokenLogError(Exception):
    """The first thing that does not hold, with its position in the log where it has one."""

    def __init__(self, reason: str, position: int | None = None) -> None:
        super().__init__(f"position {position}: {reason}" if position is not None else reason)


def verify(project: Project | None, *, expect: log.Head | None = None) -> log.Head:
    """Seal a chain, then compute all of it again; return its head. Raises BrokenLogError at the first defect.

    `expect` is a head noted earlier (in a manifest, say): with it a cut-off tail is found as well.
    """
    log.seal(project)
    with transaction.atomic():
        with connection.cursor() as cursor:
            # One view of everything: what is written meanwhile is not mistaken for a defect.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        return _verify_sealed(project, expect)


def _verify_sealed(project: Project | None, expect: log.Head | None) -> log.Head:
    hash_ = canonical.genesis(log.chain_name(project))
    position = 0
    for seals in _batches(project):
        facts = _Facts(seals)
        for seal in seals:
            position += 1
            if seal.position != position:
                raise BrokenLogError(f"the next entry has position {seal.position}", position)
            hash_ = canonical.chain_hash(hash_, log.describe(seal.event, position))
            if seal.hash != hash_:
                raise BrokenLogError("the event is not the one that was sealed", position)
            if expect and position == expect.position and hash_ != expect.hash:
                raise BrokenLogError(f"expected hash {expect.hash}, found {hash_}", position)
            for defect in facts.defects(seal.event):
                raise BrokenLogError(defect, position)
    head = log.Head(position, hash_)
    _check_ends(project, head, expect)
    return head


def _batches(project: Project | None) -> Iterator[list[Seal]]:
    after = 0
    while True:
        following = Seal.objects.filter(project=project, position__gt=after).order_by("position")
        seals = list(following.select_related("event")[:BATCH])
        if not seals:
            return
        yield seals
        after = seals[-1].position


def _check_ends(project: Project | None, head: log.Head, expect: log.Head | None) -> None:
    stored = log.head(project)
    if stored != head:
        raise BrokenLogError(
            f"the chain ends at {head.hash}, but its head says {stored.hash}@{stored.position}", head.position
        )
    if expect and expect.position > head.position:
        raise BrokenLogError(f"the log ends here, but position {expect.position} was seen", head.position)
    sealed = Seal.objects.filter(event=OuterRef("pk"))
    waiting = UnsealedEvent.objects.filter(event=OuterRef("pk"))
    for event in Event.objects.filter(~Exists(sealed), ~Exists(waiting), project=project)[:1]:
        raise BrokenLogError(f"the event {event.uid} ({event.kind}) is neither sealed nor waiting")
    for model in (Prompt, Feedback, Judgment):
        sealed_here = Seal.objects.filter(event=OuterRef("event"), project=project)
        waiting_here = UnsealedEvent.objects.filter(event=OuterRef("event"), project=project)
        for fact in model._default_manager.filter(~Exists(sealed_here), ~Exists(waiting_here), project=project)[:1]:
            raise BrokenLogError(f"the {model._meta.verbose_name} {fact} has no event")


class _Facts:
    """The rows that a batch of events tells of, loaded together."""

    def __init__(self, seals: Sequence[Seal]) -> None:
        events = [seal.event_id for seal in seals]
        self.prompts = _by(Prompt.objects.filter(event__in=events), "event_id")
        prompts = [prompt.pk for rows in self.prompts.values() for prompt in rows]
        logged = Candidate.objects.filter(prompt__in=prompts, edit_event=None)
        self.candidates = _by(logged.order_by("index"), "prompt_id")
        self.edits = _by(Candidate.objects.filter(edit_event__in=events), "edit_event_id")
        self.feedback = _by(Feedback.objects.filter(event__in=events), "event_id")
        judgments = Judgment.objects.filter(event__in=events).order_by("pk").select_related("feedback")
        related = ("first", "second", "left", "right", "chosen", "comparison", "assignment", "guidelines")
        self.judgments = _by(judgments.select_related(*related), "event_id")
        retractions = Retraction.objects.filter(event__in=events).select_related("feedback", "target")
        self.retractions = _by(retractions, "event_id")

    def defects(self, event: Event) -> Iterator[str]:
        """What is wrong with the rows of one event."""
        prompts, feedback = self.prompts[event.pk], self.feedback[event.pk]
        judgments, retractions = self.judgments[event.pk], self.retractions[event.pk]
        wanted = (*EXPECTED.get(event.kind, (0, 0)), int("retracts" in event.payload), int("edited" in event.payload))
        if (len(prompts), len(feedback), len(retractions), len(self.edits[event.pk])) != wanted:
            yield "its rows are missing or too many"
            return
        for edit in self.edits[event.pk]:
            yield from _output_defects(event.payload["edited"]["commitment"], edit)
        for prompt in prompts:
            yield from _prompt_defects(event, prompt, self.candidates[prompt.pk])
        for record in feedback:
            yield from _feedback_defects(event, record)
        if [describe_judgment(judgment) for judgment in judgments] != event.payload.get("judgments", []):
            yield "a judgment is not the one that was recorded"
        for judgment in judgments:
            if _source(judgment) != event.payload["source"] or not _tells_of(event, judgment.feedback):
                yield "the source of a judgment is not the one that was recorded"
        for retraction in retractions:
            told_of = _tells_of(event, retraction.feedback)
            if event.payload["retracts"] != retraction.target.feedback_id or not told_of:
                yield "the retraction is not the one that was recorded"


# How many prompts and feedback records an event of a kind tells of; others tell of none.
EXPECTED = {"inference.logged": (1, 0), "feedback.recorded": (0, 1), "feedback.retracted": (0, 1)}


def _tells_of(event: Event, record: Feedback) -> bool:
    return event.subject == f"feedback:{record.feedback_id}"


def _by(rows: Iterable[Any], key: str) -> defaultdict[int, list[Any]]:
    grouped: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[getattr(row, key)].append(row)
    return grouped


def _prompt_defects(event: Event, prompt: Prompt, candidates: Sequence[Candidate]) -> Iterator[str]:
    if event.subject != f"inference:{prompt.request_id}" or not _holds(
        event.payload["commitment"], prompt, prompt_fact
    ):
        yield f"the prompt {prompt.request_id} was changed"
    if prompt.digest != canonical.prompt_digest(prompt.content):
        yield f"the digest of the prompt {prompt.request_id} is not that of its content"
    told = {output["output_id"]: output["commitment"] for output in event.payload["outputs"]}
    if set(told) != {candidate.output_id for candidate in candidates}:
        yield f"the outputs of {prompt.request_id} are not those that were logged"
        return
    for candidate in candidates:
        yield from _output_defects(told[candidate.output_id], candidate)


def _output_defects(commitment: str, candidate: Candidate) -> Iterator[str]:
    if not _holds(commitment, candidate, candidate_fact):
        yield f"the output {candidate.output_id} was changed"
    if candidate.digest != canonical.output_digest(candidate.content):
        yield f"the digest of the output {candidate.output_id} is not that of its content"


def _feedback_defects(event: Event, record: Feedback) -> Iterator[str]:
    body = record.body
    source = _source(record)
    claimed = {key: body["source"].get(key) or "" for key in source}
    propensity = event.payload.get("propensity", 1)
    columns = (record.feedback_id, record.request_id, record.kind, source, record.propensity, event.subject)
    told = (body["feedback_id"], body.get("request_id") or "", body["kind"], claimed, propensity)
    if columns != (*told, f"feedback:{record.feedback_id}"):
        yield f"the feedback {record.feedback_id} was changed"
    if event.payload["commitment"] != canonical.commitment(record.salt, body):
        yield f"the feedback {record.feedback_id} was changed"
    if record.record_digest != canonical.digest(body):
        yield f"the digest of the feedback {record.feedback_id} is not that of its record"


def _source(row: Feedback | Judgment) -> dict[str, str]:
    return {"type": row.source_type, "id": row.source_id, "version": row.source_version}


def _holds(commitment: str, row: Prompt | Candidate, fact: Callable[..., Json]) -> bool:
    fields = {name: getattr(row, name) for name in inspect.signature(fact).parameters}
    return commitment == canonical.commitment(row.salt, fact(**fields))
