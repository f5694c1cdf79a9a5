"""How surprising counts are: tests of one share against a half, and of two shares against each other."""

from __future__ import annotations

import math
from collections.abc import Callable

# What is hardly by chance, where nobody asked a question before looking.
UNLIKELY = 0.001
SURE = 0.05


def share(some: int, of: int) -> float | None:
    """A share; None of nothing."""
    return some / of if of else None


def even(some: int, others: int) -> float:
    """The p-value of the exact two-sided test that either of two outcomes is as likely as the other."""
    return min(1.0, 2 * _at_most(min(some, others), some + others))


def equal(some: int, of: int, others: int, of_others: int) -> float:
    """The p-value of the two-sided z-test that two shares, some / of and others / of_others, are the same."""
    pooled = (some + others) / (of + of_others)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_others))
    return math.erfc(abs(some / of - others / of_others) / error / math.sqrt(2)) if error else 1.0


def always_valid(wins: int, losses: int) -> float:
    """The p-value of the test that wins are as likely as losses, valid however often and whenever one looks.

    The inverse of the likelihood of the counts under a uniform prior of the chance against that under a half, a test
    martingale (Robbins, 1970, “Statistical methods related to the law of the iterated logarithm”).
    """
    return min(1.0, math.exp(-_log_beta(wins + 1, losses + 1) - (wins + losses) * math.log(2)))


def always_covering(wins: int, losses: int) -> tuple[float, float]:
    """The interval of the chance to win that holds it at all times together with a probability of 1 - SURE.

    Of all chances that always_valid would not reject, were it asked about them.
    """
    floor = math.log(SURE) + _log_beta(wins + 1, losses + 1)

    def is_in(chance: float) -> bool:
        of_wins = wins * math.log(chance) if wins else 0.0
        return of_wins + (losses * math.log1p(-chance) if losses else 0.0) >= floor

    best = min(max(wins / max(wins + losses, 1), 1e-9), 1 - 1e-9) if wins + losses else 0.5
    return _edge(is_in, best, 0.0), _edge(is_in, best, 1.0)


def _at_most(most: int, tosses: int) -> float:
    """The chance that a fair coin shows heads at most so often."""
    term = math.exp(-_log_beta(most + 1, tosses - most + 1) - math.log(tosses + 1) - tosses * math.log(2))
    total = 0.0
    for heads in range(most, -1, -1):
        total += term
        term *= heads / (tosses - heads + 1)
        if term <= total * 1e-17:
            break
    return total


def _log_beta(a: int, b: int) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _edge(is_in: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where, between a chance that is in and the end, chances cease to be in."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if 0 < middle < 1 and is_in(middle):
            inside = middle
        else:
            outside = middle
    return outside
