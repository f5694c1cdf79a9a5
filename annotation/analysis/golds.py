"""Who failed the golds: the one place that says how many must be judged, and how many of them rightly."""

from __future__ import annotations

# Fewer golds say nothing of an annotator.
LEAST_JUDGED = 3
LEAST_RIGHT = 0.7


def has_failed(judged: int, right: int) -> bool:
    """Whether an annotator who judged so many golds, and so many of them rightly, has failed them."""
    return judged >= LEAST_JUDGED and right / judged < LEAST_RIGHT
