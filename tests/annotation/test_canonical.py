"""Canonical JSON, digests and stable randomness: the same on every machine and in every version."""

from __future__ import annotations

import hashlib
import json
import math
import statistics
import uuid

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from annotation import canonical

EXACT = canonical.MAX_EXACT_INTEGER
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | FLOATS | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=25)
NAMESPACE = uuid.UUID("12345678-1234-5678-1234-567812345678")


@given(VALUES)
@example({"\ue000": 1, "\U00010000": 2})  # keys sort by UTF-16 there, not by code point
@example([1e-5, 9.999e-6, 1e-6, 1e-7, 0.1, -0.0, 1.0, 1e15 + 0.5, 2.0**53, 1e16, 1e20, 1e21, 1e22, 5e-324, 1.7e308])
@example({"a": {"é": [1.0, {"b": -0.0}]}, "c": "\u2028\x7f\x00"})
def test_canonical_json_is_rfc_8785(value):
    assert canonical.canonical_json(value) == rfc8785.dumps(value)


@given(FLOATS)
def test_every_float_is_written_as_rfc_8785_says(number):
    assert canonical.canonical_json(number) == rfc8785.dumps(number)


@given(VALUES)
def test_canonical_json_keeps_the_value(value):
    # Numbers are doubles there, whatever they look like.
    assert json.loads(canonical.canonical_json(value), parse_int=float) == value


@pytest.mark.parametrize("number", [2**53, 2**53 + 1, -(2**60), 10**30])
def test_integers_beyond_doubles_are_written_as_the_nearest_double(number):
    assert float(canonical.canonical_json(number)) == float(number)
    assert canonical.canonical_json([number]) == b"[" + canonical.canonical_json(float(number)) + b"]"


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, [-math.inf], "\ud800", {"\udfff": 1}, {"é": ["\ud800"]}, 10**400]
)
def test_what_has_no_canonical_form_is_a_value_error(value):
    with pytest.raises(ValueError, match=r"."):
        canonical.canonical_json(value)


def test_digests_are_of_message_lists():
    assert canonical.prompt_digest("Hi") == canonical.digest([{"role": "user", "content": "Hi"}])
    assert canonical.output_digest("Hi") == canonical.digest([{"content": "Hi", "role": "assistant"}])
    assert canonical.prompt_digest("Hi") != canonical.output_digest("Hi")
    assert canonical.digest({"b": 1, "a": "é"}) == hashlib.sha256('{"a":"é","b":1}'.encode()).hexdigest()


def test_a_commitment_binds_without_showing():
    salt, other = canonical.new_salt(), canonical.new_salt()
    assert salt != other
    assert len(bytes.fromhex(salt)) == 16
    committed = canonical.commitment(salt, {"text": "yes"})
    assert committed == canonical.commitment(salt, {"text": "yes"})
    assert committed != canonical.commitment(other, {"text": "yes"})
    assert committed != canonical.commitment(salt, {"text": "no"})


def test_each_chain_begins_elsewhere_and_hashes_what_came_before():
    one, other = canonical.genesis("one"), canonical.genesis("other")
    assert one != other
    assert canonical.chain_hash(one, {"position": 1}) != canonical.chain_hash(other, {"position": 1})


def test_stable_values_never_change():
    """Splits, orders and ids of existing data hang on these."""
    assert canonical.stable_hash("pair", 1) == 5756569226394260444
    assert canonical.stable_uniform("split", "seed", "digest") == 0.6364304713372388
    assert canonical.stable_choice("abcdef", "x") == "a"
    assert str(canonical.stable_uuid(NAMESPACE, ["r1", 0])) == "ace1a191-260e-5434-98eb-2c48f780f8a6"


def test_stable_parts_are_kept_apart():
    assert canonical.stable_hash("ab", "c") != canonical.stable_hash("a", "bc")


def test_stable_uniform_is_even_over_zero_to_one():
    numbers = [canonical.stable_uniform("x", index) for index in range(4_000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1
    assert abs(statistics.fmean(numbers) - 0.5) < 0.02
