"""Heuristics: named, versioned rules that make preferences of implicit signals. A new one is one row of HEURISTICS.

Imports no Django. A rule whose meaning changes gets a new version, so that what it derived before stays told apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DWELL_RATIO = 3.0
DWELL_AT_LEAST_MS = 1_000

Signals = Mapping[str, Any]
Preference = tuple[str, str]  # the better output, the worse one


@dataclass(frozen=True)
class Heuristic:
    """A rule: from the signals and the outputs that were shown to preferences between two of them."""

    name: str
    version: str
    about: str
    derive: Callable[[Signals, Sequence[str]], Iterator[Preference]]


def _accepted_over_regenerated(signals: Signals, shown: Sequence[str]) -> Iterator[Preference]:
    yield from _one_list_over_another(signals.get("accepted", ()), signals.get("regenerated", ()))


def _copied_over_not(signals: Signals, shown: Sequence[str]) -> Iterator[Preference]:
    yield from _some_over_others(signals.get("copied", ()), shown)


def _clicked_over_not(signals: Signals, shown: Sequence[str]) -> Iterator[Preference]:
    yield from _some_over_others(signals.get("clicked", ()), shown)


def _dwell_ratio(signals: Signals, shown: Sequence[str]) -> Iterator[Preference]:
    dwell = signals.get("dwell_ms", {})
    for one, other in itertools.combinations(sorted(set(shown) & dwell.keys()), 2):
        longer, shorter = (one, other) if dwell[one] >= dwell[other] else (other, one)
        if dwell[longer] >= max(DWELL_AT_LEAST_MS, DWELL_RATIO * dwell[shorter]):
            yield longer, shorter


def _some_over_others(some: Sequence[str], shown: Sequence[str]) -> Iterator[Preference]:
    yield from _one_list_over_another(some, [output for output in shown if output not in some])


def _one_list_over_another(better: Sequence[str], worse: Sequence[str]) -> Iterator[Preference]:
    """Every output of one list over every one of the other; those in both say nothing."""
    both = set(better) & set(worse)
    yield from itertools.product(sorted(set(better) - both), sorted(set(worse) - both))


HEURISTICS: dict[str, Heuristic] = {
    heuristic.name: heuristic
    for heuristic in (
        Heuristic(
            "accepted_over_regenerated", "1", "An accepted output over each that was regenerated",
            _accepted_over_regenerated,
        ),
        Heuristic("copied_over_not", "1", "A copied output over each that was shown and not copied", _copied_over_not),
        Heuristic(
            "clicked_over_not", "1", "A clicked output over each that was shown and not clicked", _clicked_over_not
        ),
        Heuristic(
            "dwell_ratio", "1",
            f"An output looked at for {DWELL_RATIO:g} times as long, and a second at least, over the other",
            _dwell_ratio,
        ),
    )
}  # fmt: skip
