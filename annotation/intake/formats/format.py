"""What an import format is, and what formats share. Imports no Django."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import ValidationError

from annotation import canonical
from annotation.canonical import Json
from annotation.intake.content import CONTENT
from annotation.intake.schemas import RefusedError, describe_errors

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Format:
    """How to know a record by its fields, and how to turn it into a native line.

    `convert` takes the record and the namespace (the project's uid) for the ids it makes; it raises RefusedError.
    """

    name: str
    knows: Callable[[Fields], bool]
    convert: Callable[[Fields, uuid.UUID], Json]


class Said(Protocol):
    """What one source said of the outputs of a record, as a feedback record once their ids are known."""

    def record(self, names: Mapping[int, str]) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Vote:
    """What one source said of a pair: `winner` is 0 or 1, None for a tie or both bad.

    `presented` says that the outputs were shown in the order given; `fields` are further fields of the feedback, and
    `scores` what each of the two was given.
    """

    outcome: str
    winner: int | None
    source: dict[str, str]
    presented: bool = False
    fields: Fields = field(default_factory=dict)
    scores: tuple[float, float] | None = None

    def record(self, names: Mapping[int, str]) -> dict[str, Any]:
        record = {"kind": "preference", "source": self.source, "outcome": self.outcome, **self.fields}
        if self.winner is not None:
            record |= {"chosen": names[self.winner], "rejected": names[1 - self.winner]}
        if self.presented or self.winner is None:
            record["presented"] = [names[0], names[1]]
        if self.scores:
            record["scores"] = {names[index]: score for index, score in enumerate(self.scores)}
        return record


@dataclass(frozen=True)
class Scores:
    """The scores that one source gave to outputs, by their index."""

    scores: Mapping[int, float]
    source: dict[str, str]
    fields: Fields = field(default_factory=dict)

    def record(self, names: Mapping[int, str]) -> dict[str, Any]:
        scores = {names[index]: score for index, score in self.scores.items()}
        return {"kind": "score", "source": self.source, "scores": scores, **self.fields}


@dataclass(frozen=True)
class Ranking:
    """The outputs from best to worst by one source, by their index; equally good ones in one inner list."""

    places: Sequence[Sequence[int]]
    source: dict[str, str]
    fields: Fields = field(default_factory=dict)

    def record(self, names: Mapping[int, str]) -> dict[str, Any]:
        ranking = [[names[index] for index in place] for place in self.places]
        return {"kind": "ranking", "source": self.source, "ranking": ranking, **self.fields}


@dataclass(frozen=True)
class Rating:
    """What one source thought of one output, from -1 to 1."""

    value: float
    source: dict[str, str]
    output: int = 0
    fields: Fields = field(default_factory=dict)

    def record(self, names: Mapping[int, str]) -> dict[str, Any]:
        given = {"output": names[self.output], "value": self.value}
        return {"kind": "rating", "source": self.source, **given, **self.fields}


def imported(format_name: str) -> dict[str, str]:
    """The source of preferences whose people are not named."""
    return {"type": "human", "id": f"imported:{format_name}"}


def content_at(record: Fields, name: str) -> Json:
    """The field of that name, checked to be a string or a list of messages. Raises RefusedError."""
    if record.get(name) is None:
        raise RefusedError.at([name], "is missing")
    try:
        return CONTENT.validate_python(record[name])
    except ValidationError as error:
        raise RefusedError(describe_errors(error, at=(name,))) from None


def rest_of(record: Fields, used: Collection[str]) -> dict[str, Any]:
    """The fields that a format has no use for; they become metadata."""
    return {name: value for name, value in record.items() if name not in used and value is not None}


def native_line(
    namespace: uuid.UUID,
    *,
    prompt: Json,
    outputs: Sequence[Json],
    metadata: Fields,
    votes: Sequence[Said],
    tools: Json = None,
) -> Json:
    """A native line with ids that follow from the content: the same pair again is the same, whoever won it.

    The outputs are stored in an order that follows from their content too, so that it tells nothing of the winner.
    """
    digests = [canonical.digest(output) for output in outputs]
    asked = {"prompt": prompt, "metadata": metadata, **({"tools": tools} if tools else {})}
    request_id = str(canonical.stable_uuid(namespace, {**asked, "outputs": sorted(digests)}))
    order = sorted(range(len(outputs)), key=lambda index: canonical.stable_hash(request_id, digests[index]))
    names = {index: str(canonical.stable_uuid(namespace, [request_id, place])) for place, index in enumerate(order)}
    return {
        "request_id": request_id,
        **asked,
        "outputs": [{"output_id": names[index], **outputs[index]} for index in order],
        "feedback": [_feedback(namespace, request_id, names, vote) for vote in votes],
    }


def _feedback(namespace: uuid.UUID, request_id: str, names: Mapping[int, str], said: Said) -> Json:
    record = said.record(names)
    return {"feedback_id": str(canonical.stable_uuid(namespace, [request_id, record])), **record}


def text_at(record: Fields, name: str) -> str:
    """The field of that name, checked to be a string. Raises RefusedError."""
    text = record.get(name)
    if not isinstance(text, str):
        raise RefusedError.at([name], "is missing" if text is None else "must be a string")
    return text


def number_at(value: object, path: Sequence[str | int]) -> float:
    """A finite number, perhaps written as text, as in CSV. Raises RefusedError."""
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool) and math.isfinite(float(value)):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise RefusedError.at(list(path), "is missing" if value is None else "must be a number")


def objects_at(record: Fields, name: str, count: int | None = None) -> list[dict[str, Any]]:
    """A field that holds a list of objects, so many of them if that is given. Raises RefusedError."""
    value = record.get(name)
    if value is None:
        raise RefusedError.at([name], "is missing")
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise RefusedError.at([name], "must be a list of objects")
    if not value or count not in (None, len(value)):
        raise RefusedError.at([name], f"must have {count or 'some'} elements")
    return value
