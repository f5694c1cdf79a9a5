"""`helpsteer`: a pair with an overall preference from -3 (the first is much better) to 3 (the second is)."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import (
    MESSAGES,
    Column,
    Filter,
    Format,
    Lists,
    Rows,
    first_and_second,
    lists,
    messages,
    meta,
    pair_schema,
    regroup,
    strings,
)

WITHOUT_STRENGTH = 2.0
VOTE = pa.struct(
    [
        pa.field("score", pa.int64()),
        pa.field("reasoning", pa.string()),
        pa.field("feedback1", pa.string()),
        pa.field("feedback2", pa.string()),
    ]
)
SIGNS = {"a": -1, "b": 1, "tie": 0, "both_bad": 0}


def _single_message(pairs: pa.RecordBatch) -> Column:
    roles = (pairs[f"{of}_roles"].to_pylist() for of in "xy")
    return pa.array([x == y == ["assistant"] for x, y in zip(*roles, strict=True)], pa.bool_())


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    first, second = first_and_second(pairs, *(lists(pairs, f"{of}_texts").flatten() for of in "xy"))
    overall = [
        SIGNS[winner] * round(WITHOUT_STRENGTH if strength is None else strength)
        for winner, strength in zip(strings(pairs, "winner"), pairs["strength"].to_pylist(), strict=True)
    ]
    return [messages(pairs, "prompt"), first, second, pa.array(overall, pa.int64()), _votes(pairs), *meta(pairs)]


def _votes(pairs: pa.RecordBatch) -> Lists:
    scores, reasons = lists(pairs, "vote_scores"), lists(pairs, "vote_reasons")
    nothing = pa.nulls(len(scores.flatten()), pa.string())
    values = [scores.flatten().cast(pa.int64()), reasons.flatten(), nothing, nothing]
    return regroup(scores, pa.StructArray.from_arrays(values, fields=list(VOTE)))


HELPSTEER = Format(
    name="helpsteer",
    about="The pairs on HelpSteer3's scale: -3 the first answer is much better, 0 neither, 3 the second; ±2 where no "
    "strength was asked. `individual_preference` holds the single votes.",
    rows=Rows.PAIRS,
    schema=pair_schema(
        ("context", MESSAGES),
        ("response1", pa.string()),
        ("response2", pa.string()),
        ("overall_preference", pa.int64()),
        ("individual_preference", pa.list_(VOTE)),
    ),
    convert=_convert,
    wants=frozenset({"strength", "vote_scores", "vote_reasons"}),
    only=Filter("not_single_message", _single_message),
)
