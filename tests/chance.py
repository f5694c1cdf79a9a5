"""Chance as a test wants it: what is mixed into an annotator's work next, with rates of a half or a little less."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from annotation import mixing

RATES = {"gold_rate": 0.5, "repeat_rate": 0.49}
GOLD, REPEAT, NEITHER = 0.0, 0.6, 0.995


@contextmanager
def drawn(*values: float) -> Iterator[None]:
    """Within it these are drawn, and then the last of them again and again."""
    remaining = list(values)

    def draw() -> float:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    with patch.object(mixing.chance, "random", draw):
        yield
