"""Read: the picked pairs and the audited judgments with their texts, in the final order, by one chunk at a time.

Texts go from the database into Arrow buffers and never become Python objects. By chunks the database sorts ids only,
and the memory of both sides is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from exports.pipeline.formats import Format
from exports.pipeline.session import Session

# x and y are the chosen and the rejected output, or a and b where there is no winner; of a rated output, both are it.
PAIRS = """
SELECT k.test, k.in_pairs, k.in_decided, k.in_rated, pg_temp.shown(k.pair_id) AS pair_id, k.request_id, k.source,
    k.winner, k.agreement, k.last_position, k.votes_tie, k.votes_both_bad,
    CASE WHEN b_won THEN k.votes_b ELSE k.votes_a END AS votes_x,
    CASE WHEN b_won THEN k.votes_a ELSE k.votes_b END AS votes_y,
    CASE WHEN b_won THEN k.score_b ELSE k.score_a END AS score_x,
    CASE WHEN b_won THEN k.score_a ELSE k.score_b END AS score_y,
    btrim(x.model_name || ' ' || x.model_version) AS model_x,
    btrim(y.model_name || ' ' || y.model_version) AS model_y,
    pg_temp.roles(p.content, 'user') AS prompt_roles, pg_temp.texts(p.content) AS prompt_texts,
    pg_temp.roles(x.content, 'assistant') AS x_roles, pg_temp.texts(x.content) AS x_texts,
    pg_temp.roles(y.content, 'assistant') AS y_roles, pg_temp.texts(y.content) AS y_texts{wanted}
FROM picked k
CROSS JOIN LATERAL (SELECT k.winner = 'b') AS w (b_won)
JOIN annotation_prompt p ON p.id = k.prompt_id
JOIN annotation_candidate x ON x.id = CASE WHEN b_won THEN k.b_id ELSE k.a_id END
JOIN annotation_candidate y ON y.id = CASE WHEN b_won THEN k.a_id ELSE k.b_id END{votes}
WHERE k.chunk = {{chunk:d}}
ORDER BY k.ordinal
"""
# What only some formats want is read for them alone: each column takes its share of the time.
WANTED = {
    "outputs": "ARRAY[x.output_id, y.output_id]::text[]",
    "judge": "k.judge",
    "judged_at": "k.judged_at",
    "language": "k.language",
    "subset": "coalesce(p.metadata ->> 'subset', k.language, 'all')",
    "edited": "coalesce(x.edit_event_id, y.edit_event_id) IS NOT NULL",
    "margin": """coalesce(CASE WHEN b_won THEN pg_temp.difference(k.score_b, k.score_a)
            ELSE pg_temp.difference(k.score_a, k.score_b) END,
        (k.strength_sum + k.winning - k.strong)::float8 / (3 * k.winning))""",
    "strength": "k.strength_sum::float8 / nullif(k.strong, 0)",
    "vote_scores": "single.scores",
    "vote_reasons": "single.reasons",
}
VOTES = """
CROSS JOIN LATERAL (
    SELECT array_agg(CASE v.says WHEN 'a' THEN -coalesce(v.strength, 2) WHEN 'b' THEN coalesce(v.strength, 2) ELSE 0 END
            ORDER BY v.position, v.a_index, v.b_index) AS scores,
        array_agg(f.body ->> 'rationale' ORDER BY v.position, v.a_index, v.b_index) AS reasons
    FROM vote v JOIN annotation_judgment j ON j.id = v.judgment_id JOIN annotation_feedback f ON f.id = j.feedback_id
    WHERE v.pool_id = k.pool_id) AS single"""


def read_pairs(formats: Iterable[Format]) -> str:
    """The query for a chunk (of `{chunk}`) of pairs, with the columns that these formats want."""
    wanted: set[str] = set().union(*(format_.reads for format_ in formats))
    columns = "".join(f",\n    {WANTED[name]} AS {name}" for name in WANTED if name in wanted)
    return PAIRS.format(wanted=columns, votes=VOTES if wanted & {"vote_scores", "vote_reasons"} else "")


JUDGMENTS = """
SELECT k.test, k.position, pg_temp.shown(k.pool_id) AS pair_id, j.uid::text AS judgment_id, f.request_id,
    c.uid::text AS comparison_id, f.feedback_id, f.kind, j.source_type, j.source_id, j.source_version, j.outcome,
    chosen.output_id AS chosen, rejected.output_id AS rejected,
    array_remove(ARRAY[c1.output_id, c2.output_id], NULL)::text[] AS outputs,
    CASE j.left_id WHEN c1.id THEN ARRAY[c1.output_id, c2.output_id] WHEN c2.id THEN ARRAY[c2.output_id, c1.output_id]
        END::text[] AS presented,
    j.strength, j.value, j.scores::text AS scores, j.criteria::text AS criteria, j.confidence,
    f.body ->> 'rationale' AS rationale, f.body ->> 'principle' AS principle, f.body ->> 'critique' AS critique,
    j.duration_ms, j.active_ms, j.judged_at, j.surplus, g.version AS guidelines_version,
    array_remove(ARRAY[btrim(c1.model_name || ' ' || c1.model_version),
        btrim(c2.model_name || ' ' || c2.model_version)], NULL)::text[] AS models,
    array_remove(ARRAY[c1.digest, c2.digest], NULL)::text[] AS output_digests, p.digest AS prompt_digest,
    p.metadata ->> 'language' AS language, l.uid::text AS lease_id, f.propensity
FROM audit k
JOIN annotation_judgment j ON j.id = k.judgment_id
JOIN annotation_feedback f ON f.id = j.feedback_id
JOIN annotation_prompt p ON p.id = j.prompt_id
JOIN annotation_candidate c1 ON c1.id = j.first_id
LEFT JOIN annotation_candidate c2 ON c2.id = j.second_id
LEFT JOIN annotation_candidate chosen ON chosen.id = j.chosen_id
LEFT JOIN annotation_candidate rejected ON rejected.id = j.rejected_id
LEFT JOIN annotation_comparison c ON c.id = j.comparison_id
LEFT JOIN annotation_assignment l ON l.id = j.assignment_id
LEFT JOIN annotation_guidelineversion g ON g.id = j.guidelines_id
WHERE k.chunk = {chunk:d}
ORDER BY k.ordinal
"""

# Every pair that a rule dropped, by ids alone. The id of an erased one was made of digests that are gone.
DROPPED = """
SELECT rule, NULL::text AS format, pg_temp.shown(pair_id) AS pair_id, request_id,
    CASE WHEN rated THEN ARRAY[a_output] ELSE ARRAY[a_output, b_output] END::text[] AS outputs,
    winner, agreement, last_position
FROM (
    SELECT k.rule, k.pair_id, k.request_id, k.rated, a.output_id AS a_output, b.output_id AS b_output, k.winner,
        k.agreement, k.last_position, k.prompt_position
    FROM curated k
    JOIN annotation_candidate a ON a.id = k.a_id
    JOIN annotation_candidate b ON b.id = k.b_id
    WHERE k.rule IS NOT NULL
    UNION ALL SELECT 'erased', NULL, request_id, rated, a_output, b_output, NULL, NULL, last_position, prompt_position
    FROM erased
) AS dropped
ORDER BY prompt_position, pair_id, a_output, b_output, rated
"""

# By its last row, which the index knows.
SIZE = """
SELECT coalesce(max(ordinal) + 1, 0) AS rows, coalesce(max(chunk) + 1, 0)::int AS chunks
FROM (SELECT ordinal, chunk FROM {table} ORDER BY chunk DESC, ordinal DESC LIMIT 1) AS last
"""


@dataclass(frozen=True)
class Size:
    """How large a table of ordered rows is."""

    rows: int
    chunks: int


def size_of(session: Session, table: str) -> Size:
    """The size of `picked` or `audit`."""
    return Size(**session.rows(SIZE.format(table=table))[0])
