"""Bias: what judgments lean to besides quality, over time: a side, longer answers, more formatted ones, haste."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from annotation.analysis.chances import UNLIKELY, equal, even, share

Name = Literal["position", "length", "formatting", "speed"]

# An alert needs both: that it could hardly be by chance, and that it matters.
LEAST_SIZE = {"position": 0.05, "length": 0.15, "formatting": 0.15, "speed": 0.1}


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
    """How often one of two outcomes came, against the other."""

    some: int
    others: int

    def __add__(self, other: Leaning) -> Leaning:
        """Both together."""
        return Leaning(self.some + other.some, self.others + other.others)

    @property
    def n(self) -> int:
        """How often either came."""
        return self.some + self.others

    @property
    def rate(self) -> float | None:
        """The share of the one."""
        return share(self.some, self.n)

    @property
    def size(self) -> float:
        """How far the share is off a half."""
        return self.some / self.n - 0.5 if self.n else 0.0

    @property
    def p_value(self) -> float:
        """Of the exact test that both are as likely."""
        return even(self.some, self.others)


@dataclass(frozen=True)
class Alert:
    """A bias that is hardly by chance and matters: since which period, and by how much the rate is off a half."""

    bias: Name
    since: dt.datetime
    size: float
    p_value: float


def leaning(periods: Sequence[Period], bias: Name) -> Leaning:
    """What some periods lean to together."""
    return sum((Leaning(*SIDES[bias](period)) for period in periods), Leaning(0, 0))


def alerts(periods: Sequence[Period]) -> list[Alert]:
    """The biases that there are now. Periods come in the order of time."""
    return [alert for bias in SIDES if (alert := _alert(periods, bias))]


def _alert(periods: Sequence[Period], bias: Name) -> Alert | None:
    """What judgments lean to since the beginning that stands out most, unless the newest period says that it is over.

    The p-value is as many times as large as there are beginnings to choose from.
    """
    newest_first = [leaning([period], bias) for period in reversed(periods)]
    since = list(zip(itertools.accumulate(newest_first, Leaning.__add__), reversed(periods), strict=True))
    going_on = [(found, period) for found, period in since if _goes_on(found, newest_first[0])]
    if not going_on:
        return None
    found, period = max(going_on, key=lambda one: _strength(one[0]))
    p_value = min(1.0, found.p_value * len(periods))
    if p_value >= UNLIKELY or abs(found.size) < LEAST_SIZE[bias]:
        return None
    return Alert(bias, period.since, found.size, p_value)


def _goes_on(found: Leaning, newest: Leaning) -> bool:
    """Whether the newest of some periods could lean as those before it do."""
    some, n = found.some - newest.some, found.n - newest.n
    return not n or not newest.n or equal(newest.some, newest.n, some, n) >= UNLIKELY


def _strength(leaning: Leaning) -> float:
    """How surprising a leaning is: the share's distance from a half in standard errors, where p-values vanish."""
    return float(abs(leaning.size) * leaning.n**0.5)
