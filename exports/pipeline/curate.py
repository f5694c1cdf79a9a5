"""Curate: votes become pairs by consensus, and rules drop pairs; every drop has its rule.

Makes the temporary table `curated`: one row a pair with its winner and counts, and the rule that dropped it, if any.
Rules come in one order: min_votes, the consensus, min_agreement, then those that look at the outputs.
"""

from __future__ import annotations

from typing import Any

from exports.pipeline.session import Session

POOLS = """
CREATE TEMP TABLE pool AS
SELECT pool_id, count(*)::int AS votes,
    count(*) FILTER (WHERE says = 'a')::int AS votes_a,
    count(*) FILTER (WHERE says = 'b')::int AS votes_b,
    count(*) FILTER (WHERE says = 'tie')::int AS votes_tie,
    count(*) FILTER (WHERE says = 'both_bad')::int AS votes_both_bad,
    coalesce(sum(strength) FILTER (WHERE says = 'a'), 0)::int AS strength_a,
    coalesce(sum(strength) FILTER (WHERE says = 'b'), 0)::int AS strength_b,
    count(strength) FILTER (WHERE says = 'a')::int AS strong_a,
    count(strength) FILTER (WHERE says = 'b')::int AS strong_b,
    -- numeric: its sums do not depend on the order of the rows
    avg(score_a)::float8 AS score_a, avg(score_b)::float8 AS score_b,
    max(position) AS last_position, max(judged_at) AS judged_at,
    string_agg(DISTINCT source_type, '+' ORDER BY source_type) AS source,
    CASE WHEN count(*) = 1 THEN min(source_id) END AS judge
FROM vote GROUP BY pool_id
"""

POOLED = """
CREATE TEMP TABLE pair AS
WITH shown AS (
    -- Pooled by content, a pair stands under the first of its requests.
    SELECT DISTINCT ON (pool_id) pool_id, request_id, prompt_id, prompt_position, prompt_digest, a_id, b_id, language,
        identical
    FROM vote ORDER BY pool_id, prompt_position, a_index, b_index
), decided AS (
    SELECT pool.*, r.consensus, r.min_votes, r.min_agreement, CASE
        WHEN r.consensus = 'unanimous' THEN CASE votes
            WHEN votes_a THEN 'a' WHEN votes_b THEN 'b'
            WHEN votes_tie THEN 'tie' WHEN votes_both_bad THEN 'both_bad' END
        WHEN votes_a > greatest(votes_b, votes_tie, votes_both_bad) THEN 'a'
        WHEN votes_b > greatest(votes_a, votes_tie, votes_both_bad) THEN 'b'
        WHEN votes_tie > greatest(votes_a, votes_b, votes_both_bad) THEN 'tie'
        WHEN votes_both_bad > greatest(votes_a, votes_b, votes_tie) THEN 'both_bad' END AS winner
    FROM pool, recipe r
), measured AS (
    SELECT decided.*,
        greatest(votes_a, votes_b, votes_tie, votes_both_bad)::float8 / votes AS agreement,
        CASE winner WHEN 'a' THEN votes_a WHEN 'b' THEN votes_b END AS winning,
        CASE winner WHEN 'a' THEN strength_a WHEN 'b' THEN strength_b END AS strength_sum,
        CASE winner WHEN 'a' THEN strong_a WHEN 'b' THEN strong_b END AS strong
    FROM decided
)
SELECT pool_id AS pair_id, pool_id, request_id, prompt_id, prompt_position, prompt_digest, a_id, b_id, language,
    identical, winner, votes, votes_a, votes_b, votes_tie, votes_both_bad, agreement, winning, strength_sum, strong,
    score_a, score_b, last_position, judged_at, source, coalesce(judge, consensus || ' of ' || votes) AS judge, CASE
        WHEN votes < min_votes THEN 'min_votes'
        WHEN winner IS NULL THEN CASE consensus WHEN 'unanimous' THEN 'not_unanimous' ELSE 'no_majority' END
        WHEN agreement < min_agreement THEN 'min_agreement' END AS rule
FROM measured JOIN shown USING (pool_id)
"""

# Each vote is a pair of its own, told apart by its place in the log and its outputs' in the request; the counts are
# still those of all votes on the two outputs.
EACH = """
CREATE TEMP TABLE pair AS
WITH measured AS (
    SELECT v.*, pool.votes, votes_a, votes_b, votes_tie, votes_both_bad, r.min_votes, r.min_agreement,
        CASE says WHEN 'a' THEN votes_a WHEN 'b' THEN votes_b WHEN 'tie' THEN votes_tie
            ELSE votes_both_bad END::float8 / pool.votes AS agreement
    FROM vote v JOIN pool USING (pool_id), recipe r
)
SELECT pg_temp.name(jsonb_build_array(pool_id, position, a_index, b_index)) AS pair_id, pool_id, request_id,
    prompt_id, prompt_position, prompt_digest, a_id, b_id, language, identical, says AS winner, votes, votes_a, votes_b,
    votes_tie, votes_both_bad, agreement, 1 AS winning, coalesce(strength, 0)::int AS strength_sum,
    (strength IS NOT NULL)::int AS strong,
    score_a::float8, score_b::float8, position AS last_position, judged_at, source_type AS source, source_id AS judge,
    CASE WHEN votes < min_votes THEN 'min_votes' WHEN agreement < min_agreement THEN 'min_agreement' END AS rule
FROM measured
"""

# Looks at each two outputs once, however many pairs they make.
BY_TEXT = """
CREATE TEMP TABLE dropped_by_text AS
WITH outputs AS MATERIALIZED (
    SELECT DISTINCT prompt_id, a_id, b_id, identical FROM pair WHERE rule IS NULL ORDER BY prompt_id, a_id, b_id
), judged AS (
    SELECT o.prompt_id, o.a_id, o.b_id, CASE
        WHEN pg_temp.has_images(p.content) OR pg_temp.has_images(a.content) OR pg_temp.has_images(b.content)
            THEN 'multimodal'
        WHEN 'identical' = ANY (r.drops) AND o.identical THEN 'identical'
        WHEN 'empty' = ANY (r.drops) AND (
            pg_temp.is_blank(pg_temp.whole_text(a.content)) OR pg_temp.is_blank(pg_temp.whole_text(b.content)))
            THEN 'empty'
        WHEN 'prefix' = ANY (r.drops) AND NOT o.identical AND (
            starts_with(pg_temp.whole_text(a.content), pg_temp.whole_text(b.content))
            OR starts_with(pg_temp.whole_text(b.content), pg_temp.whole_text(a.content))) THEN 'prefix'
        WHEN 'too_long' = ANY (r.drops) AND length(pg_temp.whole_text(p.content)) + greatest(
            length(pg_temp.whole_text(a.content)), length(pg_temp.whole_text(b.content))) > r.max_chars THEN 'too_long'
        END AS rule
    FROM outputs o
    JOIN annotation_prompt p ON p.id = o.prompt_id
    JOIN annotation_candidate a ON a.id = o.a_id
    JOIN annotation_candidate b ON b.id = o.b_id, recipe r
)
SELECT * FROM judged WHERE rule IS NOT NULL
"""

CURATED = """
CREATE TEMP TABLE curated AS
SELECT pair_id, pool_id, request_id, pair.prompt_id, prompt_position, prompt_digest, pair.a_id, pair.b_id, language,
    winner, winner IN ('a', 'b') AS decided, votes, votes_a, votes_b, votes_tie, votes_both_bad, agreement, winning,
    strength_sum, strong, score_a, score_b, last_position, judged_at, source, judge, coalesce(pair.rule, t.rule) AS rule
FROM pair LEFT JOIN dropped_by_text t USING (prompt_id, a_id, b_id)
"""

DROPPED = "SELECT rule, count(*) AS pairs FROM curated WHERE rule IS NOT NULL GROUP BY rule ORDER BY rule"
COUNT = """
SELECT count(*) AS pairs, count(*) FILTER (WHERE decided) AS decided,
    count(*) FILTER (WHERE winner = 'tie') AS ties, count(*) FILTER (WHERE winner = 'both_bad') AS both_bad
FROM curated WHERE rule IS NULL
"""


def curate(session: Session, consensus: str) -> dict[str, Any]:
    """Make `curated`; return how many pairs are left and how many each rule dropped."""
    session.run(POOLS)
    session.run(EACH if consensus == "each" else POOLED)
    session.run("ANALYZE pair")
    with session.looking_up():
        session.run(BY_TEXT)
    session.run(CURATED)
    dropped = {row["rule"]: row["pairs"] for row in session.rows(DROPPED)}
    return {**session.rows(COUNT)[0], "dropped": dropped}
