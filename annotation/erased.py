"""What erasures leave: rows without texts, metadata, digests and salts, and events that say which rows these are.

For whoever checks or counts them; annotation.erasure makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from annotation.canonical import Json

KIND = "records.erased"

# What an erased row has in place of what told of a person. The triggers of the tables hold the same.
BLANK_PROMPT: dict[str, Json] = {
    "content": None, "tools": [], "metadata": {}, "digest": "", "record_digest": "", "salt": "", "occurred_at": None,
}  # fmt: skip
BLANK_CANDIDATE: dict[str, Json] = {
    "content": None, "digest": "", "salt": "", "model": {}, "parameters": {}, "metadata": {}, "generated_at": None,
}  # fmt: skip
BLANK_FEEDBACK: dict[str, Json] = {"body": {}, "record_digest": "", "salt": ""}


@dataclass(frozen=True)
class Erased:
    """How many rows of each kind."""

    inferences: int = 0
    outputs: int = 0
    feedback: int = 0
    judgments: int = 0

    def __add__(self, other: Erased) -> Erased:
        return Erased(
            self.inferences + other.inferences,
            self.outputs + other.outputs,
            self.feedback + other.feedback,
            self.judgments + other.judgments,
        )

    def __bool__(self) -> bool:
        return self != Erased()

    def __str__(self) -> str:
        return (
            f"{self.inferences:,} inferences, {self.outputs:,} outputs, {self.feedback:,} feedback records, "
            f"{self.judgments:,} judgments"
        )


@dataclass(frozen=True)
class Erasure:
    """One event by which rows were erased, its place in the log (none before it is sealed), and how many they were."""

    position: int | None
    erased: Erased


@dataclass(frozen=True)
class ErasedRows:
    """The rows that name one event as that of their erasure: ids in order, and of outputs all that is left."""

    requests: list[str]
    feedback: list[str]
    outputs: list[Json]
    judgments: int


ROWS = {
    "requests": """
SELECT request_id FROM annotation_prompt WHERE project_id = %(project)s AND erasure_id = %(event)s
ORDER BY request_id COLLATE "C"
""",
    "feedback": """
SELECT feedback_id FROM annotation_feedback WHERE project_id = %(project)s AND erasure_id = %(event)s
ORDER BY feedback_id COLLATE "C"
""",
    "outputs": """
SELECT output_id, index, model_name, model_version FROM annotation_candidate
WHERE project_id = %(project)s AND erasure_id = %(event)s ORDER BY output_id COLLATE "C"
""",
    "judgments": """
SELECT count(*) FROM annotation_judgment WHERE project_id = %(project)s AND erasure_id = %(event)s
""",
}

ERASURES = """
WITH erasing AS (
    SELECT erasure_id AS id FROM annotation_prompt WHERE project_id = %(project)s AND erasure_id IS NOT NULL
    UNION SELECT erasure_id FROM annotation_feedback WHERE project_id = %(project)s AND erasure_id IS NOT NULL
)
SELECT s.position, jsonb_array_length(e.payload -> 'requests'), (e.payload -> 'outputs' ->> 'count')::int,
    jsonb_array_length(e.payload -> 'feedback'), (e.payload ->> 'judgments')::int
FROM erasing JOIN annotation_event e USING (id) LEFT JOIN annotation_seal s ON s.event_id = e.id
ORDER BY e.id
"""


def rows_erased_by(project: int, event: int) -> ErasedRows:
    """The rows of a project that name an event as that of their erasure."""
    found: dict[str, list[tuple[Any, ...]]] = {}
    with connection.cursor() as cursor:
        for name, query in ROWS.items():
            cursor.execute(query, {"project": project, "event": event})
            found[name] = cursor.fetchall()
    return ErasedRows(
        requests=[request_id for (request_id,) in found["requests"]],
        feedback=[feedback_id for (feedback_id,) in found["feedback"]],
        outputs=[list(output) for output in found["outputs"]],
        judgments=found["judgments"][0][0],
    )


def list_erasures(project: int) -> list[Erasure]:
    """The events by which rows of a project were erased, in the order of the log."""
    with connection.cursor() as cursor:
        cursor.execute(ERASURES, {"project": project})
        return [Erasure(position, Erased(*counts)) for position, *counts in cursor.fetchall()]
