"""`judgments`: one row a judgment as it was selected, before consensus and sampling: the audit table."""

from __future__ import annotations

import json
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from annotation.canonical import as_doubles
from exports.pipeline.formats.format import Column, Format, Rows

SCHEMA = pa.schema(
    [
        ("judgment_id", pa.string()),
        ("request_id", pa.string()),
        ("comparison_id", pa.string()),
        ("feedback_id", pa.string()),
        ("kind", pa.string()),
        ("source_type", pa.string()),
        ("source_id", pa.string()),
        ("source_version", pa.string()),
        ("outcome", pa.string()),
        ("chosen", pa.string()),
        ("rejected", pa.string()),
        ("outputs", pa.list_(pa.string())),
        ("presented", pa.list_(pa.string())),
        ("strength", pa.int32()),
        ("value", pa.float64()),
        ("scores", pa.string()),
        ("criteria", pa.string()),
        ("confidence", pa.float64()),
        ("rationale", pa.string()),
        ("principle", pa.string()),
        ("critique", pa.string()),
        ("duration_ms", pa.int64()),
        ("active_ms", pa.int64()),
        ("judged_at", pa.timestamp("us", "UTC")),
        ("position", pa.int64()),
        ("surplus", pa.bool_()),
        ("guidelines_version", pa.int32()),
        ("models", pa.list_(pa.string())),
        ("output_digests", pa.list_(pa.string())),
        ("prompt_digest", pa.string()),
        ("language", pa.string()),
        ("lease_id", pa.string()),
        ("pair_id", pa.string()),
        ("propensity", pa.float64()),
    ]
)


# Of an integer beyond 2**53, which the database tells by all of its digits, as it does 1e308.
MANY_DIGITS = r": -?\d{16}"


def _convert(judgments: pa.RecordBatch) -> list[Column]:
    columns = {column.name: judgments[column.name].cast(column.type) for column in SCHEMA}
    return [*(columns | {"scores": _with_doubles(columns["scores"])}).values()]


def _with_doubles(scores: Column) -> Column:
    """JSON scores as the API tells them."""
    large = cast("pa.BooleanArray", pc.match_substring_regex(pc.coalesce(scores, pa.scalar("")), MANY_DIGITS))
    texts = cast("list[str]", scores.filter(large).to_pylist())
    told = [json.dumps(as_doubles(json.loads(text)), ensure_ascii=False) for text in texts]
    return cast("Column", pc.replace_with_mask(scores, large, pa.array(told, pa.string())))


JUDGMENTS = Format(
    name="judgments",
    about="Every selected judgment with its provenance, before consensus, rules and sampling; `scores` and `criteria` "
    "are JSON, `outputs`, `models` and `output_digests` go together, `presented` is left then right. A rating "
    "names one output and has a `value` in place of a winner.",
    rows=Rows.JUDGMENTS,
    schema=SCHEMA,
    convert=_convert,
)
