"""Accepting inference records: checked, each once, in one transaction with their comparisons and events."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from annotation import canonical, facts, log, pairing
from annotation.bulk import copy_rows, reserve_ids
from annotation.canonical import Json
from annotation.facts import CANDIDATE_FIELDS, PROMPT_FIELDS
from annotation.intake import joining
from annotation.intake.outcomes import CONFLICT, LoggedOutput, Outcome, refused, take_turns
from annotation.intake.schemas import Inference, RefusedError, parse_inference
from annotation.intake.soundness import Problem, pointer
from annotation.judging import Output
from annotation.models import Candidate, Project, Prompt


@dataclass(frozen=True)
class CheckedInference:
    """A sound record, the digest that tells it from others, and its outputs as they will stand."""

    record: Inference
    digest: str
    outputs: tuple[LoggedOutput, ...]

    def ids(self) -> Iterator[str]:
        """Every id that the record claims, for take_turns."""
        yield self.record.request_id
        yield from (output.output_id for output in self.outputs)


@dataclass(frozen=True)
class Known:
    """What stands under a request_id already."""

    digest: str
    outputs: tuple[LoggedOutput, ...]


def check_inference(project: Project, value: Json, *, now: dt.datetime) -> CheckedInference | Outcome:
    """Check a record without the database; its outcome when it is refused."""
    try:
        record = parse_inference(value, now=now)
    except RefusedError as error:
        return refused(value.get("request_id") if isinstance(value, dict) else None, error.problems)
    outputs = tuple(
        LoggedOutput(
            # A name that follows from the record, so that the same record again has the same outputs.
            output.output_id or str(canonical.stable_uuid(project.uid, [record.request_id, index])),
            canonical.output_digest(output.content),
        )
        for index, output in enumerate(record.outputs)
    )
    return CheckedInference(record, canonical.digest(value), outputs)


@transaction.atomic
def accept_inferences(
    project: Project, checked: Sequence[CheckedInference | Outcome], *, actor: str, rule: str | None = None
) -> list[Outcome]:
    """Store checked records, make their comparisons, join what waited for them; return what became of each, in order.

    `rule` is a pairing rule in place of the project's. A record that is refused is not stored, and does not keep the
    others from being; a failure of the database stores nothing.
    """
    records = [one for one in checked if isinstance(one, CheckedInference)]
    take_turns(project, itertools.chain.from_iterable(one.ids() for one in records))
    known = _find_known(project, [one.record.request_id for one in records])
    taken = _find_taken(project, [one for one in records if one.record.request_id not in known])
    fresh: list[CheckedInference] = []
    outcomes = [one if isinstance(one, Outcome) else _settle(one, known, taken, fresh) for one in checked]
    made = pairing.pair_up(project, _write(project, fresh, actor), rule=rule or project.pairing, actor=actor)
    if fresh:
        joining.join_waiting(project, now=timezone.now(), requests=[one.record.request_id for one in fresh])
    comparisons = Counter(comparison.request_id for comparison in made)
    return [
        replace(outcome, comparisons=comparisons[outcome.id]) if outcome.result == "created" and outcome.id else outcome
        for outcome in outcomes
    ]


def _find_known(project: Project, request_ids: Sequence[str]) -> dict[str, Known]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.request_id, p.record_digest, c.output_id, c.digest "
            "FROM annotation_prompt p JOIN annotation_candidate c ON c.prompt_id = p.id "
            "WHERE p.project_id = %s AND p.request_id = ANY(%s) ORDER BY p.id, c.index",
            [project.pk, list(request_ids)],
        )
        rows = cursor.fetchall()
    return {
        request_id: Known(record_digest, tuple(LoggedOutput(output_id, digest) for _, _, output_id, digest in group))
        for (request_id, record_digest), group in itertools.groupby(rows, key=lambda row: (row[0], row[1]))
    }


def _find_taken(project: Project, records: Sequence[CheckedInference]) -> set[str]:
    """Those of the records' output ids that belong to other requests."""
    wanted = [output.output_id for one in records for output in one.outputs]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT output_id FROM annotation_candidate WHERE project_id = %s AND output_id = ANY(%s)",
            [project.pk, wanted],
        )
        return {output_id for (output_id,) in cursor.fetchall()}


def _settle(one: CheckedInference, known: dict[str, Known], taken: set[str], fresh: list[CheckedInference]) -> Outcome:
    """What becomes of one record; adds it to the fresh ones when it is to be written."""
    request_id = one.record.request_id
    earlier = known.get(request_id)
    if earlier:
        if earlier.digest == one.digest:
            return Outcome(request_id, "duplicate", outputs=earlier.outputs)
        return Outcome(request_id, "conflict", (CONFLICT,))
    stolen = [index for index, output in enumerate(one.outputs) if output.output_id in taken]
    if stolen:
        detail = "is the output_id of another request"
        return refused(request_id, (Problem(pointer(["outputs", index, "output_id"]), detail) for index in stolen))
    known[request_id] = Known(one.digest, one.outputs)
    taken.update(output.output_id for output in one.outputs)
    fresh.append(one)
    return Outcome(request_id, "created", outputs=one.outputs)


@dataclass(frozen=True)
class _Row:
    """A row to be: its primary key, the fields that the log commits to, and the salt of the commitment."""

    pk: int
    fields: dict[str, Any]
    salt: str


def _write(project: Project, records: Sequence[CheckedInference], actor: str) -> list[pairing.Answered]:
    """COPY the records and append their events; return them as pairing wants them."""
    if not records:
        return []
    prompts = [
        _Row(pk, _prompt_fields(one), canonical.new_salt())
        for pk, one in zip(reserve_ids(Prompt, len(records)), records, strict=True)
    ]
    candidate_ids = iter(reserve_ids(Candidate, sum(len(one.outputs) for one in records)))
    candidates = [
        [_Row(next(candidate_ids), fields, canonical.new_salt()) for fields in _candidate_fields(one)]
        for one in records
    ]
    events = log.append(project, [_event(*rows, actor) for rows in zip(prompts, candidates, strict=True)])
    copy_rows(
        Prompt,
        ["id", "project", "event", "salt", *PROMPT_FIELDS],
        (
            (prompt.pk, project.pk, event, prompt.salt, *prompt.fields.values())
            for prompt, event in zip(prompts, events, strict=True)
        ),
    )
    copy_rows(
        Candidate,
        ["id", "project", "prompt", "salt", *CANDIDATE_FIELDS],
        (
            (row.pk, project.pk, prompt.pk, row.salt, *row.fields.values())
            for prompt, rows in zip(prompts, candidates, strict=True)
            for row in rows
        ),
    )
    return [
        pairing.Answered(prompt.pk, one.record.request_id, [Output(row.pk, row.fields["output_id"]) for row in rows])
        for one, prompt, rows in zip(records, prompts, candidates, strict=True)
    ]


def _prompt_fields(one: CheckedInference) -> dict[str, Any]:
    """PROMPT_FIELDS of a record, in that order, the content as it came."""
    return {
        "request_id": one.record.request_id,
        "content": one.record.prompt,
        "tools": one.record.tools or [],
        "metadata": one.record.metadata or {},
        "digest": canonical.prompt_digest(one.record.prompt),
        "record_digest": one.digest,
        "occurred_at": one.record.occurred_at,
    }


def _candidate_fields(one: CheckedInference) -> Iterator[dict[str, Any]]:
    """CANDIDATE_FIELDS of each output of a record, in that order."""
    for index, (output, logged) in enumerate(zip(one.record.outputs, one.outputs, strict=True)):
        model = output.model
        yield {
            "output_id": logged.output_id,
            "index": index,
            "content": output.content,
            "digest": logged.digest,
            "model_name": model["name"] if model else "",
            "model_version": (model.get("version") if model else None) or "",
            "model": model or {},
            "parameters": output.parameters or {},
            "metadata": output.metadata or {},
            "generated_at": output.generated_at,
        }


def _event(prompt: _Row, candidates: Sequence[_Row], actor: str) -> log.NewEvent:
    request_id = prompt.fields["request_id"]
    payload = {
        "request_id": request_id,
        "commitment": canonical.commitment(prompt.salt, facts.prompt_fact(**prompt.fields)),
        "outputs": [
            {
                "output_id": row.fields["output_id"],
                "commitment": canonical.commitment(row.salt, facts.candidate_fact(**row.fields)),
            }
            for row in candidates
        ],
    }
    return log.NewEvent("inference.logged", actor, f"inference:{request_id}", payload)
