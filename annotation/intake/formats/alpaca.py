"""Alpaca preferences: `instruction` and `input`, perhaps `system` and `history`, with `chosen` and `rejected`."""

from __future__ import annotations

import uuid

from annotation.canonical import Json
from annotation.intake.formats.format import Fields, Format, Vote, content_at, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    return native_line(
        namespace,
        prompt=_prompt(record),
        outputs=[{"content": content_at(record, "chosen")}, {"content": content_at(record, "rejected")}],
        metadata=rest_of(record, {"instruction", "input", "system", "history", "chosen", "rejected"}),
        votes=[Vote("chosen", 0, imported("alpaca"))],
    )


def _prompt(record: Fields) -> Json:
    """A string, or messages when there is a system text or a history. The input follows the instruction on a line."""
    asked = "\n".join(text for name in ("instruction", "input") if (text := _text_at(record, name)))
    system, history = _text_at(record, "system"), record.get("history") or []
    if not system and not history:
        return asked
    messages = [{"role": "system", "content": system}] if system else []
    for index, turn in enumerate(history):
        if not (isinstance(turn, list) and len(turn) == 2 and all(isinstance(text, str) for text in turn)):
            raise RefusedError.at(["history", index], "must be a list of two strings: what was asked and answered")
        messages += [{"role": "user", "content": turn[0]}, {"role": "assistant", "content": turn[1]}]
    return [*messages, {"role": "user", "content": asked}]


def _text_at(record: Fields, name: str) -> str:
    text = record.get(name)
    if text is not None and not isinstance(text, str):
        raise RefusedError.at([name], "must be a string")
    return text or ""


ALPACA = Format("alpaca", lambda record: {"instruction", "chosen", "rejected"} <= record.keys(), _convert)
