"""Whole conversations → what was asked, and the turns in which two answers differ. Imports no Django."""

from __future__ import annotations

from annotation.canonical import Json
from annotation.intake.schemas import RefusedError

Messages = list[dict[str, Json]]


def split(one: Messages, other: Messages) -> tuple[Messages | str, Messages, Messages]:
    """The common beginning of two conversations, and what is left of each, which begins with an assistant's turn.

    Of two that are the same, the last answer is left. A beginning of nothing is the empty prompt. Raises RefusedError
    when there is no answer to begin with.
    """
    shared = 0
    while shared < min(len(one), len(other)) - 1 and one[shared] == other[shared]:
        shared += 1
    while shared and not (_is_answer(one[shared]) and _is_answer(other[shared])):
        shared -= 1
    if not (_is_answer(one[shared]) and _is_answer(other[shared])):
        raise RefusedError.at([], "the two conversations have no answer by an assistant to compare")
    return one[:shared] or "", one[shared:], other[shared:]


def _is_answer(message: dict[str, Json]) -> bool:
    return bool(message["role"] == "assistant")


def as_content(messages: Messages) -> Json:
    """The turns of an answer; one plain turn as its text, which is the same content."""
    if len(messages) == 1 and messages[0].keys() == {"role", "content"} and isinstance(messages[0]["content"], str):
        return messages[0]["content"]
    return messages
