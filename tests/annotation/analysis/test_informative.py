"""What pairs teach, shares of the draws, and drawing with known chances."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from annotation.analysis import informative

SHARES = st.integers(1, 30).flatmap(
    lambda n: arrays.arrays(float, n, elements=st.floats(1e-6, 1))
).map(lambda worth: worth / worth.sum())  # fmt: skip
ALIKE = np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]], dtype=float)


def test_when_nothing_is_known_all_pairs_teach_alike():
    gains = informative.gains(np.zeros(4), np.zeros((4, 4)))
    off = gains[~np.eye(4, dtype=bool)]
    assert off == pytest.approx(off[0])
    assert off[0] > 0
    assert np.diag(gains) == pytest.approx(0)


def test_what_is_known_least_teaches_most():
    counts = 100 * ALIKE
    counts[2] = counts[:, 2] = 5
    gains = informative.gains(np.zeros(3), counts * (1 - np.eye(3)))
    assert gains[0, 2] == pytest.approx(gains[1, 2])
    assert gains[0, 2] > 5 * gains[0, 1]


def test_models_that_are_close_teach_more_than_models_far_apart():
    gains = informative.gains(np.array([-1.5, -0.5, 0.5, 1.5]), 50 * (1 - np.eye(4)))
    assert gains[0, 1] > gains[0, 2] > gains[0, 3]


@given(worth=arrays.arrays(float, st.integers(1, 40), elements=st.floats(0, 1e6)))
def test_shares_add_up_to_one_and_none_is_below_the_floor(worth):
    share = informative.shares(worth)
    assert share.sum() == pytest.approx(1)
    assert share.min() >= informative.FLOOR / len(worth) - 1e-12
    assert (np.argsort(share[np.argsort(worth, kind="stable")], kind="stable") == np.arange(len(worth))).all()


@given(share=SHARES, data=st.data())
def test_inclusions_are_chances_that_add_up_to_what_is_wanted(share, data):
    sizes = data.draw(arrays.arrays(float, len(share), elements=st.integers(1, 50).map(float)))
    wanted = data.draw(st.integers(1, int(sizes.sum()) + 5))
    inclusion = informative.inclusions(share, sizes, wanted)
    assert ((inclusion > 0) & (inclusion <= 1)).all()
    assert (inclusion * sizes).sum() == pytest.approx(min(wanted, sizes.sum()))
    free = inclusion < 1
    ratios = (inclusion * sizes / share)[free]
    assert ratios == pytest.approx(ratios[:1].repeat(len(ratios)), rel=1e-6), "what is not full keeps its proportions"


@given(share=SHARES, wanted=st.integers(1, 30), start=st.floats(0, 1, exclude_max=True), parts=st.integers(1, 4))
def test_as_many_are_drawn_as_wanted_in_one_row_or_in_several(share, wanted, start, parts):
    inclusion = informative.inclusions(share, np.ones(len(share)), wanted)
    drawn, end = [], start
    for row in np.array_split(inclusion, parts):
        mask, end = informative.draw(row, end)
        drawn += mask.tolist()
    assert sum(drawn) == min(wanted, len(share))
    assert all(drawn[n] for n in np.flatnonzero(inclusion == 1))


@given(share=SHARES, wanted=st.integers(1, 5))
def test_each_is_drawn_as_often_as_its_chance_says(share, wanted):
    inclusion = informative.inclusions(share, np.ones(len(share)), wanted)
    starts = (np.arange(400) + 0.5) / 400
    often = np.mean([informative.draw(inclusion, start)[0] for start in starts], axis=0)
    assert often == pytest.approx(inclusion, abs=0.006)


def test_a_plan_for_many_spreads_what_a_plan_for_few_would_heap_on_one():
    counts = 400 * ALIKE
    counts[0, 1] = counts[1, 0] = 200
    first, second = np.triu_indices(3, 1)
    few, many = (informative.plan(np.zeros(3), counts, first, second, wanted) for wanted in (1, 5_000))
    for share in (few, many):
        assert share.sum() == pytest.approx(1)
    assert few.argmax() == 0
    assert many.max() < few.max()
