"""Range headers against a plain reading of RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.api.ranges import ByteRange, UnsatisfiableError, has_it, range_applies, read_range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-", ByteRange(0, 99)),
        ("bytes=90-", ByteRange(90, 99)),
        ("bytes=90-1000", ByteRange(90, 99)),
        ("bytes=-1", ByteRange(99, 99)),
        ("bytes=-1000", ByteRange(0, 99)),
        ("Bytes = 5-9 ", ByteRange(5, 9)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=٣-٤", None),
        ("bytes=0-1,5-6", None),
        ("bytes 0-1", None),
        ("items=0-1", None),
        ("bytes=" + "9" * 5_000 + "-", None),
        ("bytes=0-" + "9" * 5_000, None),
        ("bytes=0-" + "9" * 4_000, ByteRange(0, 99)),
    ],
)
def test_one_range(header, expected):
    assert read_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_outside_of_the_file(header):
    with pytest.raises(UnsatisfiableError):
        read_range(header, 100)


@given(size=st.integers(1, 500), first=st.integers(0, 600), last=st.integers(0, 600))
def test_a_range_is_the_slice_that_it_names(size, first, last):
    content = bytes(n % 256 for n in range(size))
    try:
        wanted = read_range(f"bytes={first}-{last}", size)
    except UnsatisfiableError:
        assert first >= size
        return
    if wanted is None:
        assert last < first
    else:
        assert content[wanted.first : wanted.last + 1] == content[first : last + 1]
        assert len(wanted) == len(content[first : last + 1])


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, False), ('"x"', True), ('W/"x"', True), ('"a", "x"', True), ("*", True), ('"a"', False), ("x", False)],
)
def test_if_none_match(header, expected):
    assert has_it(header, '"x"') is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, True), ('"x"', True), ('W/"x"', False), ('"a"', False), ("Wed, 21 Oct 2026 07:28:00 GMT", False)],
)
def test_if_range(header, expected):
    assert range_applies(header, '"x"') is expected
