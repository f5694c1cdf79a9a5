"""What must hold of the facts that an event tells of, by the event's kind. The events themselves are taken as sealed.

A new kind of event that tells of facts is one check here, and one query in `ends` that finds facts without their event.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

from annotation import canonical, facts, judged
from annotation.canonical import Json
from annotation.erased import BLANK_CANDIDATE, BLANK_FEEDBACK, BLANK_PROMPT, KIND, rows_erased_by
from annotation.models import SourceType
from annotation.verification.rows import Row, Rows, SealedEvent

Check = Callable[[SealedEvent, Rows], Iterator[str]]


def defects(event: SealedEvent, rows: Rows) -> Iterator[str]:
    """What is wrong with the facts of one event."""
    for check in CHECKS.get(event.kind, ()):
        try:
            yield from check(event, rows)
        except (AttributeError, KeyError, TypeError):
            yield f"it does not tell what a {event.kind} event tells"


def _inference(event: SealedEvent, rows: Rows) -> Iterator[str]:
    prompt = rows.prompts.get(event.name)
    if prompt is None or event.name != event.payload["request_id"]:
        yield f"the prompt {event.name} is gone"
        return
    if not _is_of(event, prompt):
        yield f"the prompt {event.name} was changed"
    if prompt["erasure_id"]:
        yield from _blank(f"the prompt {event.name}", prompt, BLANK_PROMPT)
    else:
        yield from _prompt(event, prompt)
    candidates = rows.candidates[prompt["id"]]
    told = {output["output_id"]: output["commitment"] for output in event.payload["outputs"]}
    if set(told) != {candidate["output_id"] for candidate in candidates}:
        yield f"the outputs of {event.name} are not those that were logged"
        return
    for candidate in candidates:
        yield from _output(candidate, told[candidate["output_id"]], rows)


def _prompt(event: SealedEvent, prompt: Row) -> Iterator[str]:
    if not _holds(event.payload["commitment"], prompt, facts.prompt_fact):
        yield f"the prompt {event.name} was changed"
    if prompt["digest"] != canonical.prompt_digest(prompt["content"]):
        yield f"the digest of the prompt {event.name} is not that of its content"


def _blank(what: str, row: Row, blank: dict[str, Json]) -> Iterator[str]:
    """An erased row: nothing is left that its commitment covered, and an erasure says so."""
    if row["erasing"] is None:
        yield f"{what} is blank, and no erasure says so"
    elif any(row[name] != value for name, value in blank.items()):
        yield f"{what} was erased, and is not blank"


def _output(candidate: Row, commitment: str, rows: Rows) -> Iterator[str]:
    output_id = candidate["output_id"]
    if candidate["erasure_id"]:
        yield from _blank(f"the output {output_id}", candidate, BLANK_CANDIDATE)
        return
    if candidate["project_id"] != rows.project or not _holds(commitment, candidate, facts.candidate_fact):
        yield f"the output {output_id} was changed"
    if candidate["digest"] != canonical.output_digest(candidate["content"]):
        yield f"the digest of the output {output_id} is not that of its content"


def _record(event: SealedEvent, rows: Rows) -> Iterator[str]:
    record = rows.feedback.get(event.name)
    if record is None:
        yield f"the feedback {event.name} is gone"
        return
    if record["erasure_id"]:
        yield from _blank(f"the feedback {event.name}", record, BLANK_FEEDBACK)
        claimed = _told_of_erased(event, record)
    else:
        yield from _body(event, record)
        claimed = _claimed(event, record["body"])
    if not _is_of(event, record) or any(record[key] != value for key, value in claimed.items()):
        yield f"the feedback {event.name} was changed"


def _body(event: SealedEvent, record: Row) -> Iterator[str]:
    if not _is_committed(event.payload["commitment"], record["salt"], record["body"]):
        yield f"the feedback {event.name} was changed"
    if record["record_digest"] != canonical.digest(record["body"]):
        yield f"the digest of the feedback {event.name} is not that of its record"


def _claimed(event: SealedEvent, body: Json) -> dict[str, Json]:
    """What the columns of a record must say."""
    return {
        "feedback_id": body["feedback_id"],
        "request_id": body.get("request_id") or "",
        "kind": body["kind"],
        "source": {key: body["source"].get(key) or "" for key in ("type", "id", "version")},
        "propensity": event.payload.get("propensity", 1),
    }


def _told_of_erased(event: SealedEvent, record: Row) -> dict[str, Json]:
    """The same of an erased record, by its event alone, which does not tell the ids of users."""
    told = event.payload
    source = {"id": "", **told["source"]}
    if source["type"] == SourceType.END_USER:
        source["id"] = ""  # the first events told it
    return {
        "request_id": told["request_id"],
        "kind": told["kind"],
        "source": source,
        "propensity": told.get("propensity", 1),
    }


def _results(event: SealedEvent, rows: Rows) -> Iterator[str]:
    """Judgments, an edited output, a retraction: what followed from a record, then or when it was joined."""
    record = rows.feedback.get(event.name)
    if record is None:
        yield f"the feedback {event.name} is gone"
        return
    yield from _judgments(event, record, rows)
    if "edited" in event.payload:
        yield from _edit(event, record, rows)
    if "retracts" in event.payload:
        yield from _retraction(event, record, rows)


def _judgments(event: SealedEvent, record: Row, rows: Rows) -> Iterator[str]:
    made = [judgment for judgment in rows.judgments[record["id"]] if judgment.event == event.pk]
    told = event.payload.get("judgments", [])
    if len(made) != len(told):
        yield f"it tells of {len(told)} judgments, there are {len(made)}"
        return
    for judgment, as_told in zip(made, told, strict=True):
        loser = {output for output in as_told["pair"] if as_told["chosen"] and output != as_told["chosen"]}
        rest = (
            judgment.project, judgment.request_id, judgment.source, judgment.erasure, {judgment.rejected} - {None}
        )  # fmt: skip
        expected = (rows.project, record["request_id"], record["source"], record["erasure_id"], loser)
        if not judged.agrees(as_told, judgment.told) or rest != expected:
            yield f"the judgment {judgment.uid} is not the one that was recorded"


def _edit(event: SealedEvent, record: Row, rows: Rows) -> Iterator[str]:
    told = event.payload["edited"]
    edit = rows.edits.get(told["output_id"])
    if edit is None or (edit["edit_event_id"], edit["request_id"]) != (event.pk, record["request_id"]):
        yield f"the output {told['output_id']} is not the edit that was recorded"
        return
    yield from _output(edit, told["commitment"], rows)


def _retraction(event: SealedEvent, record: Row, rows: Rows) -> Iterator[str]:
    retraction = rows.retractions.get(record["id"])
    expected = (event.pk, event.payload["retracts"], rows.project)
    if retraction is None or (retraction["event_id"], retraction["target"], retraction["project_id"]) != expected:
        yield "the retraction is not the one that was recorded"


def _comparisons(event: SealedEvent, rows: Rows) -> Iterator[str]:
    for told in event.payload["comparisons"]:
        comparison = rows.comparisons.get(told["id"])
        expected = {key: told.get(key) for key in ("outputs", "repeats", "for")}
        expected["propensity"] = told.get("propensity", 1)
        if comparison is None or any(comparison[key] != value for key, value in expected.items()):
            yield f"the comparison {told['id']} is not the one that was made"
        # Which plain ones became golds later, events of their own tell.
        elif comparison["kind"] not in (("repeat",) if "repeats" in told else ("plain", "gold")):
            yield f"the comparison {told['id']} is not of the kind that was made"


def _gold(event: SealedEvent, rows: Rows) -> Iterator[str]:
    comparison = rows.comparisons.get(event.name)
    if comparison is None or (comparison["kind"], comparison["chosen"]) != ("gold", event.payload["chosen"]):
        yield f"the comparison {event.name} is not the gold that was made of it"


def _erasure(event: SealedEvent, rows: Rows) -> Iterator[str]:
    """Exactly the rows that an erasure tells of are erased by it; of outputs it covers all that is left."""
    told, found = event.payload, rows_erased_by(rows.project, event.pk)
    stands = {*told["requests"], *told["feedback"]} - {*found.requests, *found.feedback}
    if stands:
        yield f"{min(stands)} was erased, and is not erased any more"
    outputs = {"count": len(found.outputs), "digest": canonical.digest(found.outputs)}
    erased = (found.requests, found.feedback, outputs, found.judgments)
    if erased != (told["requests"], told["feedback"], told["outputs"], told["judgments"]):
        yield "what is erased by it is not what it tells of"


def _guidelines(event: SealedEvent, rows: Rows) -> Iterator[str]:
    version = rows.guidelines.get(event.payload["version"])
    if (
        version is None
        or event.name != str(version["version"])
        or not _is_of(event, version)
        or not _holds(event.payload["commitment"], version, facts.guideline_fact)
    ):
        yield f"version {event.name} of the guidelines was changed"


def _is_of(event: SealedEvent, row: Row) -> bool:
    return (row["event_id"], row["received_at"]) == (event.pk, event.at)


def _holds(commitment: str, row: Row, fact: Callable[..., Json]) -> bool:
    return _is_committed(commitment, row["salt"], fact(**{name: row[name] for name in FIELDS[fact]}))


def _is_committed(commitment: str, salt: str, value: Json) -> bool:
    try:
        return commitment == canonical.commitment(salt, value)
    except ValueError:  # no salt, or nothing that has a canonical form
        return False


FIELDS = {
    fact: list(inspect.signature(fact).parameters)
    for fact in (facts.prompt_fact, facts.candidate_fact, facts.guideline_fact)
}
CHECKS: dict[str, tuple[Check, ...]] = {
    "inference.logged": (_inference,),
    "feedback.recorded": (_record, _results),
    "feedback.retracted": (_record, _results),
    "feedback.joined": (_results,),
    "comparisons.created": (_comparisons,),
    "comparison.made_gold": (_gold,),
    "guidelines.written": (_guidelines,),
    KIND: (_erasure,),
}
