"""Judgments in words: what one says, and whether it counts."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin import texts
from annotation.models import Comparison, Judgment, Retraction

RETRACTED = Q(Exists(Retraction.objects.filter(target=OuterRef("feedback"))))
COUNTED = Q(surplus=False, erasure=None) & ~RETRACTED
STRENGTHS = {1: "slightly better", 2: "better", 3: "much better"}


def answer(row: Judgment) -> SafeString | str:
    """Which model won and by how much, or that none did. Reads `chosen`."""
    if row.chosen is None:
        return row.get_outcome_display()
    return format_html("<bdi>{}</bdi> is {}", row.chosen.model_label, STRENGTHS[row.strength or 2])


def counts(row: Judgment) -> bool:
    """Whether it counts. Reads `feedback.retracted_by`."""
    return not (row.surplus or row.erasure_id or hasattr(row.feedback, "retracted_by"))


def standing(row: Judgment) -> SafeString:
    """Whether it counts, and if not, why. Reads `feedback.retracted_by` and `comparison`."""
    if row.erasure_id:
        return texts.badge("Erased", "warning")
    if hasattr(row.feedback, "retracted_by"):
        return texts.badge("Retracted", "warning")
    if row.comparison and row.comparison.kind != Comparison.Kind.PLAIN:
        return texts.badge(row.comparison.get_kind_display())
    return texts.badge("Surplus") if row.surplus else texts.badge("Counts", "good")
