"""`preference_full`: chosen and rejected as whole conversations, the prompt inside."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import MESSAGES, Column, Format, Rows, conversations, meta, pair_schema


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    return [conversations(pairs, "x"), conversations(pairs, "y"), *meta(pairs)]


PREFERENCE_FULL = Format(
    name="preference_full",
    about="The pairs as two whole conversations, prompt included, for RewardBench, OpenRLHF and axolotl.",
    rows=Rows.DECIDED,
    schema=pair_schema(("chosen", MESSAGES), ("rejected", MESSAGES)),
    convert=_convert,
)
