"""Ending a live lease by a judgment, in one statement. For queue, which knows what to do with one that is not live.

Locks in the order of queue: annotator, lease, comparison.
"""

from __future__ import annotations

import uuid

from annotation import prepared
from annotation.loading import LoadedLease
from annotation.models import Annotator, Assignment

# What a judgment is written with.
WRITTEN = LoadedLease(prompt=("id", "request_id"), output=("id", "output_id", "digest"))

SETTLE = f"""
WITH mine AS MATERIALIZED (
    SELECT n.id FROM annotation_annotator n WHERE n.id = %(annotator)s FOR NO KEY UPDATE
), ended AS (
    UPDATE annotation_assignment x SET state = 'judged', ended_at = clock_timestamp()
    FROM mine WHERE x.annotator_id = mine.id AND x.uid = %(lease)s AND x.state = 'leased'
    RETURNING x.*
), counted AS (
    UPDATE annotation_comparison c SET judged = c.judged + 1 FROM ended
    WHERE c.id = ended.comparison_id AND NOT ended.is_mixed_in
), tallied AS (
    UPDATE annotation_annotator n SET judged = n.judged + 1 FROM ended WHERE n.id = ended.annotator_id
    RETURNING n.judged, n.interrupted
)
SELECT (SELECT judged FROM tallied), (SELECT interrupted FROM tallied), {WRITTEN.columns}
FROM ended l
JOIN annotation_comparison c ON c.id = l.comparison_id
JOIN annotation_prompt p ON p.id = c.prompt_id
JOIN annotation_candidate a ON a.id = l.left_id
JOIN annotation_candidate b ON b.id = l.right_id
"""  # noqa: S608 - made of the names of columns


def settle_live(annotator: Annotator, lease: uuid.UUID) -> Assignment | None:
    """Mark a live lease as judged; None when it is not live. The annotator's row is locked after it and up to date."""
    for judged, interrupted, *values in prepared.run(SETTLE, {"annotator": annotator.pk, "lease": lease}):
        annotator.judged, annotator.interrupted = judged, interrupted
        return WRITTEN.build(annotator, values)
    return None
