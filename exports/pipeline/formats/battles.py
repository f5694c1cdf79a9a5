"""`battles`: who won against whom, ties and both-bad included, for leaderboards."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from exports.pipeline.formats.format import (
    MESSAGES,
    Column,
    Filter,
    Format,
    Rows,
    conversations,
    first_and_second,
    meta,
    pair_schema,
    strings,
)

WINNERS = {"a": "model_a", "b": "model_b", "tie": "tie", "both_bad": "both_bad"}


def _convert(pairs: pa.RecordBatch) -> list[Column]:
    model_a, model_b = first_and_second(pairs, pairs["model_x"], pairs["model_y"])
    conversation_a, conversation_b = first_and_second(pairs, conversations(pairs, "x"), conversations(pairs, "y"))
    winner = pa.array([WINNERS[winner] for winner in strings(pairs, "winner")], pa.string())
    turns = pa.array([(roles or []).count("user") for roles in pairs["prompt_roles"].to_pylist()], pa.int64())
    seconds = pc.divide(pairs["judged_at"].cast(pa.int64()).cast(pa.float64()), 1_000_000.0)
    return [
        *(pairs["request_id"], model_a, model_b, winner, pairs["judge"], conversation_a, conversation_b),
        *(turns, pairs["language"], seconds, *meta(pairs)),
    ]


BATTLES = Format(
    name="battles",
    about="One battle a row: two models, two whole conversations and the `winner`: `model_a`, `model_b`, `tie` or "
    "`both_bad`. In a tie `meta_chosen_…` speaks of `model_a` and `meta_rejected_…` of `model_b`.",
    rows=Rows.PAIRS,
    schema=pair_schema(
        ("question_id", pa.string()),
        ("model_a", pa.string()),
        ("model_b", pa.string()),
        ("winner", pa.string()),
        ("judge", pa.string()),
        ("conversation_a", MESSAGES),
        ("conversation_b", MESSAGES),
        ("turn", pa.int64()),
        ("language", pa.string()),
        ("tstamp", pa.float64()),
    ),
    convert=_convert,
    wants=frozenset({"judge", "judged_at", "language", "edited"}),
    only=Filter("edited", lambda pairs: pc.invert(pairs["edited"])),
)
