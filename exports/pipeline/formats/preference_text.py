"""`preference_text`: the same pairs as plain strings, for pairs of a single turn: one question, one answer."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import Column, Filter, Format, Rows, lists, meta, pair_schema

PARTS = ("prompt", "x", "y")
SINGLE_TURN = (["user"], ["assistant"], ["assistant"])


def _single_turn(pairs: pa.RecordBatch) -> Column:
    roles = (pairs[f"{part}_roles"].to_pylist() for part in PARTS)
    return pa.array([row == SINGLE_TURN for row in zip(*roles, strict=True)], pa.bool_())


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    return [*(lists(pairs, f"{part}_texts").flatten() for part in PARTS), *meta(pairs)]


PREFERENCE_TEXT = Format(
    name="preference_text",
    about="The pairs of a single turn (one user message, one answer each) as plain strings.",
    rows=Rows.DECIDED,
    schema=pair_schema(("prompt", pa.string()), ("chosen", pa.string()), ("rejected", pa.string())),
    convert=_convert,
    only=Filter("not_single_turn", _single_turn),
)
