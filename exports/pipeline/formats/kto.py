"""`kto`: unpaired rows of prompt, completion and label: rated outputs, and both sides of each pair."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from exports.pipeline.formats.format import MESSAGES, Column, Format, Rows, messages, meta, pair_schema

OF_THE_REJECTED = ("meta_rejected_model", "meta_rejected_score")


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    size = pairs.num_rows
    rated = pairs["in_rated"].to_pylist()
    row_of = [row for row, alone in enumerate(rated) for _ in range(1 if alone else 2)]
    is_second = [second for alone in rated for second in ((False,) if alone else (False, True))]
    rows = pa.array(row_of, pa.int64())
    picked = pa.array([row + size * second for row, second in zip(row_of, is_second, strict=True)], pa.int64())
    completion = pa.concat_arrays([messages(pairs, "x"), messages(pairs, "y")]).take(picked)
    good = pc.equal(pairs["winner"], pa.scalar("a")).take(rows)
    alone = pairs["in_rated"].take(rows)
    label = pc.if_else(alone, good, pc.invert(pa.array(is_second, pa.bool_())))
    origin = pc.if_else(alone, "rating", "pair")
    about = [
        _about(name, column.take(rows), alone) for name, column in zip(SCHEMA.names[3:], meta(pairs), strict=False)
    ]
    return [messages(pairs, "prompt").take(rows), completion, label, *about, origin]


def _about(name: str, column: Column, alone: Column) -> Column:
    """A provenance column; a rating has no rejected output."""
    return pc.if_else(alone, pa.scalar(None, column.type), column) if name in OF_THE_REJECTED else column


SCHEMA = pair_schema(("prompt", MESSAGES), ("completion", MESSAGES), ("label", pa.bool_())).append(
    pa.field("meta_origin", pa.string())
)
KTO = Format(
    name="kto",
    about="Single outputs, labelled true (good) and false (bad). `meta_origin` is `rating` for an output that was "
    "rated (its votes and score are the ratings and their mean), `pair` for either side of a pair: the chosen is true.",
    rows=Rows.DECIDED_AND_RATED,
    schema=SCHEMA,
    convert=_convert,
)
