"""Votes: current judgments of two outputs, counted in the database into what annotation.analysis works on.

What counts is current, plain and not surplus: no golds, no repeats, no ratings, no edits, nothing retracted or erased.
An answer's side on the page plays no part: of two outputs the first is the one that was logged first. What takes too
long raises TooLongError.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from annotation import golds
from annotation.analysis.agreement import SCALE, Agreement, agree
from annotation.analysis.annotators import FAST_SECONDS, Work
from annotation.analysis.battles import STEPS, Met, Model
from annotation.analysis.bias import Period
from annotation.models import Project, SourceType

MOST_ANNOTATORS = 1_000
# Counting marks of Markdown takes long, so that bias is looked for in the newest judgments alone.
MOST_LOOKED_AT = 100_000
MOST_SLICES = 20
MOST_SECONDS = 30

# In two parts: looking the outputs up takes twenty times as long as finding the judgments.
JUDGED = """
FROM annotation_judgment j
{outputs}
WHERE j.project_id = %(project)s AND j.source_type = %(source)s AND NOT j.surplus AND j.erasure_id IS NULL
  AND j.outcome <> 'rated'
  AND (%(since)s::timestamptz IS NULL OR j.judged_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR j.judged_at < %(until)s)
  AND NOT EXISTS (SELECT FROM annotation_retraction r WHERE r.target_id = j.feedback_id)
  AND NOT EXISTS (SELECT FROM annotation_comparison c WHERE c.id = j.comparison_id AND c.kind <> 'plain')
"""
OUTPUTS = """
JOIN annotation_candidate x ON x.id = {of}.first_id AND x.index IS NOT NULL
JOIN annotation_candidate y ON y.id = {of}.second_id AND y.index IS NOT NULL
"""
CURRENT = JUDGED.format(outputs=OUTPUTS.format(of="j"))
# What an output says, of all its messages.
TEXT = """CASE jsonb_typeof({of}.content) WHEN 'string' THEN {of}.content #>> '{{}}' ELSE (
    SELECT string_agg(CASE jsonb_typeof(m -> 'content') WHEN 'string' THEN m ->> 'content' WHEN 'array' THEN (
        SELECT string_agg(part ->> 'text', '') FROM jsonb_array_elements(m -> 'content') AS part) END, '')
    FROM jsonb_array_elements({of}.content) AS m) END"""
LENGTHS = ", ".join(f"coalesce(length({TEXT.format(of=one)}), 0) AS {one}_length" for one in ("x", "y"))
# Headings, list items, quotations, emphasis and fences of code.
MARKS = r"(^|\n)\s*(#{1,6}|[-*+>]|\d+[.)])\s|\*\*|```"

MEETINGS = """
SELECT x_name, x_version, y_name, y_version, count(*) FILTER (WHERE won = 'x'), count(*) FILTER (WHERE won = 'y'),
    count(*) FILTER (WHERE won = 'tie'), count(*) FILTER (WHERE won = 'both_bad'), longer
FROM (
    SELECT x.model_name AS x_name, x.model_version AS x_version, y.model_name AS y_name, y.model_version AS y_version,
        CASE j.chosen_id WHEN j.first_id THEN 'x' WHEN j.second_id THEN 'y' ELSE j.outcome END AS won,
        round({longer} * {steps}) / {steps} AS longer
    {current} AND x.model_name <> '' AND y.model_name <> ''
) AS battle
GROUP BY x_name, x_version, y_name, y_version, longer
"""
LONGER = f"""(SELECT coalesce((x_length - y_length)::float8 / nullif(x_length + y_length, 0), 0)
    FROM (SELECT {LENGTHS}) AS long)"""  # noqa: S608 - made of the expressions above

VALUES = {f"v{place}": f"count(*) FILTER (WHERE value = {value})::int" for place, value in enumerate(SCALE)} | {
    "bad": "count(*) FILTER (WHERE outcome = 'both_bad')::int"
}
# Items with equal answers are one row: of all, then of each language, then of each two models.
ITEMS = f"""
WITH item AS (
    SELECT first_id, second_id, prompt_id, {", ".join(f"{count} AS {name}" for name, count in VALUES.items())},
        array_agg(source_id) AS raters
    FROM (
        -- The latest word of each.
        SELECT DISTINCT ON (j.first_id, j.second_id, j.source_id)
            j.first_id, j.second_id, j.prompt_id, j.source_id, j.outcome, CASE j.outcome WHEN 'tie' THEN 0
            WHEN 'chosen' THEN coalesce(j.strength, 2) * CASE j.chosen_id WHEN j.first_id THEN 1 ELSE -1 END
            END AS value
        {JUDGED.format(outputs="")} ORDER BY j.first_id, j.second_id, j.source_id, j.id DESC
    ) AS vote GROUP BY first_id, second_id, prompt_id HAVING count(*) > 1
), told AS MATERIALIZED (
    SELECT item.*, p.metadata ->> 'language' AS language,
        CASE WHEN x_model <> '' AND y_model <> '' THEN least(x_model, y_model) || ' / ' || greatest(x_model, y_model)
            END AS models
    FROM item {OUTPUTS.format(of="item")}
    JOIN annotation_prompt p ON p.id = item.prompt_id
    CROSS JOIN LATERAL (SELECT btrim(x.model_name || ' ' || x.model_version) COLLATE "C",
        btrim(y.model_name || ' ' || y.model_version) COLLATE "C") AS model (x_model, y_model)
)
SELECT CASE grouping(language, models) WHEN 3 THEN '' WHEN 1 THEN 'language' ELSE 'models' END,
    coalesce(language, models, ''), {", ".join(VALUES)}, count(*),
    (SELECT count(DISTINCT rater) FROM told, unnest(raters) AS rater)
FROM told GROUP BY GROUPING SETS (({", ".join(VALUES)}), (language, {", ".join(VALUES)}), (models, {", ".join(VALUES)}))
"""  # noqa: S608 - made of the statements above

SAID = ("x", "y", "tie", "both_bad")
OF_OTHERS = "count(*) FILTER (WHERE says = '{0}') OVER pair - count(*) FILTER (WHERE says = '{0}') OVER own AS {0}"
WORK = f"""
WITH vote AS (
    SELECT j.source_id, j.first_id, j.second_id, coalesce(j.active_ms, j.duration_ms) / 1000.0 AS seconds,
        CASE j.chosen_id WHEN j.left_id THEN 'left' WHEN j.right_id THEN 'right' END AS side,
        CASE j.chosen_id WHEN j.first_id THEN 'x' WHEN j.second_id THEN 'y' ELSE j.outcome END AS says, {LENGTHS}
    {CURRENT}
), others AS (
    SELECT vote.*,
        {", ".join(map(OF_OTHERS.format, SAID))}
    FROM vote WINDOW pair AS (PARTITION BY first_id, second_id),
        own AS (PARTITION BY first_id, second_id, source_id)
), compared AS (
    SELECT others.*, CASE WHEN x > greatest(y, tie, both_bad) THEN 'x' WHEN y > greatest(x, tie, both_bad) THEN 'y'
        WHEN tie > greatest(x, y, both_bad) THEN 'tie' WHEN both_bad > greatest(x, y, tie) THEN 'both_bad'
        END AS most
    FROM others
)
SELECT source_id, count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds),
    count(*) FILTER (WHERE side = 'left'), count(*) FILTER (WHERE side = 'right'),
    count(*) FILTER (WHERE says = 'x' AND x_length > y_length OR says = 'y' AND y_length > x_length),
    count(*) FILTER (WHERE says = 'x' AND x_length < y_length OR says = 'y' AND y_length < x_length),
    count(*) FILTER (WHERE says = 'tie'), count(*) FILTER (WHERE says = 'both_bad'),
    count(*) FILTER (WHERE says = most), count(most)
FROM compared GROUP BY source_id ORDER BY count(*) DESC, source_id LIMIT {MOST_ANNOTATORS}
"""  # noqa: S608 - as above

# Who has judged golds or repeats from the queue under which name of a source.
MIXED_IN = """
SELECT j.source_id, max(n.id) FROM annotation_annotator n
JOIN annotation_assignment x ON x.annotator_id = n.id AND x.is_mixed_in AND x.state = 'judged'
JOIN annotation_judgment j ON j.assignment_id = x.id AND j.source_type = %(source)s
WHERE n.project_id = %(project)s GROUP BY j.source_id
"""

PERIODS = f"""
WITH vote AS (
    SELECT j.judged_at, coalesce(j.active_ms, j.duration_ms) / 1000.0 AS seconds,
        CASE j.chosen_id WHEN j.left_id THEN 'left' WHEN j.right_id THEN 'right' END AS side,
        CASE j.chosen_id WHEN j.first_id THEN 1 WHEN j.second_id THEN -1 ELSE 0 END AS won, {LENGTHS},
        regexp_count({TEXT.format(of="x")}, %(marks)s) AS x_marks,
        regexp_count({TEXT.format(of="y")}, %(marks)s) AS y_marks
    {CURRENT} ORDER BY j.id DESC LIMIT {MOST_LOOKED_AT}
)
SELECT date_trunc(%(period)s, judged_at, 'UTC') AS since, count(*),
    count(*) FILTER (WHERE side = 'left'), count(*) FILTER (WHERE side = 'right'),
    count(*) FILTER (WHERE won * (x_length - y_length) > 0), count(*) FILTER (WHERE won * (x_length - y_length) < 0),
    count(*) FILTER (WHERE won * (x_marks - y_marks) > 0), count(*) FILTER (WHERE won * (x_marks - y_marks) < 0),
    count(*) FILTER (WHERE seconds < {FAST_SECONDS}),
    count(*) FILTER (WHERE seconds < {FAST_SECONDS} AND side = 'left'),
    count(*) FILTER (WHERE seconds < {FAST_SECONDS} AND side = 'right'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds)
FROM vote GROUP BY since ORDER BY since
"""  # noqa: S608 - as above


class TooLongError(Exception):
    """There are too many votes to be counted while somebody waits."""

    def __init__(self) -> None:
        super().__init__(
            f"Counting was broken off after {MOST_SECONDS} s. Ask about a shorter time (“since”, “until”)."
        )


@dataclass(frozen=True)
class Asked:
    """Whose votes, and of which time: from `since` on, before `until`."""

    source: str = SourceType.HUMAN
    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def parameters(self, project: Project) -> dict[str, Any]:
        """As the statements take it."""
        return {"project": project.pk, "source": self.source, "since": self.since, "until": self.until}


def meetings(project: Project, asked: Asked, *, by_length: bool = False) -> list[Met]:
    """How models did against each other; `by_length` in steps of how much longer one answer is."""
    query = MEETINGS.format(longer=LONGER if by_length else "0::float8", current=CURRENT, steps=STEPS)
    return [
        Met(Model(x_name, x_version), Model(y_name, y_version), *counts)
        for x_name, x_version, y_name, y_version, *counts in _rows(query, asked.parameters(project))
    ]


@dataclass(frozen=True)
class Agreed:
    """How far people agree: in all, and by the name of each slice, the largest of them."""

    whole: Agreement
    raters: int
    by: dict[str, dict[str, Agreement]]


def agreement(project: Project, asked: Asked) -> Agreed:
    """How far those who judged the same two outputs agree."""
    found: dict[str, dict[str, list[tuple[int, ...]]]] = {"": {}, "language": {}, "models": {}}
    rows = _rows(ITEMS, asked.parameters(project))
    for part, name, *counts, _ in rows:
        found[part].setdefault(name, []).append(tuple(counts))
    raters = rows[0][-1] if rows else 0
    whole = _agree(found.pop("").get("", []))
    return Agreed(whole, raters, {part: _largest(slices) for part, slices in found.items()})


def _largest(slices: dict[str, list[tuple[int, ...]]]) -> dict[str, Agreement]:
    """The agreement of the largest slices that have a name, those with most items first."""
    named = [name for name in slices if name]
    largest = sorted(named, key=lambda name: (-sum(row[-1] for row in slices[name]), name))[:MOST_SLICES]
    return {name: _agree(slices[name]) for name in largest}


def _agree(rows: list[tuple[int, ...]]) -> Agreement:
    table = np.array(rows, np.int64).reshape(-1, len(VALUES) + 1)
    return agree(table[:, :-1], table[:, -1])


def work(project: Project, asked: Asked) -> list[Work]:
    """How each annotator judged, whoever judged most first."""
    parameters = asked.parameters(project)
    annotators = dict(_rows(MIXED_IN, parameters))
    checks = golds.check_annotators(list(annotators.values()))
    works = []
    for name, *counts in _rows(WORK, parameters):
        check = checks[annotators[name]] if name in annotators else golds.Checks()
        counts += [check.golds, check.right, check.repeats, check.same]
        works.append(Work(name, *counts))
    return works


def periods(project: Project, asked: Asked, *, period: str) -> list[Period]:
    """What judgments lean to in each `day` or `week` (UTC) that has some."""
    return [Period(*row) for row in _rows(PERIODS, {**asked.parameters(project), "period": period, "marks": MARKS})]


def _rows(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{round(1000 * MOST_SECONDS)}ms"])
        try:
            cursor.execute(query, parameters)
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise TooLongError from None
            raise
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
