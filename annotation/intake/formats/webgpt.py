"""WebGPT comparisons: a question, two answers with the quotes they rest on, and two scores that add up to nothing."""

from __future__ import annotations

import uuid
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.format import (
    Fields,
    Format,
    Vote,
    imported,
    native_line,
    number_at,
    rest_of,
    text_at,
)

# Tokens of another model are no use to anybody who has the text.
USED = {"question", *(f"{name}_{side}" for name in ("quotes", "answer", "tokens", "score") for side in (0, 1))}


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    question = record.get("question")
    about: dict[str, Any] = {}
    if isinstance(question, dict):
        about = {name: value for name, value in question.items() if name != "full_text"}
    asked = text_at(question, "full_text") if isinstance(question, dict) else text_at(record, "question")
    return native_line(
        namespace,
        prompt=asked,
        outputs=[_output(record, side) for side in (0, 1)],
        metadata={**({"question": about} if about else {}), **rest_of(record, USED)},
        votes=[_vote(record)],
    )


def _output(record: Fields, side: int) -> Json:
    output = {"content": text_at(record, f"answer_{side}")}
    quotes = record.get(f"quotes_{side}")
    return {**output, "metadata": {"quotes": quotes}} if quotes else output


def _vote(record: Fields) -> Vote:
    one, other = (number_at(record.get(f"score_{side}"), [f"score_{side}"]) for side in (0, 1))
    if one == other:
        return Vote("tie", None, imported("webgpt"), presented=True)
    return Vote("chosen", 0 if one > other else 1, imported("webgpt"), presented=True, scores=(one, other))


WEBGPT = Format("webgpt", lambda record: {"question", "answer_0", "answer_1"} <= record.keys(), _convert)
