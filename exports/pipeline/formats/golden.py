"""`golden`: pairs as an evaluation set in RewardBench's form: whole conversations, models, subset and id."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import (
    MESSAGES,
    Column,
    Format,
    Rows,
    conversations,
    messages,
    meta,
    pair_schema,
)


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    return [
        messages(pairs, "prompt"),
        conversations(pairs, "x"),
        conversations(pairs, "y"),
        pairs["model_x"].cast(pa.string()),
        pairs["model_y"].cast(pa.string()),
        pairs["subset"].cast(pa.string()),
        pairs["pair_id"].cast(pa.string()),
        *meta(pairs),
    ]


GOLDEN = Format(
    name="golden",
    about="The pairs as an evaluation set in RewardBench's form; `chosen` and `rejected` are whole conversations.",
    rows=Rows.DECIDED,
    schema=pair_schema(
        ("prompt", MESSAGES),
        ("chosen", MESSAGES),
        ("rejected", MESSAGES),
        ("chosen_model", pa.string()),
        ("rejected_model", pa.string()),
        ("subset", pa.string()),
        ("id", pa.string()),
    ),
    convert=_convert,
    wants=frozenset({"subset"}),
)
