"""Deriving preferences from implicit signals by the named rules of annotation.heuristics, as feedback records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from annotation import canonical
from annotation.heuristics import HEURISTICS, Heuristic
from annotation.judging import NewFeedback, Target
from annotation.models import Feedback, Project, SourceType


@dataclass(frozen=True)
class Observed:
    """A joined feedback record by primary key and as received, what its request showed, and the chance it was kept."""

    feedback: int
    body: dict[str, Any]
    shown: Sequence[str]
    propensity: float


def derive(project: Project, observed: Observed, heuristics: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The records that some heuristics make of an implicit one; none of any other.

    Their ids follow from what they say, so that deriving again makes the same records.
    """
    body = observed.body
    if body["kind"] != Feedback.Kind.IMPLICIT:
        return
    shown = body.get("presented") or observed.shown
    for name in heuristics:
        heuristic = HEURISTICS[name]
        for better, worse in heuristic.derive(body["signals"], shown):
            yield _record(project, observed, heuristic, better, worse)


def _record(project: Project, observed: Observed, heuristic: Heuristic, better: str, worse: str) -> dict[str, Any]:
    body = observed.body
    names = ["heuristic", heuristic.name, heuristic.version, body["feedback_id"], better, worse]
    return {
        "feedback_id": str(canonical.stable_uuid(project.uid, names)),
        "request_id": body["request_id"],
        "kind": Feedback.Kind.PREFERENCE.value,
        **({"occurred_at": body["occurred_at"]} if body.get("occurred_at") else {}),
        "source": {"type": SourceType.HEURISTIC.value, "id": heuristic.name, "version": heuristic.version},
        "outcome": "chosen",
        "chosen": better,
        "rejected": worse,
        "metadata": {"derived_from": body["feedback_id"], "propensity": observed.propensity},
    }


def retractions_of(project: Project, targets: Sequence[int]) -> list[NewFeedback]:
    """Retractions of all that was derived from retracted implicit records, given by primary key."""
    implicit = Feedback.objects.filter(pk__in=targets, kind=Feedback.Kind.IMPLICIT)
    entries = []
    for request_id, feedback_id in implicit.values_list("request_id", "feedback_id"):
        derived = Feedback.objects.filter(
            project=project,
            request_id=request_id,
            source_type=SourceType.HEURISTIC,
            body__metadata__derived_from=feedback_id,
            retracted_by=None,
        )
        entries += [_retraction(project, record) for record in derived.exclude(kind=Feedback.Kind.RETRACTION)]
    return entries


def _retraction(project: Project, derived: Feedback) -> NewFeedback:
    body = {
        "feedback_id": str(canonical.stable_uuid(project.uid, ["retraction", derived.feedback_id])),
        "request_id": derived.request_id,
        "kind": Feedback.Kind.RETRACTION.value,
        "source": {"type": derived.source_type, "id": derived.source_id, "version": derived.source_version},
        "retracts": derived.feedback_id,
    }
    return NewFeedback(body, None, [], timezone.now(), retracts=Target(derived.pk, derived.feedback_id))
