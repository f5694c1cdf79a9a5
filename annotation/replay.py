"""Replaying the log: every judgment's current state out of the events alone, compared with the tables.

The rebuilt judgments stand in a temporary table, so that memory does not grow with the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection, transaction

from annotation import judged, log
from annotation.models import Judgment, Project, Retraction

BATCH = 1_000
DIFFERENCES_TOLD = 100

# The kinds of events that tell of judgments and of retractions; their subject is the feedback that they were made of.
JUDGING = ["feedback.recorded", "feedback.joined", "feedback.retracted"]

REBUILT = """
CREATE TEMP TABLE rebuilt (
    judgment uuid PRIMARY KEY, feedback text NOT NULL, told jsonb NOT NULL, current boolean NOT NULL DEFAULT true
) ON COMMIT DROP
"""
RECORD = """
INSERT INTO rebuilt (judgment, feedback, told)
SELECT (told ->> 'id')::uuid, substr(e.subject, length('feedback:') + 1), told
FROM annotation_event e, jsonb_array_elements(e.payload -> 'judgments') AS told
WHERE e.project_id = %s AND e.kind = ANY (%s)
"""
# What is retracted stays so, and a retraction may come before what it retracts: the order of the two does not matter.
RETRACT = """
UPDATE rebuilt SET current = false FROM annotation_event e
WHERE e.project_id = %s AND e.kind = ANY (%s) AND e.payload ->> 'retracts' = rebuilt.feedback
"""
LOOK_UP = "SELECT judgment, told::text, current FROM rebuilt WHERE judgment = ANY (%s)"
MISSING = """
SELECT judgment FROM rebuilt
WHERE NOT EXISTS (SELECT FROM annotation_judgment j WHERE j.uid = rebuilt.judgment) ORDER BY judgment LIMIT %s
"""


@dataclass
class Replay:
    """What came of a replay: how many judgments there are, and the first differences in words."""

    judgments: int = 0
    differences: list[str] = field(default_factory=list)


def replay(project: Project) -> Replay:
    """Rebuild a project's judgments from the events, and compare them with the tables."""
    log.seal(project)
    with transaction.atomic(), connection.cursor() as cursor:
        # One view of events and tables: what is judged meanwhile is not mistaken for a difference.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("DROP TABLE IF EXISTS rebuilt")
        cursor.execute(REBUILT)
        cursor.execute(RECORD, [project.pk, JUDGING])
        cursor.execute("CREATE INDEX ON rebuilt (feedback)")
        cursor.execute("ANALYZE rebuilt")
        cursor.execute(RETRACT, [project.pk, JUDGING])
        result = Replay()
        for difference in _differences(cursor, project, result):
            if len(result.differences) < DIFFERENCES_TOLD:
                result.differences.append(difference)
        return result


def _differences(cursor: Any, project: Project, result: Replay) -> Iterator[str]:
    judgments = Judgment.objects.filter(project=project).order_by("pk")
    after = 0
    while batch := list(judgments.filter(pk__gt=after).values_list("pk", "feedback")[:BATCH]):
        keys, feedback = zip(*batch, strict=True)
        after = keys[-1]
        result.judgments += len(batch)
        retracted = set(Retraction.objects.filter(target__in=feedback).values_list("target", flat=True))
        stored = list(judged.by_keys(keys))
        cursor.execute(LOOK_UP, [[judgment.uid for judgment in stored]])
        rebuilt = {uid: (orjson.loads(told), current) for uid, told, current in cursor.fetchall()}
        for judgment in stored:
            current = judgment.feedback not in retracted
            if judgment.uid not in rebuilt:
                yield f"judgment {judgment.uid} is in the table, but not in the log"
                continue
            told, told_current = rebuilt[judgment.uid]
            if current != told_current or not judged.agrees(told, judgment.told):
                yield (
                    f"judgment {judgment.uid} differs: the log says {told}, current {told_current}; "
                    f"the table {judgment.told}, current {current}"
                )
    cursor.execute(MISSING, [DIFFERENCES_TOLD])
    for (uid,) in cursor.fetchall():
        yield f"judgment {uid} is in the log, but not in the table"
