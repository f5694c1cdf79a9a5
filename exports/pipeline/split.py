"""Split: train or test by the hash of seed and prompt digest, and the final order of all rows.

A prompt goes to test when annotation.canonical.stable_uniform(seed, digest) is below the share: nothing else takes
part, so it stands in the same split in every version of every recipe with that seed and share. Makes the temporary
tables `picked` (pairs) and `audit` (judgments), ordered and cut into chunks.
"""

from __future__ import annotations

from exports.pipeline.session import Session

CHUNK_ROWS = 5_000

PICKED = """
WITH ordered AS (
    SELECT sampled.*, row_number() OVER (ORDER BY test, prompt_position, pair_id) - 1 AS ordinal FROM sampled {of_pairs}
)
SELECT ordered.*, (ordinal / {chunk_rows:d})::int AS chunk FROM ordered
"""

AUDIT = """
WITH ordered AS (
    SELECT judgment_id, pool_id, guidelines_id, position, test,
        row_number() OVER (ORDER BY test, prompt_position, pool_id, position, a_index, b_index) - 1 AS ordinal
    FROM vote {of_judgments}
)
SELECT ordered.*, (ordinal / {chunk_rows:d})::int AS chunk FROM ordered
"""

WHOLE = {"of_pairs": "", "of_judgments": ""}
CHANGED = {
    "of_pairs": "JOIN (SELECT pair_id FROM held JOIN changed USING (id, kind)) AS changed USING (pair_id)",
    "of_judgments": "JOIN (SELECT judgment_id FROM held JOIN changed USING (id, kind)) AS changed USING (judgment_id)",
}

INDEX = "CREATE INDEX ON {table} (chunk, ordinal)"

COUNT = """
SELECT count(*) FILTER (WHERE NOT test) AS train_prompts, count(*) FILTER (WHERE test) AS test_prompts
FROM (SELECT DISTINCT prompt_digest, test FROM picked) AS prompts
"""


def split(session: Session, *, changed_only: bool = False, audited: bool = True) -> None:
    """Make `picked` and, if it is wanted, `audit`, of all rows or of those in `changed`."""
    of = CHANGED if changed_only else WHOLE
    for table, query in {"picked": PICKED, **({"audit": AUDIT} if audited else {})}.items():
        session.make(table, query.format(chunk_rows=CHUNK_ROWS, **of))
        session.run(INDEX.format(table=table))


def count_split(session: Session) -> dict[str, int]:
    """How many prompts each split has."""
    return session.rows(COUNT)[0]
