"""The facts that a batch of events tells of, loaded together, by the ids that the events name."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from django.db import connection

from annotation import judged
from annotation.canonical import Json
from annotation.erased import KIND
from annotation.facts import utc_in_sql
from annotation.judged import StoredJudgment

Row = dict[str, Any]


class SealedEvent(NamedTuple):
    """An event as it was read back."""

    pk: int
    project: int | None
    uid: str
    kind: str
    at: str
    actor: str
    subject: str
    payload: Json

    @property
    def name(self) -> str:
        """The id in the subject, behind the word for what it is."""
        return self.subject.partition(":")[2]


# `erasing`: the event that an erased row names, when it is one that can have erased it.
ERASING = (
    "LEFT JOIN annotation_event x ON x.id = {row}.erasure_id AND x.project_id = {row}.project_id AND x.kind = '{kind}'"
)
PROMPTS = """
SELECT p.id, p.event_id, {at} AS received_at, p.salt, p.request_id, p.content::text, p.tools::text, p.metadata::text,
    p.digest, p.record_digest, p.occurred_at, p.erasure_id, x.id AS erasing
FROM annotation_prompt p {erasing} WHERE p.project_id = %s AND p.request_id = ANY (%s)
""".format(at=utc_in_sql("p.received_at"), erasing=ERASING.format(row="p", kind=KIND))
CANDIDATES = """
SELECT c.prompt_id, c.project_id, c.edit_event_id, c.salt, c.output_id, c.index, c.content::text, c.digest,
    c.model_name, c.model_version, c.model::text, c.parameters::text, c.metadata::text, c.generated_at, p.request_id,
    c.erasure_id, x.id AS erasing
FROM annotation_candidate c LEFT JOIN annotation_prompt p ON p.id = c.prompt_id {erasing}
""".format(erasing=ERASING.format(row="c", kind=KIND))
LOGGED = CANDIDATES + "WHERE c.prompt_id = ANY (%s) AND c.edit_event_id IS NULL"
EDITED = CANDIDATES + "WHERE c.project_id = %s AND c.output_id = ANY (%s) AND c.edit_event_id IS NOT NULL"
FEEDBACK = """
SELECT f.id, f.event_id, {at} AS received_at, f.salt, f.feedback_id, f.request_id, f.kind,
    jsonb_build_object('type', source_type, 'id', source_id, 'version', source_version)::text AS source, f.body::text,
    f.record_digest, f.propensity, f.erasure_id, x.id AS erasing
FROM annotation_feedback f {erasing} WHERE f.project_id = %s AND f.feedback_id = ANY (%s)
""".format(at=utc_in_sql("f.received_at"), erasing=ERASING.format(row="f", kind=KIND))
RETRACTIONS = """
SELECT r.event_id, r.feedback_id, t.feedback_id AS target, t.project_id
FROM annotation_retraction r LEFT JOIN annotation_feedback t ON t.id = r.target_id WHERE r.feedback_id = ANY (%s)
"""
COMPARISONS = """
SELECT c.uid::text AS uid, ARRAY[a.output_id, b.output_id]::text[] AS outputs, c.propensity, c.kind,
    coalesce(g.output_id, '#' || c.gold_chosen_id) AS chosen, coalesce(r.uid::text, '#' || c.repeats_id) AS repeats,
    coalesce(n.name, '#' || c.for_annotator_id) AS "for"
FROM annotation_comparison c
LEFT JOIN annotation_candidate a ON a.id = c.a_id AND a.prompt_id = c.prompt_id
LEFT JOIN annotation_candidate b ON b.id = c.b_id AND b.prompt_id = c.prompt_id
LEFT JOIN annotation_candidate g ON g.id = c.gold_chosen_id AND g.id IN (c.a_id, c.b_id)
LEFT JOIN annotation_comparison r ON r.id = c.repeats_id
LEFT JOIN annotation_annotator n ON n.id = c.for_annotator_id
WHERE c.project_id = %s AND c.uid = ANY (%s)
"""
GUIDELINES = """
SELECT event_id, {at} AS received_at, salt, version, text
FROM annotation_guidelineversion WHERE project_id = %s AND version::text = ANY (%s)
""".format(at=utc_in_sql("created_at"))
JSON_COLUMNS = {"content", "tools", "metadata", "model", "parameters", "body", "source"}


class Rows:
    """The facts of a project that some of its events tell of."""

    def __init__(self, project: int, events: Sequence[SealedEvent]) -> None:
        self.project = project
        named: defaultdict[str, list[str]] = defaultdict(list)
        for event in events:
            named[event.subject.partition(":")[0]].append(event.name)
        self.prompts = _by("request_id", _read(PROMPTS, project, named["inference"]))
        self.candidates = _listed("prompt_id", _read(LOGGED, [row["id"] for row in self.prompts.values()]))
        edits = [event.payload["edited"]["output_id"] for event in events if event.payload.get("edited")]
        self.edits = _by("output_id", _read(EDITED, project, edits))
        self.feedback = _by("feedback_id", _read(FEEDBACK, project, named["feedback"]))
        records = [row["id"] for row in self.feedback.values()]
        self.judgments: defaultdict[int, list[StoredJudgment]] = defaultdict(list)
        for judgment in judged.of_feedback(records) if records else ():
            self.judgments[judgment.feedback].append(judgment)
        self.retractions = _by("feedback_id", _read(RETRACTIONS, records))
        comparisons = [uuid.UUID(one["id"]) for event in events for one in event.payload.get("comparisons") or ()]
        comparisons += [uuid.UUID(uid) for uid in named["comparison"]]
        self.comparisons = _by("uid", _read(COMPARISONS, project, comparisons))
        self.guidelines = _by("version", _read(GUIDELINES, project, named["guidelines"]))


def _read(query: str, *parameters: Any) -> Iterator[Row]:
    """The rows of a query whose last parameter lists what is wanted."""
    if not parameters[-1]:
        return
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description]
        parsed = [name in JSON_COLUMNS for name in names]
        for values in cursor.fetchall():
            yield {
                name: orjson.loads(value) if is_json else value
                for name, value, is_json in zip(names, values, parsed, strict=True)
            }


def _by(key: str, rows: Iterable[Row]) -> dict[Any, Row]:
    return {row[key]: row for row in rows}


def _listed(key: str, rows: Iterable[Row]) -> defaultdict[Any, list[Row]]:
    grouped: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped
