"""Stored judgments as their events must have told them, for whoever checks the rows against the log."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from annotation.canonical import Json, canonical_json
from annotation.facts import utc_in_sql

# Every column, by public ids. What names a row that is not there, or no output of the pair, shows as #id, so that it
# differs from whatever was told.
JUDGMENTS = """
SELECT j.id, j.event_id, j.project_id, j.feedback_id, j.uid, p.request_id,
    jsonb_build_object('type', j.source_type, 'id', j.source_id, 'version', j.source_version)::text,
    coalesce(c1.output_id, '#' || j.first_id), coalesce(c2.output_id, '#' || j.second_id),
    CASE j.left_id WHEN j.first_id THEN c1.output_id WHEN j.second_id THEN c2.output_id ELSE '#' || j.left_id END,
    CASE j.right_id WHEN j.first_id THEN c1.output_id WHEN j.second_id THEN c2.output_id ELSE '#' || j.right_id END,
    CASE j.chosen_id WHEN j.first_id THEN c1.output_id WHEN j.second_id THEN c2.output_id ELSE '#' || j.chosen_id END,
    CASE j.rejected_id WHEN j.first_id THEN c1.output_id WHEN j.second_id THEN c2.output_id
        ELSE '#' || j.rejected_id END,
    j.outcome, j.strength, j.value, j.scores::text, j.criteria::text, j.confidence,
    coalesce(c.uid::text, '#' || j.comparison_id), coalesce(a.uid::text, '#' || j.assignment_id),
    coalesce(g.version, -j.guidelines_id), j.duration_ms, j.active_ms, {judged_at}, j.surplus, j.erasure_id
FROM annotation_judgment j
LEFT JOIN annotation_prompt p ON p.id = j.prompt_id
LEFT JOIN annotation_candidate c1 ON c1.id = j.first_id AND c1.prompt_id = j.prompt_id
LEFT JOIN annotation_candidate c2 ON c2.id = j.second_id AND c2.prompt_id = j.prompt_id
LEFT JOIN annotation_comparison c ON c.id = j.comparison_id
LEFT JOIN annotation_assignment a ON a.id = j.assignment_id
LEFT JOIN annotation_guidelineversion g ON g.id = j.guidelines_id
WHERE j.{key} = ANY (%s) ORDER BY j.id
"""


@dataclass(frozen=True)
class StoredJudgment:
    """A judgment's row: what its event must have told (`told`), and the rest that can be checked."""

    pk: int
    event: int
    project: int
    feedback: int
    uid: uuid.UUID
    request_id: str | None
    source: Json
    rejected: str | None
    erasure: int | None
    told: dict[str, Any]


def of_feedback(feedback: Sequence[int]) -> Iterator[StoredJudgment]:
    """The judgments made of some feedback records, in the order in which they were made."""
    return _read("feedback_id", feedback)


def by_keys(judgments: Sequence[int]) -> Iterator[StoredJudgment]:
    """The judgments with those primary keys, in that order."""
    return _read("id", judgments)


def _read(key: str, values: Sequence[int]) -> Iterator[StoredJudgment]:
    with connection.cursor() as cursor:
        cursor.execute(JUDGMENTS.format(key=key, judged_at=utc_in_sql("j.judged_at")), [list(values)])
        for row in cursor.fetchall():
            yield _describe(*row)


def _describe(
    pk: int, event: int, project: int, feedback: int, uid: uuid.UUID, request_id: str | None, source: str,
    first: str, second: str | None, left: str | None, right: str | None, chosen: str | None,
    rejected: str | None, outcome: str, strength: int | None, value: float | None, scores: str | None,
    criteria: str | None, confidence: float | None, comparison: str | None, lease: str | None, guidelines: int | None,
    duration_ms: int | None, active_ms: int | None, judged_at: str, surplus: bool, erasure: int | None,
) -> StoredJudgment:  # fmt: skip
    told = {
        "id": str(uid),
        "pair": [first] if second is None else [first, second],
        "presented": [left, right] if left or right else None,
        "outcome": outcome,
        "chosen": chosen,
        "strength": strength,
        "value": value,
        "scores": scores and orjson.loads(scores),
        "criteria": criteria and orjson.loads(criteria),
        "confidence": confidence,
        "comparison": comparison,
        "lease": lease,
        "guidelines": guidelines,
        "duration_ms": duration_ms,
        "active_ms": active_ms,
        "judged_at": judged_at,
        "surplus": surplus,
    }
    return StoredJudgment(pk, event, project, feedback, uid, request_id, orjson.loads(source), rejected, erasure, told)


def agrees(told: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether a row says what its event told; what events did not tell yet when it was written must be empty."""
    said = {key: value for key, value in stored.items() if key in told or value is not None}
    # Not as Python compares: 1 and true are equal there.
    return canonical_json(told) == canonical_json(said)
