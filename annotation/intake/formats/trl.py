"""TRL: `prompt`, `chosen`, `rejected` as strings or message lists, or the prompt inside of both (implicit)."""

from __future__ import annotations

import re
import uuid

from annotation import canonical
from annotation.canonical import Json
from annotation.intake.formats.conversations import as_content, split
from annotation.intake.formats.format import Fields, Format, Vote, content_at, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError

Parts = tuple[Json, Json, Json]


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    prompt, chosen, rejected = parts_of(record)
    tools = record["tools"] if isinstance(record.get("tools"), list) else None
    return native_line(
        namespace,
        prompt=prompt,
        outputs=[{"content": chosen}, {"content": rejected}],
        metadata=rest_of(record, {"prompt", "chosen", "rejected", *(["tools"] if tools else [])}),
        votes=[Vote("chosen", 0, imported("trl"))],
        tools=tools,
    )


def parts_of(record: Fields) -> Parts:
    """What was asked, and what the chosen and the rejected output add to it. Raises RefusedError."""
    chosen, rejected = content_at(record, "chosen"), content_at(record, "rejected")
    prompt = None if record.get("prompt") is None else content_at(record, "prompt")
    if type(chosen) is not type(rejected):
        raise RefusedError.at(["rejected"], "must be of the same form as chosen")
    if isinstance(chosen, list):
        return _part_conversations(prompt, chosen, rejected)
    return _part_texts(chosen, rejected) if prompt is None else (prompt, chosen, rejected)


# Who tells a model how to answer; newer chat APIs call the system the developer.
INSTRUCTING = ("system", "developer")


def _part_conversations(prompt: Json | None, chosen: Json, rejected: Json) -> Parts:
    if prompt is None:
        shared, won, lost = split(chosen, rejected)
        return shared, as_content(won), as_content(lost)
    if chosen[0]["role"] == rejected[0]["role"] == "assistant":
        return prompt, chosen, rejected
    # Whole conversations beside a prompt: they begin with it, perhaps after a system message.
    asked = canonical.as_messages(prompt, role="user")
    if chosen[0]["role"] in INSTRUCTING and asked[0]["role"] not in INSTRUCTING:
        prompt = asked = [chosen[0], *asked]
    won, lost = chosen[len(asked) :], rejected[len(asked) :]
    if not (won and lost and chosen[: len(asked)] == rejected[: len(asked)] == asked):
        raise RefusedError.at(["prompt"], "is not how chosen and rejected begin")
    return prompt, won, lost


def _part_texts(chosen: str, rejected: str) -> Parts:
    """Cut before the word in which the texts differ, so that prompt and answer joined are the text again."""
    letters = enumerate(zip(chosen, rejected, strict=False))
    shared = next((index for index, (one, other) in letters if one != other), None)
    if shared is None:
        raise RefusedError.at([], "has no prompt, and one text goes on from the other, so none can be told from them")
    cut = len(re.sub(r"\S+\Z", "", chosen[:shared]))
    return chosen[:cut], chosen[cut:], rejected[cut:]


TRL = Format("trl", lambda record: {"chosen", "rejected"} <= record.keys(), _convert)
