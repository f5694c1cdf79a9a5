"""Select: which judgments count, and which pair each of them is a vote on.

Makes the temporary tables `recipe` (one row: the only way in for texts) and `vote` (one row a judgment). Output a of a
pair is the one with the lower digest, so that the order says nothing about models or sides. One record of feedback may
judge many pairs; its votes are told apart by `position`, `a_index` and `b_index`.

A rating of one output is a vote on that output and itself: a is good, b is bad. Judgments of golds and repeats are no
votes. Also makes `erased`: what was left out for ever, by ids alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from annotation.analysis import golds
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.session import Session

TEXTS = pa.list_(pa.string())
COLUMNS = pa.schema(
    [
        ("project_id", pa.int64()),
        ("watermark", pa.int64()),
        ("since", pa.timestamp("us", "UTC")),
        ("until", pa.timestamp("us", "UTC")),
        ("models", TEXTS),
        ("languages", TEXTS),
        ("tags", TEXTS),
        ("user_id", pa.string()),
        ("annotators_exclude", TEXTS),
        ("merge", pa.string()),
        ("consensus", pa.string()),
        ("min_votes", pa.int64()),
        ("min_agreement", pa.float64()),
        ("drops", TEXTS),
        ("max_chars", pa.int64()),
        ("sample_limit", pa.int64()),
        ("per_prompt", pa.int64()),
        ("per_annotator", pa.int64()),
        ("per_model_pair", pa.int64()),
        ("longer_wins_at_most", pa.float64()),
        ("sample_seed", pa.string()),
        ("test_share", pa.float64()),
        ("split_seed", pa.string()),
    ]
)

# The judgments that a recipe selects, erased ones as well. Project and watermark stand in it as numbers, and conditions
# only where they are wanted: otherwise the planner takes a whole project for a handful of rows.
JUDGMENTS = """
FROM recipe r
CROSS JOIN annotation_judgment j
JOIN annotation_seal s ON s.event_id = j.event_id
JOIN annotation_prompt p ON p.id = j.prompt_id
-- Feedback may have come, and been sealed, before its prompt.
JOIN annotation_seal ps ON ps.event_id = p.event_id
JOIN annotation_candidate c1 ON c1.id = j.first_id
JOIN annotation_candidate c2 ON c2.id = coalesce(j.second_id, j.first_id)
CROSS JOIN LATERAL (
    SELECT (c2.digest COLLATE "C", c2.output_id COLLATE "C") < (c1.digest COLLATE "C", c1.output_id COLLATE "C")
) AS ordered (swapped)
WHERE j.project_id = {project_id:d} AND s.position <= {watermark:d} AND ps.position <= {watermark:d}
  AND NOT EXISTS (SELECT FROM retracted t WHERE t.target_id = j.feedback_id)
  AND NOT EXISTS (SELECT FROM annotation_comparison k WHERE k.id = j.comparison_id AND k.kind <> 'plain')
  AND j.source_type IN ({sources}){conditions}
"""
CONDITIONS = {
    "since": "j.judged_at >= r.since",
    "until": "j.judged_at < r.until",
    "annotators_exclude": "NOT j.source_id = ANY (r.annotators_exclude)",
    "user_id": "p.metadata ->> 'user_id' = r.user_id",
    "languages": "p.metadata ->> 'language' = ANY (r.languages)",
    "tags": "p.metadata -> 'tags' ?| r.tags",
    "models": """(c1.model_name = ANY (r.models) OR btrim(c1.model_name || ' ' || c1.model_version) = ANY (r.models))
  AND (c2.model_name = ANY (r.models) OR btrim(c2.model_name || ' ' || c2.model_version) = ANY (r.models))""",
}

# What was retracted by the watermark. A table of its own, so that the pass over the judgments can be a parallel one.
RETRACTED = """
SELECT t.target_id FROM recipe r
JOIN annotation_seal s ON s.project_id = r.project_id AND s.position <= r.watermark
JOIN annotation_retraction t ON t.event_id = s.event_id
"""
VOTES = """
WITH seen AS (
    SELECT j.id AS judgment_id, j.prompt_id, j.outcome, j.chosen_id, j.strength, j.scores, j.value,
        j.source_type, j.source_id, j.guidelines_id, j.judged_at, s.position, p.request_id,
        p.digest AS prompt_digest, ps.position AS prompt_position, r.merge, p.metadata ->> 'language' AS language,
        CASE WHEN swapped THEN c2.id ELSE c1.id END AS a_id,
        CASE WHEN swapped THEN c1.id ELSE c2.id END AS b_id,
        CASE WHEN swapped THEN c2.output_id ELSE c1.output_id END AS a_output,
        CASE WHEN swapped THEN c1.output_id ELSE c2.output_id END AS b_output,
        CASE WHEN swapped THEN c2.index ELSE c1.index END AS a_index,
        CASE WHEN swapped THEN c1.index ELSE c2.index END AS b_index,
        CASE WHEN swapped THEN c2.digest ELSE c1.digest END AS a_digest,
        CASE WHEN swapped THEN c1.digest ELSE c2.digest END AS b_digest,
        CASE WHEN swapped THEN c2.model_name ELSE c1.model_name END AS a_name,
        CASE WHEN swapped THEN c2.model_version ELSE c1.model_version END AS a_version,
        CASE WHEN swapped THEN c1.model_name ELSE c2.model_name END AS b_name,
        CASE WHEN swapped THEN c1.model_version ELSE c2.model_version END AS b_version,
        CASE WHEN j.outcome = 'chosen' THEN j.chosen_id = j.left_id END AS left_won,
        pg_temp.uniform(r.split_seed, p.digest) < r.test_share AS test,
        p.images OR c1.images OR c2.images AS images, c1.blank OR c2.blank AS blank
    {judgments} AND j.erasure_id IS NULL
)
SELECT judgment_id, prompt_id, prompt_position, prompt_digest, request_id, a_id, b_id, a_index, b_index,
    source_type, source_id, guidelines_id, judged_at, position, strength, language,
    CASE outcome WHEN 'chosen' THEN CASE chosen_id WHEN a_id THEN 'a' ELSE 'b' END
        WHEN 'rated' THEN CASE sign(value) WHEN 1 THEN 'a' WHEN -1 THEN 'b' ELSE 'tie' END
        ELSE outcome END AS says,
    coalesce(value::numeric, (scores ->> a_output)::numeric) AS score_a,
    coalesce(value::numeric, (scores ->> b_output)::numeric) AS score_b,
    -- As JSON, written out by hand in half the time.
    pg_temp.name(CASE merge
        WHEN 'content' THEN '["' || CASE a_id WHEN b_id THEN 'rating' ELSE 'content' END || '", "' || prompt_digest
            || '", "' || a_digest || '", "' || b_digest || '"]'
        ELSE '["comparison", ' || to_json(request_id) || ', "' || prompt_digest || '", ' || to_json(a_output) || ', "'
            || a_digest || '", ' || to_json(b_output) || ', "' || b_digest || '"]'
    END) AS pool_id,
    a_digest = b_digest AND a_id <> b_id AS identical,
    a_id = b_id AS rated,
    btrim(a_name || ' ' || a_version) COLLATE "C" AS a_model,
    btrim(b_name || ' ' || b_version) COLLATE "C" AS b_model,
    left_won, test, images, blank
FROM seen
"""
# The pairs that lost all their votes to erasures, as far as can still be told of them: what a recipe asks of a prompt's
# metadata they meet no more.
ERASED = """
SELECT p.request_id, ps.position AS prompt_position, c1.id = c2.id AS rated,
    least(c1.output_id COLLATE "C", c2.output_id COLLATE "C") AS a_output,
    greatest(c1.output_id COLLATE "C", c2.output_id COLLATE "C") AS b_output, max(s.position) AS last_position
{judgments} AND j.erasure_id IS NOT NULL
  AND NOT EXISTS (
    SELECT FROM vote v
    WHERE v.prompt_id = j.prompt_id
      AND v.a_id IN (c1.id, c2.id) AND v.b_id IN (c1.id, c2.id) AND v.rated = (c1.id = c2.id))
GROUP BY p.request_id, ps.position, c1.id, c2.id
"""

# As of the watermark, and by all golds that they judged: whatever else the recipe selects by.
DROP_FAILED = f"""
DELETE FROM vote USING (
    SELECT j.source_type, j.source_id
    FROM recipe r
    JOIN annotation_comparison c ON c.project_id = r.project_id AND c.kind = 'gold'
    JOIN annotation_judgment j ON j.comparison_id = c.id AND NOT j.surplus AND j.erasure_id IS NULL
    JOIN annotation_seal s ON s.event_id = j.event_id AND s.position <= r.watermark
    WHERE NOT EXISTS (SELECT FROM retracted t WHERE t.target_id = j.feedback_id)
    GROUP BY j.source_type, j.source_id
    HAVING count(*) >= {golds.LEAST_JUDGED}
      AND count(*) FILTER (WHERE j.chosen_id = c.gold_chosen_id) < {golds.LEAST_RIGHT} * count(*)
) failed
WHERE failed.source_type = vote.source_type AND failed.source_id = vote.source_id
"""  # noqa: S608 - made of numbers

# Each by itself: what is distinct is hashed, where several aggregates of one query would be sorted.
COUNT = """
SELECT (SELECT count(*) FROM vote) AS judgments,
    (SELECT count(*) FROM pool WHERE NOT rated) AS pairs,
    (SELECT count(*) FROM pool WHERE rated) AS rated_outputs,
    (SELECT count(*) FROM (SELECT DISTINCT prompt_digest FROM vote) AS prompts) AS prompts,
    (SELECT count(*) FROM (SELECT DISTINCT source_type, source_id FROM vote) AS judges) AS judges
"""


@dataclass(frozen=True)
class Scope:
    """What a selection reads: one project's facts up to a log position."""

    project_id: int
    watermark: int


def select(session: Session, recipe: RecipeBody, scope: Scope) -> dict[str, int]:
    """Make `recipe`, `vote` and `erased`; return how many judgments which rule dropped."""
    session.load("recipe", pa.Table.from_pylist([_row(recipe, scope)], schema=COLUMNS))
    session.make("retracted", RETRACTED)
    judgments = _judgments(recipe, scope)
    session.make("vote", VOTES.format(judgments=judgments))
    dropped = {"failed_gold": session.run(DROP_FAILED)} if recipe.exclude_failed_gold else {}
    session.make("erased", ERASED.format(judgments=judgments))
    return dropped


def count_selected(session: Session, dropped: dict[str, int]) -> dict[str, Any]:
    """How many judgments, pairs, prompts and judges were selected, and dropped; after the consensus."""
    return {**session.rows(COUNT)[0], **({"dropped": dropped} if dropped else {})}


def _judgments(recipe: RecipeBody, scope: Scope) -> str:
    """The selected judgments, for VOTES and ERASED."""
    wanted = [] if recipe.surplus else ["NOT j.surplus"]
    wanted += [condition for name, condition in CONDITIONS.items() if getattr(recipe, name)]
    return JUDGMENTS.format(
        project_id=scope.project_id,
        watermark=scope.watermark,
        sources=", ".join(f"'{source}'" for source in recipe.sources),  # names of a fixed set
        conditions="".join(f"\n  AND {condition}" for condition in wanted),
    )


def _row(recipe: RecipeBody, scope: Scope) -> dict[str, object]:
    given = recipe.model_dump(include=set(COLUMNS.names))
    return {
        **given,
        "project_id": scope.project_id,
        "watermark": scope.watermark,
        "drops": recipe.drop,
        **recipe.sample.model_dump(exclude={"limit", "seed"}),
        "sample_limit": recipe.sample.limit,
        "sample_seed": str(recipe.sample.seed),
        "test_share": recipe.split.test,
        "split_seed": str(recipe.split.seed),
    }
