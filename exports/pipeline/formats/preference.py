"""`preference`: prompt, chosen and rejected as message lists; chosen and rejected hold the new turns only."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import MESSAGES, Column, Format, Rows, messages, meta, pair_schema


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    return [messages(pairs, "prompt"), messages(pairs, "x"), messages(pairs, "y"), *meta(pairs)]


PREFERENCE = Format(
    name="preference",
    about="One pair a row for DPO and its kin: the prompt, the chosen and the rejected answer as message lists.",
    rows=Rows.DECIDED,
    schema=pair_schema(("prompt", MESSAGES), ("chosen", MESSAGES), ("rejected", MESSAGES)),
    convert=_convert,
)
