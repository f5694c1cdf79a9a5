"""Field types that records share: ids, times, free-form data, and content as chat APIs write it. Imports no Django."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any, Literal, NotRequired

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    with_config,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from annotation.canonical import whole

MAX_FREE_FORM_BYTES = 64 * 1024
AHEAD_AT_MOST = dt.timedelta(days=1)
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
STRICT = ConfigDict(strict=True, extra="forbid")

Whole = Annotated[int, BeforeValidator(whole)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Word = Annotated[str, StringConstraints(max_length=200)]


def refuse(detail: str) -> PydanticCustomError:
    """The error of a field whose value cannot be taken."""
    return PydanticCustomError("refused", detail)


def _read_time(value: object, info: ValidationInfo) -> dt.datetime:
    if not isinstance(value, str):
        raise refuse("must be a string, a time by RFC 3339")
    if not RFC_3339.fullmatch(value):
        raise refuse("is not a time with offset by RFC 3339")
    try:
        moment = dt.datetime.fromisoformat(value.upper()).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise refuse("is no time that there is") from None
    if moment > (info.context or {})["now"] + AHEAD_AT_MOST:
        raise refuse("is more than a day ahead")
    return moment


def _limit_size(value: dict[str, Any]) -> dict[str, Any]:
    if len(orjson.dumps(value)) > MAX_FREE_FORM_BYTES:
        raise refuse("is larger than 64 KB")
    return value


# PlainValidator checks alone; json_schema_input_type is for the documentation of the API.
Time = Annotated[dt.datetime, PlainValidator(_read_time, json_schema_input_type=dt.datetime)]
FreeForm = Annotated[dict[str, Any], AfterValidator(_limit_size)]


@with_config(STRICT)
class ImageUrl(TypedDict):
    url: str
    detail: NotRequired[Word]


# Of rules below that pydantic cannot read off the types, for the documentation of the API.
JUST_ITS_TYPE: Any = {
    "oneOf": [
        {"properties": {"type": {"const": "text"}, "image_url": False}, "required": ["text"]},
        {"properties": {"type": {"const": "image_url"}, "text": False}, "required": ["image_url"]},
    ]
}
CONTENT_OR_CALLS: Any = {
    "anyOf": [
        {"properties": {"content": {"not": {"type": "null"}}}, "required": ["content"]},
        {"properties": {"tool_calls": {"minItems": 1}}, "required": ["tool_calls"]},
    ]
}


@with_config(ConfigDict(**STRICT, json_schema_extra=JUST_ITS_TYPE))
class Part(TypedDict):
    type: Literal["text", "image_url"]
    text: NotRequired[str]
    image_url: NotRequired[ImageUrl]


def _check_part(part: Part) -> Part:
    if part.keys() != {"type", part["type"]}:
        raise refuse(f"must hold type and {part['type']}, and nothing else")
    return part


Parts = Annotated[list[Annotated[Part, AfterValidator(_check_part)]], Field(min_length=1)]
PARTS = TypeAdapter(Parts, config=ConfigDict(strict=True))
Texts = str | Parts


def _check_message_content(value: object) -> object:
    if isinstance(value, list):
        PARTS.validate_python(value)
    elif value is not None and not isinstance(value, str):
        raise refuse("must be a string or a list of parts")
    return value


@with_config(ConfigDict(**STRICT, json_schema_extra=CONTENT_OR_CALLS))
class Message(TypedDict):
    role: Literal["system", "user", "assistant", "tool", "developer"]
    content: NotRequired[Annotated[Any, PlainValidator(_check_message_content, json_schema_input_type=Texts | None)]]
    name: NotRequired[Word]
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[Word]
    refusal: NotRequired[None]  # as chat APIs write it beside every answer that is none


def _check_message(message: Message) -> Message:
    if message.get("content") is None and not message.get("tool_calls"):
        raise refuse("needs content; it may be null only beside tool_calls")
    return message


Messages = Annotated[list[Annotated[Message, AfterValidator(_check_message)]], Field(min_length=1)]
MESSAGES = TypeAdapter(Messages, config=ConfigDict(strict=True))


def _check_content(value: object) -> object:
    if isinstance(value, list):
        MESSAGES.validate_python(value)
    elif not isinstance(value, str):
        raise refuse("must be a string or a list of messages")
    return value


# The value stays as it came; it is only checked.
Content = Annotated[Any, PlainValidator(_check_content, json_schema_input_type=str | Messages)]
CONTENT: TypeAdapter[Any] = TypeAdapter(Content)
