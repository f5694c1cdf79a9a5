"""Tests of shares: exact, and valid under constant watching."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.analysis.chances import always_covering, always_valid, equal, even

COUNT = st.integers(0, 60)


@given(COUNT, COUNT)
def test_even_is_the_exact_test(some, others):
    n = some + others
    tail = Fraction(sum(math.comb(n, k) for k in range(min(some, others) + 1)), 2**n)
    assert even(some, others) == pytest.approx(float(min(1, 2 * tail)), rel=1e-9)


def test_even_of_very_many():
    assert even(500_000, 500_000) == pytest.approx(1)
    assert even(499_000, 501_000) == pytest.approx(0.0456083, rel=1e-4)
    assert even(0, 1_000_000) == 0


def test_equal_of_two_shares():
    assert equal(10, 20, 50, 100) == pytest.approx(1)
    assert equal(60, 100, 40, 100) == pytest.approx(0.00468, rel=1e-2)
    assert equal(5, 5, 9, 9) == 1


def test_watching_after_every_toss_raises_no_more_false_alarms():
    rng = np.random.default_rng(3)
    alarms = 0
    for _ in range(400):
        heads = np.cumsum(rng.integers(0, 2, 400))
        alarms += any(always_valid(int(won), n - int(won)) < 0.05 for n, won in enumerate(heads, 1))
    assert alarms <= 0.05 * 400


def test_a_real_difference_is_found():
    assert always_valid(70, 30) < 0.01
    assert always_valid(52, 48) == 1
    assert always_valid(7, 3) == always_valid(3, 7)


@given(COUNT, COUNT)
def test_the_interval_says_what_the_test_says(wins, losses):
    low, high = always_covering(wins, losses)
    assert 0 <= low <= (wins / (wins + losses) if wins + losses else 0.5) <= high <= 1
    p_value = always_valid(wins, losses)
    if abs(p_value - 0.05) > 1e-6:
        assert (low <= 0.5 <= high) == (p_value >= 0.05)


def test_without_data_everything_is_possible():
    assert always_covering(0, 0) == (0, 1)
    assert always_valid(0, 0) == 1
