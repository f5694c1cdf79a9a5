"""Answer scales. A new scale is one more row of SCALES."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["left", "right"]
Outcome = Literal["chosen", "tie", "both_bad"]


@dataclass(frozen=True)
class Choice:
    """One button: its value in forms, its accessible name, what it means, and the keys that press it."""

    value: str
    label: str
    outcome: Outcome
    side: Side | None = None
    strength: int | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scale:
    """The choices of a project in the order of the page, from left to right."""

    key: str
    name: str
    choices: tuple[Choice, ...]


A_KEYS, B_KEYS = ("a", "ArrowLeft"), ("b", "ArrowRight")

SCALES: dict[str, Scale] = {
    "plain": Scale(
        "plain",
        "Plain: A, tie, both bad, B",
        (
            Choice("a", "A is better", "chosen", "left", keys=A_KEYS),
            Choice("tie", "Tie", "tie", keys=("t",)),
            Choice("both_bad", "Both are bad", "both_bad", keys=("x",)),
            Choice("b", "B is better", "chosen", "right", keys=B_KEYS),
        ),
    ),
    "strength7": Scale(
        "strength7",
        "Strength: seven steps and both bad",
        (
            Choice("a3", "A is much better", "chosen", "left", 3, ("1",)),
            Choice("a2", "A is better", "chosen", "left", 2, ("2", *A_KEYS)),
            Choice("a1", "A is slightly better", "chosen", "left", 1, ("3",)),
            Choice("tie", "Tie", "tie", keys=("4", "t")),
            Choice("b1", "B is slightly better", "chosen", "right", 1, ("5",)),
            Choice("b2", "B is better", "chosen", "right", 2, ("6", *B_KEYS)),
            Choice("b3", "B is much better", "chosen", "right", 3, ("7",)),
            Choice("both_bad", "Both are bad", "both_bad", keys=("x",)),
        ),
    ),
}

# By value, of whatever scale: a page may still show the one that the project had before.
CHOICES = {choice.value: choice for scale in SCALES.values() for choice in scale.choices}
