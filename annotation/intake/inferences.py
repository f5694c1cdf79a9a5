"""Accepting inference records: checked, each once, in one transaction with their comparisons and events."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from annotation import canonical, facts, log, pairing
from annotation.bulk import Same, copy_columns, one_text, reserve_ids
from annotation.canonical import Json
from annotation.facts import CANDIDATE_FIELDS, PROMPT_FIELDS
from annotation.intake import joining, schemas
from annotation.intake.outcomes import CONFLICT, ERASED, LoggedOutput, Outcome, refused, take_turns
from annotation.intake.schemas import Inference, RefusedError, parse_inference
from annotation.intake.soundness import Problem, pointer
from annotation.judging import Output
from annotation.models import Candidate, Project, Prompt


class CheckedInference(NamedTuple):
    """A sound record, the digest that tells it from others, and its outputs as the client will know them.

    `facts` are what is kept of it, the prompt and then each output, and what the log commits to, each by its salt.
    """

    record: Inference
    digest: str
    outputs: tuple[LoggedOutput, ...]
    facts: tuple[dict[str, Json], ...]
    salts: Sequence[str]
    commitments: Sequence[str]

    def ids(self) -> Iterator[str]:
        """Every id that the record claims, for take_turns."""
        yield self.record.request_id
        yield from (output.output_id for output in self.outputs)


class Known(NamedTuple):
    """What stands under a request_id already; an erased inference has no digest."""

    digest: str
    outputs: tuple[LoggedOutput, ...]


def check_inference(
    project: Project, value: Json, *, now: dt.datetime, plain: bool = False
) -> CheckedInference | Outcome:
    """Check a record without the database; its outcome when it is refused. `plain` when it is known to be."""
    try:
        record = parse_inference(value, now=now)
    except RefusedError as error:
        return refused(value.get("request_id") if isinstance(value, dict) else None, error.problems)
    # Looked through once for all that is hashed of it.
    plain = plain or canonical.is_plain(value)
    digest = canonical.digest(value, plain=plain)
    outputs = tuple([_logged(project, record, index, plain=plain) for index in range(len(record.outputs))])
    kept = (_prompt_fact(record, digest, plain=plain), *map(_output_fact, itertools.count(), record.outputs, outputs))
    salts = canonical.new_salts(len(kept))
    commitments = [canonical.commitment(salt, fact, plain=plain) for salt, fact in zip(salts, kept, strict=True)]
    return CheckedInference(record, digest, outputs, kept, salts, commitments)


@transaction.atomic
def accept_inferences(
    project: Project, checked: Sequence[CheckedInference | Outcome], *, actor: str, rule: str | None = None
) -> list[Outcome]:
    """Store checked records, make their comparisons, join what waited for them; return what became of each, in order.

    `rule` is a pairing strategy in place of the project's; RuleError when the project's settings do not go with it. A
    record that is refused is not stored, and does not keep the others from being; a failure of the database stores
    nothing.
    """
    records = [one for one in checked if isinstance(one, CheckedInference)]
    take_turns(project, itertools.chain.from_iterable(one.ids() for one in records))
    known = _find_known(project, [one.record.request_id for one in records])
    taken = _find_taken(project, [one for one in records if one.record.request_id not in known])
    fresh: list[CheckedInference] = []
    settled = [one if isinstance(one, Outcome) else _settle(one, known, taken, fresh) for one in checked]
    followed = pairing.Rule.of(project, rule)
    made = pairing.pair_up(project, _write(project, fresh, actor), rule=followed, actor=actor)
    awaited = _find_awaited(project, [one.record.request_id for one in fresh])
    if awaited:
        joining.join_waiting(project, now=timezone.now(), requests=awaited)
    comparisons = Counter(comparison.request_id for comparison in made)
    return [
        Outcome(one.record.request_id, "created", outputs=one.outputs, comparisons=comparisons[one.record.request_id])
        if isinstance(one, CheckedInference)
        else one
        for one in settled
    ]


def _find_known(project: Project, request_ids: Sequence[str]) -> dict[str, Known]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.request_id, p.record_digest, c.output_id, c.digest "
            "FROM annotation_prompt p JOIN annotation_candidate c ON c.prompt_id = p.id "
            "WHERE p.project_id = %s AND p.request_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s))) "
            "AND c.index IS NOT NULL ORDER BY p.id, c.index",  # without what users made of the outputs
            [project.pk, one_text(request_ids)],
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
            "SELECT output_id FROM annotation_candidate "
            "WHERE project_id = %s AND output_id = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)))",
            [project.pk, one_text(wanted)],
        )
        return {output_id for (output_id,) in cursor.fetchall()}


def _find_awaited(project: Project, request_ids: Sequence[str]) -> list[str]:
    """Those of the request ids that feedback waits for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT awaited_request FROM annotation_waitingfeedback "
            "WHERE project_id = %s AND awaited_request = ANY(ARRAY(SELECT jsonb_array_elements_text(%s)))",
            [project.pk, one_text(request_ids)],
        )
        return [request_id for (request_id,) in cursor.fetchall()]


def _settle(
    one: CheckedInference, known: dict[str, Known], taken: set[str], fresh: list[CheckedInference]
) -> CheckedInference | Outcome:
    """The outcome of a record that stands already or cannot be; one that is to be written is added to the fresh."""
    request_id = one.record.request_id
    earlier = known.get(request_id)
    if earlier:
        if earlier.digest == one.digest:
            return Outcome(request_id, "duplicate", outputs=earlier.outputs)
        return Outcome(request_id, "conflict", (CONFLICT if earlier.digest else ERASED,))
    stolen = [index for index, output in enumerate(one.outputs) if output.output_id in taken]
    if stolen:
        detail = "is the output_id of another request"
        return refused(request_id, (Problem(pointer(["outputs", index, "output_id"]), detail) for index in stolen))
    known[request_id] = Known(one.digest, one.outputs)
    taken.update([output.output_id for output in one.outputs])
    fresh.append(one)
    return one


def _write(project: Project, records: Sequence[CheckedInference], actor: str) -> list[pairing.Answered]:
    """COPY the records and append their events; return them as pairing wants them.

    Column by column, which spares a call for each value.
    """
    if not records:
        return []
    counts = [len(one.outputs) for one in records]
    events = log.append(project, [_event(one, actor) for one in records])
    prompt_ids, output_ids = reserve_ids(Prompt, len(records)), reserve_ids(Candidate, sum(counts))
    prompts, outputs = [one.facts[0] for one in records], [fact for one in records for fact in one.facts[1:]]
    copy_columns(
        Prompt,
        {"id": prompt_ids, "project": Same(project.pk), "event": events, "salt": [one.salts[0] for one in records]}
        | {name: [fact[name] for fact in prompts] for name in PROMPT_FIELDS}
        | {"occurred_at": [one.record.occurred_at for one in records]},
    )
    of_prompts = [pk for pk, count in zip(prompt_ids, counts, strict=True) for _ in range(count)]
    copy_columns(
        Candidate,
        {"id": output_ids, "project": Same(project.pk), "prompt": of_prompts}
        | {"salt": [salt for one in records for salt in one.salts[1:]]}
        | {name: [fact[name] for fact in outputs] for name in CANDIDATE_FIELDS}
        | {"generated_at": [output.generated_at for one in records for output in one.record.outputs]},
    )
    remaining = iter(output_ids)
    return [
        pairing.Answered(
            prompt_id,
            one.record.request_id,
            [Output(next(remaining), output.output_id) for output in one.outputs],
            [pairing.Model(*_model_of(output)) for output in one.record.outputs],
        )
        for prompt_id, one in zip(prompt_ids, records, strict=True)
    ]


def _logged(project: Project, record: Inference, index: int, *, plain: bool) -> LoggedOutput:
    output = record.outputs[index]
    # A name that follows from the record, so that the same record again has the same outputs.
    output_id = output.output_id or str(canonical.stable_uuid(project.uid, [record.request_id, index]))
    return LoggedOutput(output_id, canonical.output_digest(output.content, plain=plain))


def _prompt_fact(record: Inference, digest: str, *, plain: bool) -> dict[str, Json]:
    """What is kept of a record's prompt, the content as it came."""
    return facts.prompt_fact(
        request_id=record.request_id,
        content=record.prompt,
        tools=record.tools or [],
        metadata=record.metadata or {},
        digest=canonical.prompt_digest(record.prompt, plain=plain),
        record_digest=digest,
        occurred_at=record.occurred_at,
    )


def _output_fact(index: int, output: schemas.Output, logged: LoggedOutput) -> dict[str, Json]:
    """What is kept of one of a record's outputs, the content as it came."""
    name, version = _model_of(output)
    return facts.candidate_fact(
        output_id=logged.output_id,
        index=index,
        content=output.content,
        digest=logged.digest,
        model_name=name,
        model_version=version,
        model=output.model or {},
        parameters=output.parameters or {},
        metadata=output.metadata or {},
        generated_at=output.generated_at,
    )


def _model_of(output: schemas.Output) -> tuple[str, str]:
    """Name and version of the model that answered, empty where they are not told."""
    model = output.model
    return (model["name"], model.get("version") or "") if model else ("", "")


def _event(one: CheckedInference, actor: str) -> log.NewEvent:
    commitment, *of_outputs = one.commitments
    payload = {
        "request_id": one.record.request_id,
        "commitment": commitment,
        "outputs": [
            {"output_id": output.output_id, "commitment": committed}
            for output, committed in zip(one.outputs, of_outputs, strict=True)
        ],
    }
    return log.NewEvent("inference.logged", actor, f"inference:{one.record.request_id}", payload)
