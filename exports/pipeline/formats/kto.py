"""`kto`: unpaired rows of prompt, completion and label; each pair gives its chosen and its rejected side."""

from __future__ import annotations

import pyarrow as pa

from exports.pipeline.formats.format import MESSAGES, Column, Format, Rows, messages, meta, pair_schema


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    size = pairs.num_rows
    in_turn = pa.array([part * size + row for row in range(size) for part in (0, 1)], pa.int64())
    twice = pa.array([row for row in range(size) for _ in (0, 1)], pa.int64())
    completion = pa.concat_arrays([messages(pairs, "x"), messages(pairs, "y")]).take(in_turn)
    label = pa.array([True, False] * size, pa.bool_())
    origin = pa.array(["pair"] * (2 * size), pa.string())
    both = [messages(pairs, "prompt").take(twice), completion, label]
    return [*both, *(column.take(twice) for column in meta(pairs)), origin]


KTO = Format(
    name="kto",
    about="Both sides of each pair on their own, labelled true (chosen) and false (rejected); `meta_origin` is `pair`.",
    rows=Rows.DECIDED,
    schema=pair_schema(("prompt", MESSAGES), ("completion", MESSAGES), ("label", pa.bool_())).append(
        pa.field("meta_origin", pa.string())
    ),
    convert=_convert,
)
