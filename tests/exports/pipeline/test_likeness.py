"""What counts as nearly the same text."""

from __future__ import annotations

import pytest

from exports.pipeline.likeness import Known

LONG = "the quick brown fox jumps over the lazy dog while a grey seal sleeps on the warm rock by the sea all day long"


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("What is the capital of France?", "what is the  capital of France ?!", True),
        (LONG, LONG.replace("grey ", ""), True),
        (LONG, f"Please: {LONG}", True),
        (LONG, LONG[: len(LONG) // 2], False),
        ("What is 2 + 3?", "What is 2 + 4?", False),
        (f"{LONG} 17", f"{LONG} 18", False),
        ("Hello", "hello!", True),
        ("法国的首都是哪里？", "法国的首都是哪里", True),
        ("法国的首都是哪里？", "德国的河流有多长？", False),
        ("?!", "?!", False),
    ],
)
def test_alike(one, other, alike):
    known = Known(["", "Something else altogether, of another kind.", one])
    assert known.has_like(other) is alike


def test_nothing_is_like_nothing():
    assert not Known([]).has_like(LONG)
