"""Golds: comparisons whose right answer is known, mixed into the work so that it shows who reads with care."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from annotation import log
from annotation.analysis.golds import has_failed
from annotation.models import Candidate, Comparison, Project
from annotation.pairing import NewComparison, RuleError, Terms
from annotation.pairing.naming import name_pair

Kind = Comparison.Kind


class GoldError(Exception):
    """What was asked for cannot be a gold: which part of it is wrong, and why."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part = part
        self.reason = reason


class NoGoldError(Exception):
    """The comparison cannot become such a gold any more: why."""


@transaction.atomic
def make(
    project: Project, request_id: str, outputs: Sequence[str], *, chosen: str, terms: Terms
) -> tuple[NewComparison, bool]:
    """Make the gold of two outputs of a request, of which `chosen` is right; return it and whether it is new.

    The comparison of the two that is there becomes one. Raises GoldError, whose part is `request_id`, `outputs` or
    `chosen`, and NoGoldError as `mark` does.
    """
    if chosen not in outputs:
        raise GoldError("chosen", "must be one of the two outputs")
    try:
        made, is_new = name_pair(project, request_id, outputs, terms)
    except RuleError as error:
        raise GoldError(error.parameter, error.reason) from None
    comparison = Comparison.objects.select_related("a", "b").get(uid=made.uid)
    mark(comparison, comparison.a if comparison.a.output_id == chosen else comparison.b, actor=terms.actor)
    return made, is_new


@transaction.atomic
def mark(comparison: Comparison, chosen: Candidate, *, actor: str) -> None:
    """Make a comparison that nobody was ever given a gold, of which one of its outputs is right.

    Doing it again changes nothing. Raises NoGoldError.
    """
    # Whoever is just taking it goes first.
    locked = Comparison.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    current = locked.get(pk=comparison.pk)
    if current.kind == Kind.GOLD and current.gold_chosen_id == chosen.pk:
        return
    if current.kind == Kind.GOLD:
        raise NoGoldError("it is a gold already, of which the other output is right")
    if current.kind == Kind.REPEAT:
        raise NoGoldError("it is a repeat")
    if current.closed:
        raise NoGoldError("nobody is asked about it any more")
    if current.assignments.exists():
        raise NoGoldError("somebody was given it already")
    Comparison.objects.filter(pk=current.pk).update(kind=Kind.GOLD, gold_chosen=chosen, overlap=0)
    payload = {"chosen": chosen.output_id}
    event = log.NewEvent("comparison.made_gold", actor, f"comparison:{current.uid}", payload)
    log.append(current.project, [event])


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
