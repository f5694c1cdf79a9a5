"""Bias: what judgments lean to besides quality, over time: a side, longer answers, more formatted ones, haste."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from annotation.analysis.chances import even

Name = Literal["position", "length", "formatting", "speed"]

# An alert needs both: that it could hardly be by chance, and that it matters.
UNLIKELY = 0.001
LEAST_SIZE = {"position": 0.05, "length": 0.15, "formatting": 0.15, "speed": 0.1}
FAST_SECONDS = 2


@dataclass(frozen=True)
class Period:
    """Current plain judgments of a time that begins at `since`: how often what won.

    `left` against `right`; `longer` against `shorter`; `formatted`, the answer with more Markdown, against `bare`, the
    other; and `fast_left` against `fast_right`, sides again, of judgments that took less than FAST_SECONDS.
    """

    since: dt.datetime
    judgments: int
    left: int
    right: int
    longer: int
    shorter: int
    formatted: int
    bare: int
    fast: int
    fast_left: int
    fast_right: int
    median_seconds: float | None


# What of a period each bias is about: what may win too often, and what it wins against.
SIDES: dict[Name, Callable[[Period], tuple[int, int]]] = {
    "position": lambda period: (period.left, period.right),
    "length": lambda period: (period.longer, period.shorter),
    "formatting": lambda period: (period.formatted, period.bare),
    "speed": lambda period: (period.fast_left, period.fast_right),
}


@dataclass(frozen=True)
class Leaning:
    """How often one of two outcomes came, and the p-value of the exact test that both are as likely."""

    n: int
    rate: float | None
    p_value: float

    @classmethod
    def of(cls, some: int, others: int) -> Leaning:
        """Of how often either came."""
        n = some + others
        return cls(n, some / n if n else None, even(some, others))


@dataclass(frozen=True)
class Alert:
    """A bias that is hardly by chance and matters: since which period, and by how much the rate is off a half."""

    bias: Name
    since: dt.datetime
    size: float
    p_value: float


def leaning(periods: Sequence[Period], bias: Name) -> Leaning:
    """What some periods lean to together."""
    pairs = [SIDES[bias](period) for period in periods]
    return Leaning.of(sum(some for some, _ in pairs), sum(others for _, others in pairs))


def alerts(periods: Sequence[Period]) -> list[Alert]:
    """The biases that there are now. Periods come in the order of time."""
    return [alert for bias in SIDES if (alert := _alert(periods, bias))]


def _alert(periods: Sequence[Period], bias: Name) -> Alert | None:
    """What the latest periods lean to, as far back as each of them leaned the same way as all of them do."""
    whole = leaning(periods, bias)
    if whole.rate is None:
        return None
    start = len(periods)
    for place in range(len(periods) - 1, -1, -1):
        own = leaning(periods[place : place + 1], bias)
        if own.rate is not None and (own.rate - 0.5) * (whole.rate - 0.5) <= 0:
            break
        start = place
    found = leaning(periods[start:], bias)
    if found.rate is None or found.p_value >= UNLIKELY or abs(found.rate - 0.5) < LEAST_SIZE[bias]:
        return None
    return Alert(bias, periods[start].since, found.rate - 0.5, found.p_value)
