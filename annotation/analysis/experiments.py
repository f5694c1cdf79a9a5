"""Experiments: which of two models wins, by a test that may be looked at whenever one likes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from annotation.analysis.battles import Battles, Model
from annotation.analysis.chances import SURE, always_covering, always_valid, share

Verdict = Literal["first", "second", "undecided"]


@dataclass(frozen=True)
class Experiment:
    """Two models that met. `win_rate` is the first one's share of the decided battles, None without any.

    The interval (95 %) and the p-value hold at all times together, so that one may look after each judgment and stop as
    soon as there is a verdict.
    """

    first: Model
    second: Model
    wins: int
    losses: int
    ties: int
    win_rate: float | None
    ci_low: float
    ci_high: float
    p_value: float
    verdict: Verdict

    @property
    def n(self) -> int:
        """How often they met."""
        return self.wins + self.losses + self.ties


def experiments(battles: Battles) -> Iterator[Experiment]:
    """Each two models that met, in alphabetical order."""
    won, drawn = battles.won, battles.drawn
    for i, first in enumerate(battles.models):
        for j, second in enumerate(battles.models[i + 1 :], i + 1):
            if won[i, j] or won[j, i] or drawn[i, j]:
                yield _experiment(first, second, int(won[i, j]), int(won[j, i]), int(drawn[i, j]))


def _experiment(first: Model, second: Model, wins: int, losses: int, ties: int) -> Experiment:
    p_value = always_valid(wins, losses)
    verdict: Verdict = "undecided"
    if p_value < SURE:
        verdict = "first" if wins > losses else "second"
    rate, interval = share(wins, wins + losses), always_covering(wins, losses)
    return Experiment(first, second, wins, losses, ties, rate, *interval, p_value, verdict)
