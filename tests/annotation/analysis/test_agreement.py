"""Agreement: by hand, and as others compute it."""

from __future__ import annotations

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.analysis.agreement import BOTH_BAD, OUTCOMES, SCALE, agree

TIE, FIRST, SECOND = SCALE.index(0), SCALE.index(2), SCALE.index(-2)


def counted(*items):
    """Items, each a list of answers, as agree takes them."""
    table = np.zeros((len(items), BOTH_BAD + 1), np.int64)
    for row, answers in zip(table, items, strict=True):
        np.add.at(row, answers, 1)
    return table, np.ones(len(items), np.int64)


ANSWERS = st.lists(st.lists(st.integers(0, BOTH_BAD), max_size=5), min_size=2, max_size=12)


def outcome(answer):
    return next(n for n, columns in enumerate(OUTCOMES) if answer in columns)


def table(items, value):
    """As evalica takes them: a row for each place of an answer, a column for each item."""
    longest = max(map(len, items), default=0)
    return pd.DataFrame([[value(item[n]) if n < len(item) else np.nan for item in items] for n in range(longest)])


def alpha_of(data, distance):
    values = data.to_numpy(dtype=float)
    several = (~np.isnan(values)).sum(axis=0) > 1 if values.size else np.array([], bool)
    if not several.any() or len(set(values[:, several][~np.isnan(values[:, several])])) < 2:
        return None
    return pytest.approx(evalica.alpha(data, distance=distance).alpha, abs=1e-9)


@given(ANSWERS)
def test_alphas_are_those_of_another_implementation(items):
    found = agree(*counted(*items))
    assert found.alpha_nominal == alpha_of(table(items, outcome), "nominal")
    good = [[answer for answer in item if answer != BOTH_BAD] for item in items]
    assert found.alpha_ordinal == alpha_of(table(good, float), "ordinal")


def test_by_hand():
    # 4 items: alike, alike, unlike, and one that a single person judged.
    found = agree(*counted([FIRST, FIRST], [SECOND, SECOND, SECOND], [FIRST, TIE], [SECOND]))
    assert (found.items, found.answers) == (3, 7)
    assert found.percent == pytest.approx(2 / 3)
    # Chance by Gwet: shares are (1 + 0 + 1/2) / 3, 1/3 and 1/6.
    chance = sum(share * (1 - share) for share in (1 / 2, 1 / 3, 1 / 6)) / 2
    assert found.gwet_ac1 == pytest.approx((2 / 3 - chance) / (1 - chance))
    # Krippendorff: observed 2 of 7 values disagree; expected of values 3, 3, 1.
    assert found.alpha_nominal == pytest.approx(1 - 6 * 2 / (7**2 - 3**2 - 3**2 - 1))


def test_what_is_not_defined_is_none():
    assert agree(*counted([FIRST], [SECOND])).items == 0
    same = agree(*counted([FIRST, FIRST], [FIRST, FIRST]))
    assert (same.percent, same.alpha_nominal, same.gwet_ac1, same.ci_low) == (1.0, None, None, None)


def test_strength_counts_in_the_ordinal_figure_alone():
    near = agree(*counted([4, 5], [5, 6], [1, 2], [0, 1]))
    far = agree(*counted([4, 6], [4, 6], [0, 2], [0, 2]))
    assert near.alpha_nominal == far.alpha_nominal == 1
    assert near.alpha_ordinal > far.alpha_ordinal


@given(ANSWERS, st.integers(2, 5))
def test_equal_items_may_be_one_row(items, times):
    answers, ones = counted(*items)
    one, other = agree(answers, ones * times), agree(np.repeat(answers, times, axis=0), np.repeat(ones, times))
    for name in ("items", "answers", "percent", "alpha_nominal", "alpha_ordinal", "gwet_ac1"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True), name


def test_the_interval_is_around_the_figure_and_narrows():
    few = agree(*counted(*[[FIRST, FIRST], [SECOND, SECOND], [FIRST, SECOND], [TIE, TIE]] * 5))
    many = agree(*counted(*[[FIRST, FIRST], [SECOND, SECOND], [FIRST, SECOND], [TIE, TIE]] * 500))
    assert few.ci_low < few.alpha_nominal < few.ci_high
    assert many.ci_high - many.ci_low < (few.ci_high - few.ci_low) / 5
    assert many == agree(*counted(*[[FIRST, FIRST], [SECOND, SECOND], [FIRST, SECOND], [TIE, TIE]] * 500))
