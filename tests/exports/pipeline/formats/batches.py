"""Batches of pairs as the pipeline reads them, made by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

TEXTS = pa.list_(pa.string())
SCHEMA = pa.schema(
    [
        ("in_decided", pa.bool_()), ("in_pairs", pa.bool_()), ("in_rated", pa.bool_()), ("edited", pa.bool_()),
        ("pair_id", pa.string()), ("request_id", pa.string()), ("source", pa.string()), ("judge", pa.string()),
        ("language", pa.string()), ("winner", pa.string()),
        ("votes_x", pa.int32()), ("votes_y", pa.int32()), ("votes_tie", pa.int32()), ("votes_both_bad", pa.int32()),
        ("agreement", pa.float64()), ("margin", pa.float64()), ("strength", pa.float64()),
        ("score_x", pa.float64()), ("score_y", pa.float64()), ("model_x", pa.string()), ("model_y", pa.string()),
        ("last_position", pa.int64()), ("judged_at", pa.timestamp("us", "UTC")),
        ("prompt_roles", TEXTS), ("prompt_texts", TEXTS), ("x_roles", TEXTS), ("x_texts", TEXTS),
        ("y_roles", TEXTS), ("y_texts", TEXTS),
        ("vote_scores", pa.list_(pa.int32())), ("vote_reasons", TEXTS),
    ]
)  # fmt: skip
PAIR = {
    "in_decided": True, "in_pairs": True, "in_rated": False, "edited": False,
    "pair_id": "p1", "request_id": "r1", "source": "human", "judge": "alice",
    "language": "en", "winner": "a", "votes_x": 2, "votes_y": 1, "votes_tie": 0, "votes_both_bad": 0,
    "agreement": 2 / 3, "margin": 0.5, "strength": None, "score_x": None, "score_y": None,
    "model_x": "aurora 1", "model_y": "basalt 1", "last_position": 7, "judged_at": 1_700_000_000_500_000,
    "prompt_roles": ["user"], "prompt_texts": ["Question?"], "x_roles": ["assistant"], "x_texts": ["Good."],
    "y_roles": ["assistant"], "y_texts": ["Bad."], "vote_scores": [-2], "vote_reasons": ["Because."],
}  # fmt: skip
META = {
    "meta_pair_id": "p1", "meta_request_id": "r1", "meta_source": "human", "meta_votes_chosen": 2,
    "meta_votes_rejected": 1, "meta_votes_tie": 0, "meta_votes_both_bad": 0, "meta_agreement": 2 / 3,
    "meta_chosen_model": "aurora 1", "meta_rejected_model": "basalt 1", "meta_chosen_score": None,
    "meta_rejected_score": None, "meta_last_position": 7,
}  # fmt: skip
CHAT = {"prompt_roles": ["system", "user", "assistant", "user"], "prompt_texts": ["Be kind.", "Hi.", "Hello.", "Bye?"]}
# A chosen output of two messages and no rejected one: as odd as the contract lets it be.
ODD = {"x_roles": ["assistant", "tool"], "x_texts": ["[]", "4"], "y_roles": [], "y_texts": []}


def pairs(*changes: dict[str, Any]) -> pa.RecordBatch:
    """A batch of one pair for each dictionary of what is other than in PAIR."""
    return pa.RecordBatch.from_pylist([PAIR | change for change in changes], schema=SCHEMA)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}
