"""Handing out a comparison that was picked: the lease, its event, and all that the annotator then holds.

Also for annotation.queue, which is the only one to have leases handed out.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from annotation import log, prepared
from annotation.loading import LoadedLease
from annotation.models import Annotator, Assignment

# What a lease is shown by, unless whoever asks has it already. Of a comparison only what a claim does not change.
SHOWN = LoadedLease(prompt=("id", "request_id", "content", "tools"), output=("id", "output_id", "content", "digest"))

# To follow what picks, as `sided`: id, a_id, b_id, a_left, is_mixed_in of one comparison, or no row.
LEASE = f"""
, leased AS (
    INSERT INTO annotation_assignment
        (uid, comparison_id, annotator_id, left_id, right_id, state, is_mixed_in, leased_at, expires_at, reason)
    SELECT gen_random_uuid(), id, %(annotator)s, CASE WHEN a_left THEN a_id ELSE b_id END,
        CASE WHEN a_left THEN b_id ELSE a_id END, 'leased', is_mixed_in, now(),
        now() + make_interval(secs => %(seconds)s), ''
    FROM sided
    RETURNING *
), told AS (
    {log.APPEND} SELECT gen_random_uuid(), %(project)s, 'lease.taken', %(actor)s, 'lease:' || uid, '{{}}' FROM leased
)
SELECT l.is_new, {SHOWN.columns}
FROM (
    SELECT x.*, false AS is_new, x.uid = ANY (%(known)s::uuid[]) AS is_known FROM annotation_assignment x
    WHERE x.annotator_id = %(annotator)s AND x.state = 'leased'
    UNION ALL SELECT *, true, false FROM leased
) l
LEFT JOIN annotation_comparison c ON c.id = CASE WHEN NOT is_known THEN l.comparison_id END
LEFT JOIN annotation_prompt p ON p.id = c.prompt_id
LEFT JOIN annotation_candidate a ON a.id = CASE WHEN NOT is_known THEN l.left_id END
LEFT JOIN annotation_candidate b ON b.id = CASE WHEN NOT is_known THEN l.right_id END
ORDER BY l.id
"""  # noqa: S608 - made of the names of columns


def parameters(annotator: Annotator, known: Collection[uuid.UUID] = ()) -> dict[str, object]:
    """What LEASE needs to know; of `known` leases it gives the lease alone."""
    project = annotator.project
    return {
        "project": project.pk,
        "annotator": annotator.pk,
        "actor": f"annotator:{annotator.name}",
        "seconds": project.lease_seconds,
        "known": list(known),
    }


def run(statement: str, annotator: Annotator, given: Mapping[str, Any]) -> tuple[bool, list[Assignment]]:
    """Run a statement that ends with LEASE; return whether it handed one out, and the leases then held."""
    rows = prepared.run(statement, given)
    return any(is_new for is_new, *_ in rows), [SHOWN.build(annotator, values) for _, *values in rows]
