"""Sample: how many of the curated pairs, by a lottery whose tickets are hashes of seed and pair.

Makes the temporary table `sampled`: what is left, with `in_pairs`, `in_decided` and `in_rated`. Pairs with and without
ties and rated outputs are drawn apart, so that each format gets its whole limit and none depends on which others are
built.

The limits apply one after the other, each to what the one before left, and each keeps the pairs with the lowest lots:
so a larger limit holds what a smaller one does.
"""

from __future__ import annotations

from exports.pipeline.recipe import Sample
from exports.pipeline.session import Session

ALL = """
SELECT *, NOT rated AS in_pairs, decided AND NOT rated AS in_decided, rated AS in_rated FROM curated WHERE rule IS NULL
"""
DRAWS = {"pairs": "NOT rated", "decided": "NOT rated AND decided", "rated": "rated"}

# longer_wins: null where neither output won, or both are equally long.
TICKETS = """
SELECT pair_id, pool_id, prompt_digest, test, rated, decided, source, judge,
    pg_temp.hex(r.sample_seed || ' ' || pair_id) COLLATE "C" AS lot,
    least(x.model, y.model) AS one_model, greatest(x.model, y.model) AS other_model,
    CASE WHEN decided AND length_a <> length_b THEN (winner = 'a') = (length_a > length_b) END AS longer_wins
FROM curated k CROSS JOIN recipe r
JOIN annotation_candidate a ON a.id = k.a_id
JOIN annotation_candidate b ON b.id = k.b_id
CROSS JOIN LATERAL (SELECT btrim(a.model_name || ' ' || a.model_version) COLLATE "C") AS x (model)
CROSS JOIN LATERAL (SELECT btrim(b.model_name || ' ' || b.model_version) COLLATE "C") AS y (model)
CROSS JOIN LATERAL (SELECT CASE WHEN r.longer_wins_at_most < 1 THEN pg_temp.characters(a.content) END,
    CASE WHEN r.longer_wins_at_most < 1 THEN pg_temp.characters(b.content) END OFFSET 0
) AS text (length_a, length_b)
WHERE rule IS NULL
"""

# A pair has as many places as judges, and needs all of them among the first. For the balance, a pair that the longer
# output won has to wait for so many that the shorter one won, in its split, that the share holds for whatever part of
# the order is taken.
DRAWN = """
WITH of_prompt AS (
    SELECT ticket.*, row_number() OVER (PARTITION BY prompt_digest ORDER BY lot) AS place FROM ticket WHERE {which}
), of_models AS (
    SELECT of_prompt.*, row_number() OVER (PARTITION BY one_model, other_model ORDER BY lot) AS model_place
    FROM of_prompt, recipe r WHERE r.per_prompt IS NULL OR place <= r.per_prompt
), left_by_models AS (
    SELECT of_models.* FROM of_models, recipe r WHERE r.per_model_pair IS NULL OR model_place <= r.per_model_pair
), judged AS (
    SELECT DISTINCT pair_id, lot, v.source_type, v.source_id
    FROM left_by_models l JOIN vote v USING (pool_id), recipe r
    WHERE r.per_annotator IS NOT NULL
      AND (r.consensus <> 'each' OR (v.source_type = l.source AND v.source_id = l.judge))
), of_judge AS (
    SELECT pair_id, row_number() OVER (PARTITION BY source_type, source_id ORDER BY lot) AS place FROM judged
), too_many AS (
    SELECT DISTINCT pair_id FROM of_judge, recipe r WHERE place > r.per_annotator
), sided AS (
    SELECT l.pair_id, test, lot, longer_wins,
        row_number() OVER (PARTITION BY test, longer_wins ORDER BY lot) AS place
    FROM left_by_models l WHERE NOT EXISTS (SELECT FROM too_many t WHERE t.pair_id = l.pair_id)
), balanced AS (
    SELECT s.pair_id, s.lot, coalesce(s.longer_wins, false) AS waits,
        CASE WHEN s.longer_wins THEN greatest(s.lot, short.lot) ELSE s.lot END AS turn
    FROM sided s CROSS JOIN recipe r CROSS JOIN LATERAL (SELECT r.longer_wins_at_most::numeric) AS most (share)
    LEFT JOIN sided short ON s.longer_wins AND NOT short.longer_wins AND short.test = s.test
        AND short.place = ceil(s.place * (1 - share) / nullif(share, 0))
    WHERE share IS NULL OR NOT coalesce(s.longer_wins, false) OR short.lot IS NOT NULL
), ranked AS (
    SELECT pair_id, row_number() OVER (ORDER BY turn, waits, lot) AS place FROM balanced
)
SELECT pair_id FROM ranked, recipe r WHERE r.sample_limit IS NULL OR place <= r.sample_limit
"""

SAMPLED = """
SELECT curated.*, p.pair_id IS NOT NULL AS in_pairs, d.pair_id IS NOT NULL AS in_decided,
    r.pair_id IS NOT NULL AS in_rated
FROM curated
LEFT JOIN drawn_pairs p USING (pair_id)
LEFT JOIN drawn_decided d USING (pair_id)
LEFT JOIN drawn_rated r USING (pair_id)
WHERE coalesce(p.pair_id, d.pair_id, r.pair_id) IS NOT NULL
"""

COUNT = """
SELECT count(*) FILTER (WHERE in_pairs) AS pairs, count(*) FILTER (WHERE in_decided) AS decided,
    count(*) FILTER (WHERE in_rated) AS rated_outputs
FROM sampled
"""


def sample(session: Session, wanted: Sample) -> None:
    """Make `sampled`."""
    if wanted.model_dump(exclude={"seed"}, exclude_none=True):
        with session.looking_up():
            session.make("ticket", TICKETS)
        for name, which in DRAWS.items():
            session.make(f"drawn_{name}", DRAWN.format(which=which))
        session.make("sampled", SAMPLED)
    else:
        session.view("sampled", ALL)


def count_sampled(session: Session) -> dict[str, int]:
    """How many pairs (with or without a winner), decided pairs and rated outputs are left."""
    return session.rows(COUNT)[0]
