"""Records that are good, to be spoiled one way or the other."""

from __future__ import annotations

import datetime as dt
from typing import Any

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)


def inference(request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """A small inference with the outputs a and b, named by its request."""
    return {
        "request_id": request_id,
        "prompt": f"What is {request_id}?",
        "outputs": [
            {"output_id": f"{request_id}-a", "content": "One thing.", "model": {"name": "aurora", "version": "1"}},
            {"output_id": f"{request_id}-b", "content": "Another.", "model": {"name": "basalt"}},
        ],
        **fields,
    }


def preference(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """Feedback that prefers a over b."""
    return {
        "feedback_id": feedback_id,
        "request_id": request_id,
        "kind": "preference",
        "source": {"type": "end_user", "id": "u1"},
        "outcome": "chosen",
        "chosen": f"{request_id}-a",
        "rejected": f"{request_id}-b",
        **fields,
    }


def tie(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """Feedback that finds a and b equally good."""
    return {
        "feedback_id": feedback_id,
        "request_id": request_id,
        "kind": "preference",
        "source": {"type": "end_user", "id": "u1"},
        "outcome": "tie",
        "presented": [f"{request_id}-a", f"{request_id}-b"],
        **fields,
    }


def score(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """A reward model's scores of a and b."""
    return {
        "feedback_id": feedback_id,
        "request_id": request_id,
        "kind": "score",
        "source": {"type": "reward_model", "id": "rm-7", "version": "3"},
        "scores": {f"{request_id}-a": 0.8, f"{request_id}-b": 0.2},
        **fields,
    }


def ranking(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """A critic's ranking of a before b."""
    return {
        "feedback_id": feedback_id,
        "request_id": request_id,
        "kind": "ranking",
        "source": {"type": "ai_critic", "id": "critic"},
        "ranking": [[f"{request_id}-a"], [f"{request_id}-b"]],
        **fields,
    }


def rating(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """A thumb up for a."""
    source = {"type": "end_user", "id": "u1"}
    common = {"feedback_id": feedback_id, "request_id": request_id, "kind": "rating", "source": source}
    return {**common, "output": f"{request_id}-a", "value": 1, **fields}


def edit(feedback_id: str = "f1", request_id: str = "r1", **fields: Any) -> dict[str, Any]:
    """What a user made of a."""
    source = {"type": "end_user", "id": "u1"}
    common = {"feedback_id": feedback_id, "request_id": request_id, "kind": "edit", "source": source}
    return {**common, "output": f"{request_id}-a", "edited": "One good thing.", **fields}


def implicit(feedback_id: str = "f1", request_id: str = "r1", **signals: Any) -> dict[str, Any]:
    """Signals of a user; unless others are given, a was copied."""
    source = {"type": "end_user", "id": "u1"}
    common = {"feedback_id": feedback_id, "request_id": request_id, "kind": "implicit", "source": source}
    return {**common, "signals": signals or {"copied": [f"{request_id}-a"]}}


def retraction(feedback_id: str, retracts: str, **fields: Any) -> dict[str, Any]:
    """The end user u1 takes a record back."""
    source = {"type": "end_user", "id": "u1"}
    return {"feedback_id": feedback_id, "kind": "retraction", "source": source, "retracts": retracts, **fields}
