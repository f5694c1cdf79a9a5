"""`reward`: a pair with its margin, for reward models."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import MESSAGES, Column, Format, Rows, messages, meta, pair_schema


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    return [messages(pairs, "prompt"), messages(pairs, "x"), messages(pairs, "y"), pairs["margin"], *meta(pairs)]


REWARD = Format(
    name="reward",
    about="The pairs with a margin: the difference of the scores where there are scores, else the mean strength ÷ 3.",
    rows=Rows.DECIDED,
    schema=pair_schema(("prompt", MESSAGES), ("chosen", MESSAGES), ("rejected", MESSAGES), ("margin", pa.float64())),
    convert=_convert,
    wants=frozenset({"margin"}),
)
