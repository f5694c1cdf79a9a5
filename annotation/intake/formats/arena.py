"""Arena battles: two models' conversations and who won; and the 55k form, with prompt and responses turn by turn."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from typing import Any

from pydantic import ValidationError

from annotation.canonical import Json
from annotation.intake.content import MESSAGES
from annotation.intake.formats.conversations import Messages, as_content, split
from annotation.intake.formats.format import Fields, Format, Vote, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError, describe_errors
from annotation.intake.soundness import UnsoundError, read_json

WINNERS: dict[str, tuple[str, int | None]] = {
    "model_a": ("chosen", 0),
    "model_b": ("chosen", 1),
    "tie": ("tie", None),
    "tie (bothbad)": ("both_bad", None),
    "both_bad": ("both_bad", None),
}
ONE_HOT = ("winner_model_a", "winner_model_b", "winner_tie")
MESSAGE_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id")
USED = {
    *("model_a", "model_b", "conversation_a", "conversation_b", "prompt", "response_a", "response_b"),
    *("winner", "judge", "judge_hash", "judge_type", "tstamp", *ONE_HOT),
}


def read_battle(record: Fields) -> tuple[Json, Json, Json, str, int | None]:
    """What was asked, what a and b answered, the outcome and who won (0 or 1). Raises RefusedError."""
    prompt, answer_a, answer_b = split(_conversation(record, "a")[0], _conversation(record, "b")[0])
    return prompt, as_content(answer_a), as_content(answer_b), *_winner(record)


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    (one, notes_a), (other, notes_b) = _conversation(record, "a"), _conversation(record, "b")
    prompt, answer_a, answer_b = split(one, other)
    return native_line(
        namespace,
        prompt=prompt,
        outputs=[_output(record, "model_a", answer_a, notes_a), _output(record, "model_b", answer_b, notes_b)],
        metadata=rest_of(record, USED),
        votes=[_vote(record)],
    )


def _output(record: Fields, name: str, answer: Messages, notes: list[Any]) -> Json:
    model = record.get(name)
    if not isinstance(model, str) or not model:
        raise RefusedError.at([name], "must be the name of a model")
    output = {"content": as_content(answer), "model": {"name": model}}
    return {**output, "metadata": {"conversation": notes}} if any(notes) else output


def _vote(record: Fields) -> Vote:
    outcome, winner = _winner(record)
    judge = record.get("judge") or record.get("judge_hash")
    source = {"type": record.get("judge_type") or "human", "id": judge or imported("arena")["id"]}
    moment = _moment(record["tstamp"]) if record.get("tstamp") is not None else None
    return Vote(outcome, winner, source, presented=True, fields={"occurred_at": moment} if moment else {})


def _winner(record: Fields) -> tuple[str, int | None]:
    if "winner" in record:
        winner = record["winner"]
        if not isinstance(winner, str) or winner not in WINNERS:
            raise RefusedError.at(["winner"], f"must be one of {', '.join(WINNERS)}")
        return WINNERS[winner]
    flags = [str(record.get(name)).lower() in ("1", "1.0", "true") for name in ONE_HOT]
    if sum(flags) != 1:
        raise RefusedError.at([ONE_HOT[0]], f"just one of {', '.join(ONE_HOT)} must be 1")
    return (("chosen", 0), ("chosen", 1), ("tie", None))[flags.index(True)]


def _moment(stamp: Json) -> Json:
    """A time in seconds since 1970 as RFC 3339; anything else stays as it is, for the schema to judge."""
    try:
        seconds = float(stamp)
        return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat() if math.isfinite(seconds) else stamp
    except (TypeError, ValueError, OverflowError, OSError):
        return stamp


def _conversation(record: Fields, side: str) -> tuple[Messages, list[Any]]:
    """One side's messages, and what else stood in each of them (token counts and the like)."""
    name = f"conversation_{side}"
    if record.get(name) is None and record.get(f"response_{side}") is not None:
        return _from_turns(record, side), []
    found = _list_at(record, name)
    messages = [
        {key: message[key] for key in MESSAGE_FIELDS if key in message} if isinstance(message, dict) else message
        for message in found
    ]
    try:
        MESSAGES.validate_python(messages)
    except ValidationError as error:
        raise RefusedError(describe_errors(error, at=(name,))) from None
    return messages, [{key: item for key, item in message.items() if key not in MESSAGE_FIELDS} for message in found]


def _from_turns(record: Fields, side: str) -> Messages:
    asked, answered = _list_at(record, "prompt"), _list_at(record, f"response_{side}")
    if len(asked) != len(answered):
        raise RefusedError.at([f"response_{side}"], "must have as many turns as the prompt")
    for name, turns in (("prompt", asked), (f"response_{side}", answered)):
        for index, text in enumerate(turns):
            if not isinstance(text, str):
                raise RefusedError.at([name, index], "must be a string")
    return [
        {"role": role, "content": text}
        for pair in zip(asked, answered, strict=True)
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _list_at(record: Fields, name: str) -> list[Any]:
    """A field that holds a list, perhaps written as JSON, as in CSV; a text by itself is a list of one."""
    value = record.get(name)
    if value is None:
        raise RefusedError.at([name], "is missing; a battle without its texts cannot be stored")
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = read_json(value.encode()).value
        except UnsoundError as error:
            raise RefusedError.at([name], error.problem.detail) from None
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not value:
        raise RefusedError.at([name], "must be a list of turns")
    return value


ARENA = Format("arena", lambda record: {"model_a", "model_b"} <= record.keys(), _convert)
