"""Curate: votes become pairs by consensus, and rules drop pairs; every drop has its rule.

Makes the temporary table `curated`: one row a pair with its winner and counts, and the rule that dropped it, if any.
Rules come in one order: min_votes, the consensus, min_agreement, then those that look at the outputs, then the one that
looks at other prompts.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from exports.pipeline.dawid_skene import OUTCOMES, UNDECIDED, weigh
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.rules import BY_TEXT, drop_across_splits, drop_by_text
from exports.pipeline.session import Session

POOLS = """
SELECT pool_id, bool_and(rated) AS rated, count(*)::int AS votes,
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
    -- Pooled by content, a pair stands under the first of its requests.
    (min(ARRAY[prompt_position, a_index, b_index, judgment_id]))[4] AS shown_id,
    max(position) AS last_position, max(judged_at) AS judged_at,
    string_agg(DISTINCT source_type, '+' ORDER BY source_type) AS source,
    CASE WHEN count(*) = 1 THEN min(source_id) END AS judge
FROM vote GROUP BY pool_id
"""

POOLED = """
WITH decided AS (
    SELECT pool.*, r.consensus, r.min_votes, r.min_agreement, CASE
        WHEN r.consensus = 'unanimous' THEN CASE votes
            WHEN votes_a THEN 'a' WHEN votes_b THEN 'b'
            WHEN votes_tie THEN 'tie' WHEN votes_both_bad THEN 'both_bad' END
        WHEN r.consensus = 'dawid_skene' AND NOT rated THEN weighed.winner
        WHEN votes_a > greatest(votes_b, votes_tie, votes_both_bad) THEN 'a'
        WHEN votes_b > greatest(votes_a, votes_tie, votes_both_bad) THEN 'b'
        WHEN votes_tie > greatest(votes_a, votes_b, votes_both_bad) THEN 'tie'
        WHEN votes_both_bad > greatest(votes_a, votes_b, votes_tie) THEN 'both_bad' END AS winner
    FROM pool LEFT JOIN weighed ON weighed.pool_id = pool.pool_id::text, recipe r
), measured AS (
    SELECT decided.*,
        CASE winner WHEN 'a' THEN votes_a WHEN 'b' THEN votes_b WHEN 'tie' THEN votes_tie
            WHEN 'both_bad' THEN votes_both_bad ELSE greatest(votes_a, votes_b, votes_tie, votes_both_bad)
            END::float8 / votes AS agreement,
        CASE winner WHEN 'a' THEN votes_a WHEN 'b' THEN votes_b END AS winning,
        CASE winner WHEN 'a' THEN strength_a WHEN 'b' THEN strength_b END AS strength_sum,
        CASE winner WHEN 'a' THEN strong_a WHEN 'b' THEN strong_b END AS strong
    FROM decided
)
SELECT m.pool_id AS pair_id, m.pool_id, request_id, prompt_id, prompt_position, prompt_digest, a_id, b_id, language,
    identical, test, images, blank, m.rated, winner, votes, votes_a, votes_b, votes_tie, votes_both_bad, agreement,
    winning, strength_sum, strong, m.score_a, m.score_b, last_position, last_position AS pool_position, m.judged_at,
    source, coalesce(judge, consensus || ' of ' || votes) AS judge,
    CASE
        WHEN votes < min_votes THEN 'min_votes'
        WHEN winner IS NULL THEN CASE consensus WHEN 'unanimous' THEN 'not_unanimous' ELSE 'no_majority' END
        WHEN agreement < min_agreement THEN 'min_agreement'
        WHEN m.rated AND winner = 'tie' THEN 'neutral' END AS rule
FROM measured m JOIN vote shown ON shown.judgment_id = m.shown_id
"""

# Each vote is a pair of its own, told apart by its place in the log and its outputs' in the request; the counts are
# still those of all votes on the two outputs.
EACH = """
WITH measured AS (
    SELECT v.*, pool.votes, votes_a, votes_b, votes_tie, votes_both_bad, pool.last_position AS pool_position,
        r.min_votes, r.min_agreement,
        CASE says WHEN 'a' THEN votes_a WHEN 'b' THEN votes_b WHEN 'tie' THEN votes_tie
            ELSE votes_both_bad END::float8 / pool.votes AS agreement
    FROM vote v JOIN pool USING (pool_id), recipe r
)
SELECT pg_temp.name(jsonb_build_array(pool_id, position, a_index, b_index)::text) AS pair_id, pool_id, request_id,
    prompt_id, prompt_position, prompt_digest, a_id, b_id, language, identical, test, images, blank, rated,
    says AS winner, votes, votes_a, votes_b, votes_tie, votes_both_bad, agreement, 1 AS winning,
    coalesce(strength, 0)::int AS strength_sum,
    (strength IS NOT NULL)::int AS strong,
    score_a::float8, score_b::float8, position AS last_position, pool_position, judged_at, source_type AS source,
    source_id AS judge,
    CASE WHEN votes < min_votes THEN 'min_votes' WHEN agreement < min_agreement THEN 'min_agreement'
        WHEN rated AND says = 'tie' THEN 'neutral' END AS rule
FROM measured
"""

CURATED = """
WITH pair AS ({pairs})
SELECT pair_id, pool_id, request_id, pair.prompt_id, prompt_position, prompt_digest, pair.a_id, pair.b_id, language,
    rated, winner, winner IN ('a', 'b') AS decided, votes, votes_a, votes_b, votes_tie, votes_both_bad, agreement,
    winning, strength_sum, strong, score_a, score_b, last_position, pool_position, judged_at, source, judge,
    test, coalesce(pair.rule, CASE
        WHEN images THEN 'multimodal'
        WHEN identical AND 'identical' = ANY (r.drops) THEN 'identical'
        WHEN blank AND 'empty' = ANY (r.drops) THEN 'empty' END{by_text}) AS rule
FROM pair {joined} CROSS JOIN recipe r
"""
WITHOUT_TEXTS = {"by_text": "", "joined": ""}
WITH_TEXTS = {
    "pairs": "SELECT * FROM pooled",
    "by_text": ", t.rule",
    "joined": "LEFT JOIN dropped_by_text t USING (prompt_id, a_id, b_id)",
}

VOTES = """
SELECT pool_id::text AS pool_id, source_type || ' ' || source_id AS judge, says FROM vote
WHERE NOT rated ORDER BY vote.pool_id, position, a_index, b_index
"""

VOTE = pa.schema([("pool_id", pa.string()), ("judge", pa.string()), ("says", pa.string())])
WEIGHED = pa.schema([("pool_id", pa.string()), ("winner", pa.string())])

DROPPED = """
SELECT rule, count(*) AS pairs FROM curated WHERE rule IS NOT NULL GROUP BY rule
UNION ALL SELECT 'erased', count(*) FROM erased HAVING count(*) > 0
ORDER BY rule
"""
COUNT = """
SELECT count(*) FILTER (WHERE NOT rated) AS pairs, count(*) FILTER (WHERE decided AND NOT rated) AS decided,
    count(*) FILTER (WHERE winner = 'tie') AS ties, count(*) FILTER (WHERE winner = 'both_bad') AS both_bad,
    count(*) FILTER (WHERE rated) AS rated_outputs
FROM curated WHERE rule IS NULL
"""


def curate(session: Session, recipe: RecipeBody) -> None:
    """Make `curated`."""
    session.make("pool", POOLS)
    session.load("weighed", _weigh(session) if recipe.consensus == "dawid_skene" else WEIGHED.empty_table())
    pairs = EACH if recipe.consensus == "each" else POOLED
    if BY_TEXT & set(recipe.drop):
        session.make("pooled", pairs)
        drop_by_text(session)
        session.make("curated", CURATED.format(**WITH_TEXTS))
    else:
        session.make("curated", CURATED.format(pairs=pairs, **WITHOUT_TEXTS))
    if "near_duplicate_across_splits" in recipe.drop:
        drop_across_splits(session)


def count_curated(session: Session) -> dict[str, Any]:
    """How many pairs are left and how many each rule dropped."""
    dropped = {row["rule"]: row["pairs"] for row in session.rows(DROPPED)}
    return {**session.rows(COUNT)[0], "dropped": dropped}


def _weigh(session: Session) -> pa.Table:
    """The outcome of each pool by Dawid and Skene; null where none is likelier than any other."""
    votes = pa.Table.from_batches(session.batches(VOTES), VOTE)
    if not votes.num_rows:
        return WEIGHED.empty_table()
    pools, judges = (_encoded(votes[name]) for name in ("pool_id", "judge"))
    says = pc.index_in(votes["says"].combine_chunks(), pa.array(OUTCOMES))
    outcomes = weigh(*(column.to_numpy().astype(np.int64) for column in (pools.indices, judges.indices, says)))
    winners = [None if outcome == UNDECIDED else OUTCOMES[outcome] for outcome in outcomes]
    return pa.table([pools.dictionary, pa.array(winners, pa.string())], schema=WEIGHED)


def _encoded(column: pa.ChunkedArray[Any]) -> pa.DictionaryArray[Any, Any]:
    """The column as numbers from 0, in the order of first appearance."""
    return cast("pa.DictionaryArray[Any, Any]", pc.dictionary_encode(column.combine_chunks()))
