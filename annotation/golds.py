"""Golds: comparisons whose right answer is known, mixed into the work so that it shows who reads with care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from annotation import log
from annotation.analysis.golds import has_failed
from annotation.models import Candidate, Comparison, Project
from annotation.pairing import RuleError, Terms
from annotation.pairing.naming import name_pair

Kind = Comparison.Kind


class GoldError(Exception):
    """A comparison that cannot be a gold: which part of what was asked is wrong, and why."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part
        self.reason = reason


@transaction.atomic
def make(project: Project, *, request_id: str, outputs: Sequence[str], chosen: str, actor: str) -> Comparison:
    """The gold of two outputs of a request, of which `chosen` is right; outputs are named by their ids.

    Their comparison becomes one, if nobody was ever given it; without one, it is made. Doing it again changes nothing.
    Raises GoldError, whose part is `request_id`, `outputs` or `chosen`.
    """
    if len(outputs) != 2:
        raise GoldError("outputs", "must name two outputs")
    if chosen not in outputs:
        raise GoldError("chosen", "must be one of the two outputs")
    try:
        named, _ = name_pair(project, request_id, outputs, Terms(actor))
    except RuleError as error:
        raise GoldError(error.parameter, error.reason) from None
    comparison = Comparison.objects.select_related("a", "b").get(uid=named.uid)
    right = comparison.a if comparison.a.output_id == chosen else comparison.b
    return mark(comparison, right, actor=actor)


@transaction.atomic
def mark(comparison: Comparison, chosen: Candidate, *, actor: str) -> Comparison:
    """Make a comparison that nobody was ever given a gold, of which `chosen` is right. Doing it again changes nothing.

    Raises GoldError, whose part is `outputs` or `chosen`.
    """
    # Whoever is just taking it goes first.
    locked = Comparison.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    comparison = locked.get(pk=comparison.pk)
    if chosen.pk not in (comparison.a_id, comparison.b_id):
        raise GoldError("chosen", "must be one of the two outputs")
    if comparison.kind == Kind.GOLD:
        if comparison.gold_chosen_id != chosen.pk:
            raise GoldError("chosen", "the comparison is a gold already, and the other output is right")
        return comparison
    if comparison.kind == Kind.REPEAT:
        raise GoldError("outputs", "a repeat cannot be a gold")
    if comparison.closed:
        raise GoldError("outputs", "nobody is asked about this comparison any more")
    if comparison.assignments.exists():
        raise GoldError("outputs", "somebody was given this comparison already, so it cannot become a gold")
    comparison.kind, comparison.gold_chosen, comparison.overlap = Kind.GOLD, chosen, 0
    comparison.save(update_fields=["kind", "gold_chosen", "overlap"])
    payload = {"chosen": chosen.output_id}
    event = log.NewEvent("comparison.made_gold", actor, f"comparison:{comparison.uid}", payload)
    log.append(comparison.project, [event])
    return comparison


# Of each annotator no more are looked at, the latest first.
LOOKED_AT = 200

CHECKS = f"""
SELECT n.id,
    count(*) FILTER (WHERE c.kind = 'gold'),
    count(*) FILTER (WHERE c.kind = 'gold' AND j.chosen_id = c.gold_chosen_id),
    count(first.outcome),
    count(*) FILTER (WHERE first.outcome = j.outcome AND first.chosen_id IS NOT DISTINCT FROM j.chosen_id)
FROM unnest(%s::bigint[]) AS n(id)
CROSS JOIN LATERAL (
    SELECT x.id, x.comparison_id FROM annotation_assignment x
    WHERE x.annotator_id = n.id AND x.is_mixed_in AND x.state = 'judged' ORDER BY x.ended_at DESC LIMIT {LOOKED_AT}
) x
JOIN annotation_comparison c ON c.id = x.comparison_id
JOIN annotation_judgment j ON j.assignment_id = x.id
    AND j.erasure_id IS NULL AND NOT EXISTS (SELECT FROM annotation_retraction r WHERE r.target_id = j.feedback_id)
LEFT JOIN LATERAL (
    SELECT f.outcome, f.chosen_id FROM annotation_assignment fx
    JOIN annotation_judgment f ON f.assignment_id = fx.id
        AND f.erasure_id IS NULL
        AND NOT EXISTS (SELECT FROM annotation_retraction r WHERE r.target_id = f.feedback_id)
    WHERE c.kind = 'repeat' AND fx.comparison_id = c.repeats_id AND fx.annotator_id = n.id AND fx.state = 'judged'
) first ON true
GROUP BY n.id
"""  # noqa: S608 - made of a number


@dataclass(frozen=True)
class Checks:
    """How an annotator did: golds judged and those of them rightly, repeats judged and those of them as before."""

    golds: int = 0
    right: int = 0
    repeats: int = 0
    same: int = 0

    @property
    def has_failed(self) -> bool:
        """Whether too few golds were judged rightly."""
        return has_failed(self.golds, self.right)


def check_annotators(annotators: Sequence[int]) -> dict[int, Checks]:
    """How some annotators did, by primary keys, in the latest LOOKED_AT golds and repeats of each."""
    with connection.cursor() as cursor:
        cursor.execute(CHECKS, [list(annotators)])
        found = {annotator: Checks(*counts) for annotator, *counts in cursor.fetchall()}
    return {annotator: found.get(annotator, Checks()) for annotator in annotators}
