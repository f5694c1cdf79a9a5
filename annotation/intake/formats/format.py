"""What an import format is, and what formats share. Imports no Django."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

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


@dataclass(frozen=True)
class Vote:
    """What one source said of a pair: `winner` is 0 or 1, None for a tie or both bad.

    `presented` says that the outputs were shown in the order given; `fields` are further fields of the feedback.
    """

    outcome: str
    winner: int | None
    source: dict[str, str]
    presented: bool = False
    fields: Fields = field(default_factory=dict)


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
    votes: Sequence[Vote],
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


def _feedback(namespace: uuid.UUID, request_id: str, names: Mapping[int, str], vote: Vote) -> Json:
    record = {"kind": "preference", "source": vote.source, "outcome": vote.outcome, **vote.fields}
    if vote.winner is not None:
        record |= {"chosen": names[vote.winner], "rejected": names[1 - vote.winner]}
    if vote.presented or vote.winner is None:
        record["presented"] = [names[0], names[1]]
    return {"feedback_id": str(canonical.stable_uuid(namespace, [request_id, record])), **record}
