"""Mixing golds and flipped repeats into an annotator's work, by a chance that nobody can guess. For queue.

Nobody is given one who has nothing else left, so that nobody is made to judge golds for ever. What was given back comes
again before anything else, as other comparisons do that nobody took meanwhile: leaving is no way round it.
"""

from __future__ import annotations

import math
import secrets
import uuid
from collections.abc import Collection

from annotation import claiming, leasing, log, prepared
from annotation.models import Annotator, Assignment, Project

# A repeat comes when so many others were judged in between, at least.
APART = 20
# Chance picks among so many; a draw costs no more however many golds or judgments there are.
GOLDS_LOOKED_AT = 200
JUDGMENTS_LOOKED_AT = 200

chance = secrets.SystemRandom()

NEW_TO_ANNOTATOR = """NOT EXISTS (
    SELECT FROM annotation_assignment x
    WHERE x.comparison_id = {comparison} AND x.annotator_id = %(annotator)s
      AND x.state IN ('leased', 'judged', 'skipped')
    OFFSET 0)"""

GOLDS = """SELECT id, requires, reserved_for_id FROM annotation_comparison
        WHERE project_id = %(project)s AND kind = 'gold' AND NOT closed"""
# Evens out this annotator's work.
SIDE = "CASE WHEN n.side_balance <> 0 THEN n.side_balance < 0 ELSE random() < 0.5 END"
ROUTED = "(c.requires IS NULL OR c.requires <@ n.tags) AND (c.reserved_for_id IS NULL OR c.reserved_for_id = n.id)"
# Around the circle of all golds from a place that chance names.
GOLD = f"""
SELECT c.id, {SIDE}
FROM annotation_annotator n, (
    ({GOLDS} AND shuffle >= %(start)s ORDER BY shuffle LIMIT {GOLDS_LOOKED_AT})
    UNION ALL
    ({GOLDS} AND shuffle < %(start)s ORDER BY shuffle LIMIT {GOLDS_LOOKED_AT})
    LIMIT {GOLDS_LOOKED_AT}
) c
WHERE n.id = %(annotator)s AND {NEW_TO_ANNOTATOR.format(comparison="c.id")} AND {ROUTED}
ORDER BY random() LIMIT 1
"""  # noqa: S608 - made of numbers

# One that was made before and then given back is taken up again. Whoever closes the comparison for good comes after,
# and so finds its repeat.
REPEAT = f"""
WITH earlier AS MATERIALIZED (
    SELECT x.comparison_id, x.right_id, x.state, x.is_mixed_in FROM annotation_assignment x
    WHERE x.annotator_id = %(annotator)s AND x.state IN ('judged', 'surplus')
    ORDER BY x.ended_at DESC OFFSET %(apart)s LIMIT {JUDGMENTS_LOOKED_AT}
), picked AS MATERIALIZED (
    SELECT c.*, e.right_id = c.a_id AS a_left, r.id AS made_before
    FROM earlier e
    JOIN annotation_comparison c ON c.id = e.comparison_id
    LEFT JOIN annotation_comparison r
        ON r.repeats_id = c.id AND r.for_annotator_id = %(annotator)s AND r.kind = 'repeat'
    WHERE e.state = 'judged' AND NOT e.is_mixed_in AND NOT c.closed AND {NEW_TO_ANNOTATOR.format(comparison="r.id")}
    ORDER BY random() LIMIT 1 FOR SHARE OF c SKIP LOCKED
), made AS (
    INSERT INTO annotation_comparison (uid, project_id, prompt_id, a_id, b_id, kind, repeats_id, for_annotator_id,
        overlap, priority, shuffle, taken, judged, lefts)
    SELECT gen_random_uuid(), project_id, prompt_id, a_id, b_id, 'repeat', id, %(annotator)s, 0, 0, shuffle, 0, 0, 0
    FROM picked WHERE made_before IS NULL
    RETURNING id, uid, a_id, b_id
), told AS (
    {log.APPEND}
    SELECT gen_random_uuid(), %(project)s, 'comparisons.created', 'system', 'project:' || p.uid,
        jsonb_build_object('comparisons', jsonb_build_array(jsonb_build_object(
            'id', made.uid, 'outputs', jsonb_build_array(a.output_id, b.output_id), 'repeats', picked.uid,
            'for', n.name)))
    FROM made, picked, annotation_project p, annotation_annotator n, annotation_candidate a, annotation_candidate b
    WHERE p.id = %(project)s AND n.id = %(annotator)s AND a.id = made.a_id AND b.id = made.b_id
)
SELECT coalesce(made_before, (SELECT id FROM made)), a_left FROM picked
"""  # noqa: S608 - made of numbers

# The last one that was given back, unless it was answered late.
GIVEN_BACK = f"""
SELECT c.id, CASE c.kind WHEN 'gold' THEN {SIDE} ELSE x.left_id = c.a_id END
FROM annotation_assignment x
JOIN annotation_annotator n ON n.id = x.annotator_id
JOIN annotation_comparison c ON c.id = x.comparison_id
JOIN annotation_project p ON p.id = c.project_id
WHERE n.id = %(annotator)s AND x.is_mixed_in AND x.state IN ('released', 'expired')
  AND NOT c.closed AND {NEW_TO_ANNOTATOR.format(comparison="c.id")}
  AND CASE c.kind WHEN 'gold' THEN p.gold_rate ELSE p.repeat_rate END > 0 AND {ROUTED}
ORDER BY x.ended_at DESC, x.id DESC LIMIT 1
"""  # noqa: S608 - made of the statement above

PICKED = f"""
WITH sided AS MATERIALIZED (
    SELECT c.id, c.a_id, c.b_id, %(a_left)s::boolean AS a_left, true AS is_mixed_in
    FROM annotation_comparison c WHERE c.id = %(comparison)s AND NOT c.closed FOR SHARE SKIP LOCKED
), balanced AS (
    UPDATE annotation_annotator n SET side_balance = n.side_balance + CASE WHEN sided.a_left THEN 1 ELSE -1 END
    FROM sided WHERE n.id = %(annotator)s
) {leasing.LEASE}
"""  # noqa: S608 - made of the names of columns

COUNT = """
SELECT (SELECT count(*) FROM annotation_assignment x
        WHERE x.annotator_id = %(annotator)s AND x.is_mixed_in AND x.state IN ('leased', 'judged', 'skipped')),
    (SELECT count(*) FROM annotation_comparison c WHERE c.project_id = %(project)s AND c.kind = 'gold')
"""


def mix_in(annotator: Annotator, *, count: int, known: Collection[uuid.UUID] = ()) -> list[Assignment] | None:
    """Lease a gold or a repeat to an annotator that holds fewer than `count`: what was given back, or by chance, at the
    rates of the project.

    Returns the leases then held, as claiming.claim does; None when chance says no, or there is nothing that fits. The
    annotator's row must be locked, and what says whether it was interrupted up to date.
    """
    drawn = _draw(annotator.project)
    if not (annotator.interrupted or drawn) or not claiming.has_more(annotator, count=count):
        return None
    picked = None
    if annotator.interrupted:
        picked = _pick(annotator, GIVEN_BACK)
        if picked is None:
            annotator.interrupted = False
            Annotator.objects.filter(pk=annotator.pk).update(interrupted=False)
    if picked is None and drawn:
        picked = _pick(annotator, drawn)
    if picked is None:
        return None
    comparison, a_left = picked
    given = {**leasing.parameters(annotator, known), "comparison": comparison, "a_left": a_left}
    taken, held = leasing.run(PICKED, annotator, given)
    return held if taken else None


def _pick(annotator: Annotator, pick: str) -> tuple[int, bool] | None:
    """A comparison that a statement picks, and whether its output `a` is to stand left."""
    given = {**leasing.parameters(annotator), "start": chance.randrange(2**31), "apart": APART}
    for comparison, a_left in prepared.run(pick, given):
        return comparison, a_left
    return None


def _draw(project: Project) -> str | None:
    """The statement that picks what chance wants to be mixed in now."""
    drawn = chance.random()
    if drawn < project.gold_rate:
        return GOLD
    return REPEAT if drawn < project.gold_rate + project.repeat_rate else None


def count_mixed_in(annotator: Annotator) -> tuple[int, int]:
    """How many golds and repeats an annotator holds, judged or skipped; how many golds there are."""
    ((mixed_in, golds),) = prepared.run(COUNT, {"annotator": annotator.pk, "project": annotator.project_id})
    return mixed_in, golds


def count_to_come(gold_rate: float, repeat_rate: float, *, plain: int, mixed_in: int, golds: int) -> int:
    """How many golds and repeats are yet to be expected beside `plain` comparisons: hardly ever fewer than will come.

    So the total that is shown does not grow by each of them when it comes, which would tell it.
    """
    rate = gold_rate + repeat_rate
    most = (golds if gold_rate else 0) + (plain if repeat_rate else 0)
    if rate < 1:
        mean = plain * rate / (1 - rate)
        most = min(most, math.ceil(mean + 2 * math.sqrt(mean / (1 - rate))))
    return max(0, most - mixed_in)
