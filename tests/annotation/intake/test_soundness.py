"""Sound JSON: one meaning, no loss; everything else is refused with its place."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.intake.soundness import MAX_DEPTH, UnsoundError, check_value, pointer, read_json

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(SCALARS | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=30)


@given(VALUES, st.booleans())
def test_sound_json_is_read_as_it_is(value, ascii_only):
    assert read_json(json.dumps(value, ensure_ascii=ascii_only).encode()).value == value


@pytest.mark.parametrize(
    ("raw", "where", "why"),
    [
        (b"{", "", "not sound JSON"),
        (b"", "", "not sound JSON"),
        (b'{"a": 1} x', "", "not sound JSON"),
        (b"{'a': 1}", "", "not sound JSON"),
        (b'{"a": 1, "a": 1}', "", "same key twice"),
        (b'{"a": 1, "\\u0061": 2}', "", "same key twice"),
        (b'[{"a": {"b": 1, "c": 2, "b": 3}}]', "", "same key twice"),
        (b"[NaN]", "", "not sound JSON"),
        (b"[Infinity]", "", "not sound JSON"),
        (b"[-Infinity]", "", "not sound JSON"),
        (b"[1e400]", "", "not sound JSON"),
        (b"[-1e309]", "", "not sound JSON"),
        (b"[" + b"9" * 400 + b"]", "", "not sound JSON"),
        (b'["\\ud800"]', "", "not sound JSON"),
        (b'["\\ude00\\ud83d"]', "", "not sound JSON"),
        (b'["\xed\xa0\x80"]', "", "not UTF-8"),
        (b'["\xff"]', "", "not UTF-8: invalid start byte at byte 3"),
        (b'["a\x00b"]', "", "not sound JSON"),
        (b'["a\tb"]', "", "not sound JSON"),
        (b'{"a": ["x", "\\u0000"]}', "/a/1", "contains NUL"),
        (b'{"a": {"x\\u0000": 1}}', "/a", "contains NUL"),
        (b"[" * 65 + b"]" * 65, "/0" * 64, "nested more than 64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "/a" * 64, "nested more than 64 deep"),
        (b"[" * 5000 + b"]" * 5000, "", "nested more than 64 deep"),
        (b"[" * 500 + b"]" * 500, "", "nested more than 64 deep"),
    ],
)
def test_unsound_json_is_refused(raw, where, why):
    with pytest.raises(UnsoundError) as caught:
        read_json(raw)
    assert caught.value.problem.pointer == where
    assert why in caught.value.problem.detail


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
        (b'{"text": "' + b"[{" * 100 + b'"}', {"text": "[{" * 100}),
        (b'["\\\\u0000"]', ["\\u0000"]),
        (b'["\\ud83d\\ude00"]', ["😀"]),
        ('["\x85\u2028\u2029\x7f\ufeff\ufffd"]'.encode(), ["\x85\u2028\u2029\x7f\ufeff\ufffd"]),
        (b'{"a": {"b": 1}, "b": {"b": 2}}', {"a": {"b": 1}, "b": {"b": 2}}),
        (b" \r\n[1e-400, -0.0]\r\n", [0.0, -0.0]),
    ],
)
def test_what_looks_suspicious_but_is_sound_is_read(raw, value):
    assert value is None or read_json(raw).value == value
    read_json(raw)


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, math.nan]}, "/a/1"),
        ({"a": math.inf}, "/a"),
        ({"a": "x\0"}, "/a"),
        ({"a": {"x\0": 1}}, "/a"),
        ({"a": "\udcff"}, "/a"),
        ({"a/b": {"c~d": b"bytes"}}, "/a~1b/c~0d"),
        ({"a": {1: 2}}, "/a"),
        ({"a": {"b": (1, 2)}}, "/a/b"),
    ],
)
def test_values_that_did_not_come_as_json_are_checked_too(value, where):
    with pytest.raises(UnsoundError) as caught:
        check_value(value)
    assert caught.value.problem.pointer == where


@given(VALUES)
def test_sound_values_pass_the_check(value):
    check_value(value)


def test_pointers_are_escaped_as_rfc_6901_says():
    assert pointer([]) == ""
    assert pointer(["a/b", 0, "~x", ""]) == "/a~1b/0/~0x/"
