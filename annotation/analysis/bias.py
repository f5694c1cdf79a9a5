"""Bias: what judgments lean to besides quality, over time: a side, longer answers, more formatted ones, haste."""

from __future__ import annotations

import datetime as dt
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
    pairs = [SIDES[bias](period) for period in periods]
    return Leaning(sum(some for some, _ in pairs), sum(others for _, others in pairs))


def alerts(periods: Sequence[Period]) -> list[Alert]:
    """The biases that there are now. Periods come in the order of time."""
    return [alert for bias in SIDES if (alert := _alert(periods, bias))]


def _alert(periods: Sequence[Period], bias: Name) -> Alert | None:
    """What judgments lean to since the beginning that stands out most, unless the newest period says that it is over.

    The p-value is as many times as large as there are beginnings to choose from.
    """
    going_on = [start for start in range(len(periods)) if _goes_on(periods[start:], bias)]
    if not going_on:
        return None
    start = max(going_on, key=lambda start: _strength(leaning(periods[start:], bias)))
    found = leaning(periods[start:], bias)
    p_value = min(1.0, found.p_value * len(periods))
    if p_value >= UNLIKELY or abs(found.size) < LEAST_SIZE[bias]:
        return None
    return Alert(bias, periods[start].since, found.size, p_value)


def _goes_on(periods: Sequence[Period], bias: Name) -> bool:
    """Whether the newest of some periods could lean as those before it do."""
    before, newest = leaning(periods[:-1], bias), leaning(periods[-1:], bias)
    return not before.n or not newest.n or equal(newest.some, newest.n, before.some, before.n) >= UNLIKELY


def _strength(leaning: Leaning) -> float:
    """How surprising a leaning is: the share's distance from a half in standard errors, where p-values vanish."""
    return float(abs(leaning.size) * leaning.n**0.5)
