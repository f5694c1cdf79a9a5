"""Sample: how many of the curated pairs, by a lottery whose tickets are hashes of seed and pair.

Makes the temporary table `sampled`: the pairs that are left, with `in_pairs` and `in_decided`. Formats that take ties
and formats that do not are drawn apart, so that each gets its whole limit and none depends on which others are built.
"""

from __future__ import annotations

from exports.pipeline.recipe import Sample
from exports.pipeline.session import Session

ALL = "CREATE TEMP TABLE sampled AS SELECT *, true AS in_pairs, decided AS in_decided FROM curated WHERE rule IS NULL"

DRAWN = """
CREATE TEMP TABLE sampled AS
WITH ticket AS (
    SELECT pair_id, prompt_digest, decided, pg_temp.hex(r.sample_seed || ' ' || pair_id) COLLATE "C" AS lot
    FROM curated, recipe r WHERE rule IS NULL
), of_prompt AS (
    SELECT pair_id, decided, lot,
        row_number() OVER (PARTITION BY prompt_digest ORDER BY lot) AS place,
        row_number() OVER (PARTITION BY prompt_digest, decided ORDER BY lot) AS decided_place
    FROM ticket
), kept AS (
    SELECT pair_id, lot,
        r.per_prompt IS NULL OR place <= r.per_prompt AS in_pairs,
        decided AND (r.per_prompt IS NULL OR decided_place <= r.per_prompt) AS in_decided
    FROM of_prompt, recipe r
), ranked AS (
    SELECT pair_id, in_pairs, in_decided,
        row_number() OVER (PARTITION BY in_pairs ORDER BY lot) AS place,
        row_number() OVER (PARTITION BY in_decided ORDER BY lot) AS decided_place
    FROM kept
), drawn AS (
    SELECT pair_id,
        in_pairs AND (r.sample_limit IS NULL OR place <= r.sample_limit) AS in_pairs,
        in_decided AND (r.sample_limit IS NULL OR decided_place <= r.sample_limit) AS in_decided
    FROM ranked, recipe r
)
SELECT * FROM curated JOIN drawn USING (pair_id) WHERE in_pairs OR in_decided
"""

COUNT = """
SELECT count(*) FILTER (WHERE in_pairs) AS pairs, count(*) FILTER (WHERE in_decided) AS decided FROM sampled
"""


def sample(session: Session, wanted: Sample) -> dict[str, int]:
    """Make `sampled`; return how many pairs (with or without a winner) and decided pairs it holds."""
    session.run(ALL if wanted.limit is None and wanted.per_prompt is None else DRAWN)
    return session.rows(COUNT)[0]
