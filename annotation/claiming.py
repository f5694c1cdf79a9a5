"""Taking the next comparison, at a cost that grows neither with the queue nor with what is done. For queue.

An annotator walks the queue in its order and remembers the place: nothing before it is both wanted and new to this
annotator. What opens before the place later (given back, more judgments wanted, a new priority, a late commit) is found
by the transaction that opened it: the walk also remembers which transactions it has seen, as a snapshot of PostgreSQL.
Whoever gets other tags begins anew.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from annotation import leasing, prepared
from annotation.models import Annotator, Assignment, Project

# The places of each order, in the words of its index.
ORDERS = {
    Project.Order.FIFO: ("0 - c.priority", "c.id"),
    Project.Order.RANDOM: ("0 - c.priority", "c.shuffle", "c.id"),
    Project.Order.LEAST_JUDGED: ("0 - c.priority", "c.taken", "c.id"),
}
FIRST, LAST = -(2**31), 2**63 - 1

# When more than this many opened behind the place, walking again from the beginning is cheaper than looking at each.
MOST_OPENED = 1_000

# OFFSET 0 keeps the planner from joining with everything that the annotator ever touched.
WANTED = """
c.project_id = %(project)s AND c.taken < c.overlap AND NOT EXISTS (
    SELECT FROM annotation_assignment x
    WHERE x.comparison_id = c.id AND x.annotator_id = %(annotator)s AND x.state IN ('leased', 'judged', 'skipped')
    OFFSET 0)
  AND (c.requires IS NULL
    OR c.requires <@ (SELECT n.tags FROM annotation_annotator n WHERE n.id = %(annotator)s))
  AND (c.reserved_for_id IS NULL OR c.reserved_for_id = %(annotator)s)
"""
# A restored database counts its transactions anew; it cannot have been started at the same moment.
SERVER = "extract(epoch FROM pg_postmaster_start_time())::text"
THIS = "pg_current_xact_id()::text::bigint"

WALK = """
WITH held AS MATERIALIZED (
    SELECT count(*) AS live FROM annotation_assignment x WHERE x.annotator_id = %(annotator)s AND x.state = 'leased'
), walk AS MATERIALIZED (
    SELECT {stored}, (n.walk->>'seen')::pg_snapshot AS seen, (n.walk->>'by')::bigint AS by
    FROM annotation_annotator n, held
    WHERE n.id = %(annotator)s AND n.walk->>'order' = %(order)s AND n.walk->>'server' = {server}
      AND held.live < %(count)s
), opened AS MATERIALIZED (
    -- A transaction's own changes are never seen for good: it may make more of them.
    SELECT c.id FROM annotation_comparison c
    WHERE c.project_id = %(project)s AND c.taken < c.overlap
      AND c.opened >= (SELECT pg_snapshot_xmin(seen)::text::bigint FROM walk)
      AND c.opened <= greatest(
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_current_xact_id_if_assigned()::text::bigint)
      AND (c.opened = (SELECT by FROM walk)
        OR NOT pg_visible_in_snapshot(c.opened::text::xid8, (SELECT seen FROM walk)))
    LIMIT {most_opened} + 1
), start AS MATERIALIZED (
    SELECT {from_start}, w.seen, w.by
    FROM held CROSS JOIN (SELECT count(*) AS n FROM opened) o LEFT JOIN walk w ON o.n <= {most_opened}
    WHERE held.live < %(count)s
), behind AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM annotation_comparison c
        WHERE c.id = ANY (ARRAY(SELECT id FROM opened)) AND {wanted} AND ({place}) < (SELECT {names} FROM start)
    ) AS waits
)
"""

CLAIM = """
, returned AS MATERIALIZED (
    SELECT c.id, c.a_id, c.b_id, c.taken, c.lefts FROM annotation_comparison c
    WHERE (SELECT waits FROM behind)
      AND c.id = ANY (ARRAY(SELECT id FROM opened)) AND {wanted} AND ({place}) < (SELECT {names} FROM start)
    ORDER BY {place} LIMIT 1 FOR NO KEY UPDATE OF c {wait}
), walked AS MATERIALIZED (
    SELECT c.id, c.a_id, c.b_id, c.taken, c.lefts FROM annotation_comparison c
    WHERE NOT EXISTS (SELECT FROM returned) AND {wanted} AND ({place}) >= (SELECT {names} FROM start)
    ORDER BY {place} LIMIT 1 FOR NO KEY UPDATE OF c {wait}
), reached AS MATERIALIZED (
    -- Without regard to locks: what others hold in this moment may be left over.
    SELECT {columns} FROM annotation_comparison c
    WHERE NOT EXISTS (SELECT FROM returned) AND {wanted} AND ({place}) >= (SELECT {names} FROM start)
    ORDER BY {place} LIMIT 1
), sided AS MATERIALIZED (
    -- First what evens out the comparison, then what would, should those answer yet whose leases expired, then what
    -- evens out this annotator's work, then chance.
    SELECT picked.*, false AS is_mixed_in, CASE
        WHEN 2 * picked.lefts <> picked.taken THEN 2 * picked.lefts < picked.taken
        WHEN late.lead <> 0 THEN late.lead < 0
        WHEN n.side_balance <> 0 THEN n.side_balance < 0
        ELSE random() < 0.5 END AS a_left
    FROM (SELECT * FROM returned UNION ALL SELECT * FROM walked) picked, annotation_annotator n, LATERAL (
        SELECT coalesce(sum(CASE WHEN x.left_id = picked.a_id THEN 1 ELSE -1 END), 0) AS lead
        FROM annotation_assignment x
        WHERE x.comparison_id = picked.id AND x.state = 'expired' AND x.annotator_id <> n.id
    ) late
    WHERE n.id = %(annotator)s
), counted AS (
    UPDATE annotation_comparison c SET taken = c.taken + 1, lefts = c.lefts + sided.a_left::int
    FROM sided WHERE c.id = sided.id
), remembered AS (
    UPDATE annotation_annotator n SET
        side_balance = n.side_balance + coalesce((SELECT CASE WHEN a_left THEN 1 ELSE -1 END FROM sided), 0),
        walk = jsonb_build_object(
            'order', %(order)s::text, 'server', {server},
            'place', CASE WHEN EXISTS (SELECT FROM returned) THEN (SELECT jsonb_build_array({names}) FROM start)
                ELSE coalesce((SELECT jsonb_build_array({names}) FROM reached), jsonb_build_array({end})) END,
            'seen', CASE WHEN behind.waits THEN start.seen ELSE pg_current_snapshot() END::text,
            'by', CASE WHEN behind.waits THEN start.by ELSE {this} END)
    FROM start, behind WHERE n.id = %(annotator)s
)
"""

# Whether CLAIM would find something, but for what others have locked.
HAS_MORE = """
SELECT coalesce((SELECT waits FROM behind), false) OR (
    SELECT c.id FROM annotation_comparison c
    WHERE {wanted} AND ({place}) >= (SELECT {names} FROM start) ORDER BY {place} LIMIT 1) IS NOT NULL
"""

AHEAD = """
SELECT (SELECT live FROM held),
  (SELECT count(*) FROM (
      SELECT FROM annotation_comparison c
      WHERE {wanted} AND ({place}) >= (SELECT {names} FROM start) LIMIT %(at_most)s) ahead)
  + (SELECT count(*) FROM annotation_comparison c
      WHERE c.id = ANY (ARRAY(SELECT id FROM opened)) AND {wanted} AND ({place}) < (SELECT {names} FROM start)),
  (SELECT count(*) FROM annotation_assignment x
    WHERE x.annotator_id = %(annotator)s AND x.state = 'judged'
      AND x.ended_at >= date_trunc('day', now(), 'UTC'))
"""


def look_ahead(annotator: Annotator, *, at_most: int) -> tuple[int, int, int]:
    """How many comparisons an annotator holds; how many would be offered, counted up to about `at_most`; how many were
    judged since midnight (UTC).
    """
    project = annotator.project
    parameters = {"project": project.pk, "annotator": annotator.pk, "order": project.order, "count": LAST}
    ((held, ahead, today),) = prepared.run(
        STATEMENTS[Project.Order(project.order)].ahead, {**parameters, "at_most": at_most}
    )
    return held, ahead, today


def has_more(annotator: Annotator, *, count: int) -> bool:
    """Whether an annotator that holds fewer than `count` would be offered another comparison."""
    project = annotator.project
    parameters = {"project": project.pk, "annotator": annotator.pk, "order": project.order, "count": count}
    ((more,),) = prepared.run(STATEMENTS[Project.Order(project.order)].has_more, parameters)
    return bool(more)


def claim(
    annotator: Annotator, *, count: int, may_wait: bool, known: Collection[uuid.UUID] = ()
) -> tuple[bool, list[Assignment]]:
    """Lease the next comparison to an annotator that holds fewer than `count`.

    Returns whether there was one, and the leases now held, oldest first, with comparison, prompt and candidates (not
    those of `known` leases). The annotator's row must be locked. With `may_wait` it waits for what others are taking
    just now rather than find nothing: they may leave a slot.
    """
    order = Project.Order(annotator.project.order)
    parameters = {**leasing.parameters(annotator, known), "order": order, "count": count}
    claimed, held = leasing.run(STATEMENTS[order].claim, annotator, parameters)
    if may_wait and len(held) < count and not claimed:
        return leasing.run(STATEMENTS[order].waiting_claim, annotator, parameters)
    return claimed, held


@dataclass(frozen=True)
class Statements:
    """The statements of one order."""

    claim: str
    waiting_claim: str
    ahead: str
    has_more: str

    @classmethod
    def of(cls, order: Project.Order) -> Statements:
        """Fill in the places of an order."""
        place = ORDERS[order]
        names = [f"p{n}" for n in range(len(place))]
        parts = {
            "columns": ", ".join(f"{column} AS {name}" for column, name in zip(place, names, strict=True)),
            "end": ", ".join([str(LAST)] * len(names)),
            "from_start": ", ".join(f"coalesce(w.{name}, {FIRST}) AS {name}" for name in names),
            "most_opened": MOST_OPENED,
            "names": ", ".join(names),
            "place": ", ".join(place),
            "server": SERVER,
            "stored": ", ".join(f"(n.walk->'place'->>{n})::bigint AS {name}" for n, name in enumerate(names)),
            "this": THIS,
            "wanted": WANTED,
        }
        claim = WALK + CLAIM
        return cls(
            claim=claim.format(wait="SKIP LOCKED", **parts) + leasing.LEASE,
            waiting_claim=claim.format(wait="", **parts) + leasing.LEASE,
            ahead=(WALK + AHEAD).format(**parts),
            has_more=(WALK + HAS_MORE).format(**parts),
        )


STATEMENTS = {order: Statements.of(order) for order in Project.Order}
