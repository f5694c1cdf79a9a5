"""Replaying the log: every judgment's current state out of the events alone, compared with the tables.

The rebuilt judgments stand in a temporary table, so that memory does not grow with the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from annotation import log
from annotation.judging import describe_judgment
from annotation.models import Event, Judgment, Project

BATCH = 1_000
DIFFERENCES_TOLD = 100
JUDGING_KINDS = ("feedback.recorded", "feedback.joined", "feedback.retracted")

REBUILT = """
CREATE TEMP TABLE rebuilt (
    judgment uuid PRIMARY KEY, feedback text NOT NULL, told jsonb NOT NULL
) ON COMMIT DROP;
CREATE TEMP TABLE taken_back (feedback text PRIMARY KEY) ON COMMIT DROP;
"""
RECORD = "INSERT INTO rebuilt SELECT (told ->> 'id')::uuid, %s, told FROM jsonb_array_elements(%s) AS told"
# A record can be retracted while it still waits for its inference, and so before its judgments are there.
RETRACT = "INSERT INTO taken_back VALUES (%s)"
LOOK_UP = """
SELECT judgment, told, NOT EXISTS (SELECT FROM taken_back t WHERE t.feedback = rebuilt.feedback)
FROM rebuilt WHERE judgment = ANY (%s)
"""
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
    """Seal a project's log, rebuild its judgments from the events, and compare them with the tables."""
    log.seal(project)
    with transaction.atomic(), connection.cursor() as cursor:
        # One view of events and tables: what is judged meanwhile is not mistaken for a difference.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("DROP TABLE IF EXISTS rebuilt, taken_back")
        cursor.execute(REBUILT)
        for event in _judging_events(project):
            _apply(cursor, event)
        result = Replay()
        for difference in _differences(cursor, project, result):
            if len(result.differences) < DIFFERENCES_TOLD:
                result.differences.append(difference)
        return result


def _judging_events(project: Project) -> Iterator[Event]:
    events = Event.objects.filter(project=project, kind__in=JUDGING_KINDS)
    return events.order_by("seal__position", "pk").iterator(chunk_size=BATCH)


def _apply(cursor: Any, event: Event) -> None:
    if event.payload.get("judgments"):
        feedback_id = event.subject.removeprefix("feedback:")
        cursor.execute(RECORD, [feedback_id, json.dumps(event.payload["judgments"])])
    if "retracts" in event.payload:
        cursor.execute(RETRACT, [event.payload["retracts"]])


def _differences(cursor: Any, project: Project, result: Replay) -> Iterator[str]:
    related = ("first", "second", "left", "right", "chosen", "comparison", "assignment", "guidelines")
    judgments = Judgment.objects.filter(project=project).select_related(*related, "feedback__retracted_by")
    after = 0
    while batch := list(judgments.filter(pk__gt=after).order_by("pk")[:BATCH]):
        after = batch[-1].pk
        result.judgments += len(batch)
        cursor.execute(LOOK_UP, [[judgment.uid for judgment in batch]])
        rebuilt = {uid: (json.loads(told), current) for uid, told, current in cursor.fetchall()}
        for judgment in batch:
            stored = (describe_judgment(judgment), not hasattr(judgment.feedback, "retracted_by"))
            if judgment.uid not in rebuilt:
                yield f"judgment {judgment.uid} is in the table, but not in the log"
            elif rebuilt[judgment.uid] != stored:
                yield f"judgment {judgment.uid} differs: the log says {rebuilt[judgment.uid]}, the table {stored}"
    cursor.execute(MISSING, [DIFFERENCES_TOLD])
    for (uid,) in cursor.fetchall():
        yield f"judgment {uid} is in the log, but not in the table"
