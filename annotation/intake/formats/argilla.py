"""Argilla: records with fields, and responses to a ranking, a label or rating questions, as exported.

Both what `Dataset.records.to_json` writes (objects `fields` and `responses`) and the flat columns of `to_datasets`
(`QUESTION.responses`, `QUESTION.responses.users`) are read, and of Argilla 1 the data sets that it put on the Hub (a
column for each question that lists `user_id`, `value` and `status`). Suggestions are no responses.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.fielded import read_fields
from annotation.intake.formats.format import Fields, Format, Ranking, Said, Vote, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError
from annotation.intake.soundness import UnsoundError, read_json

TIES = ("tie", "both", "equal", "same")
SUBMITTED = "submitted"
FLAT = ".responses"
SUGGESTIONS = ("-suggestion", "-suggestion-metadata")  # columns beside that of a question, in Argilla 1


@dataclass(frozen=True)
class Response:
    """What one person answered to one question."""

    question: str
    value: Any
    user: str


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    is_flat = not isinstance(record.get("fields"), dict)
    data = _flat_fields(record) if is_flat else record["fields"]
    found = read_fields(data, [] if is_flat else ["fields"])
    responses = _flat_responses(record) if is_flat else _responses(record)
    about = _about(record.get("metadata"))
    return native_line(
        namespace,
        prompt=found.prompt,
        outputs=[{"content": output} for output in found.outputs],
        metadata={**rest_of(data, {*found.used, "id", "status"}), **about},
        votes=list(_votes(responses, found.names)),
    )


def _responses(record: Fields) -> Iterator[Response]:
    given = record.get("responses") or {}
    if not isinstance(given, dict):
        raise RefusedError.at(["responses"], "must be an object of lists, by question")
    for question, answers in given.items():
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            raise RefusedError.at(["responses", question], "must be a list of objects")
        for one in answers:
            if one.get("status", SUBMITTED) == SUBMITTED:
                yield Response(
                    question, _listed(one.get("value")), str(one.get("user_id") or imported("argilla")["id"])
                )


def _about(metadata: object) -> dict[str, Any]:
    """Metadata: an object, or its JSON in a data set of Argilla 1; what is neither is kept as it is."""
    if isinstance(metadata, str) and metadata.startswith("{"):
        with suppress(UnsoundError):
            metadata = read_json(metadata.encode()).value
    if isinstance(metadata, dict):
        return metadata
    return {"metadata": metadata} if metadata else {}


def _flat_fields(record: Fields) -> dict[str, Any]:
    older = {f"{name}{end}" for name in _older_answers(record) for end in ("", *SUGGESTIONS)}
    told = {"metadata", "external_id", *older}
    return {
        name: value
        for name, value in record.items()
        if "." not in name and not name.startswith("_") and name not in told
    }


def _older_answers(record: Fields) -> dict[str, list[dict[str, Any]]]:
    """The answers by question in a data set of Argilla 1: a list of objects, or an object of lists.

    A question without any has the columns of its suggestions beside it.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, value in record.items():
        if isinstance(value, dict) and _is_older(value) and all(isinstance(one, list) for one in value.values()):
            answers = zip_longest(*value.values())
            found[name] = [dict(zip(value, answer, strict=True)) for answer in answers]
        elif isinstance(value, list) and all(isinstance(one, dict) and _is_older(one) for one in value):
            is_question = value or any(f"{name}{end}" in record for end in SUGGESTIONS)
            found |= {name: value} if is_question else {}
    return found


def _is_older(answer: Fields) -> bool:
    # The library leaves out what is null.
    return {"status"} <= answer.keys() <= {"user_id", "value", "status"}


def _flat_responses(record: Fields) -> Iterator[Response]:
    yield from _responses({"responses": _older_answers(record)})
    for name, values in record.items():
        if not name.endswith(FLAT) or not isinstance(values, list):
            continue
        users, states = record.get(f"{name}.users") or [], record.get(f"{name}.status") or []
        for index, value in enumerate(values):
            if (states[index] if index < len(states) else SUBMITTED) == SUBMITTED:
                user = users[index] if index < len(users) else imported("argilla")["id"]
                yield Response(name.removesuffix(FLAT), value, str(user))


def _votes(responses: Iterator[Response], names: Sequence[str]) -> Iterator[Said]:
    """Rankings and labels as they are; ratings of single outputs by one person, taken together, are a ranking."""
    ratings: dict[str, dict[int, float]] = {}
    for response in responses:
        source = {"type": "human", "id": f"argilla:{response.user}" if ":" not in response.user else response.user}
        rated = [index for index, name in enumerate(names) if response.question in _rating_names(name)]
        if rated and isinstance(response.value, (int, float)):
            ratings.setdefault(response.user, {})[rated[0]] = response.value
        elif _is_ranking(response.value, names):
            yield Ranking(_places(response, names), source)
        elif isinstance(response.value, str) and (vote := _label(response.value, names, source)):
            yield vote
    for user, values in ratings.items():
        if len(values) > 1:
            source = {"type": "human", "id": f"argilla:{user}" if ":" not in user else user}
            yield Ranking(_by_value({index: -value for index, value in values.items()}), source)


def _rating_names(name: str) -> tuple[str, ...]:
    return tuple(f"{name}{mark}rating" for mark in "-_") + tuple(f"rating{mark}{name}" for mark in "-_")


def _places(response: Response, names: Sequence[str]) -> list[list[int]]:
    """A ranking: objects of value and rank, or values from best to worst."""
    ranks: dict[int, float] = {}
    for place, one in enumerate(response.value):
        value, rank = (one.get("value"), one.get("rank")) if isinstance(one, dict) else (one, place)
        if value not in names or not isinstance(rank, (int, float)):
            raise RefusedError.at(["responses", response.question, place], f"must rank one of {', '.join(names)}")
        ranks[names.index(value)] = rank
    if len(ranks) < 2:
        raise RefusedError.at(["responses", response.question], "must rank two outputs or more")
    return _by_value(ranks)


def _listed(value: Any) -> Any:
    """A ranking as a list: the data sets library makes an object of lists of a list of objects."""
    if isinstance(value, dict) and isinstance(value.get("value"), list) and isinstance(value.get("rank"), list):
        return [{"value": name, "rank": rank} for name, rank in zip_longest(value["value"], value["rank"])]
    return value


def _is_ranking(value: Any, names: Sequence[str]) -> bool:
    """Whether a value ranks outputs; several labels, and spans of a text, are lists as well."""
    return isinstance(value, list) and any("rank" in one if isinstance(one, dict) else one in names for one in value)


def _by_value(values: Mapping[int, float]) -> list[list[int]]:
    return [[index for index, value in values.items() if value == one] for one in sorted(set(values.values()))]


def _label(value: str, names: Sequence[str], source: dict[str, str]) -> Vote | None:
    """The vote of a label that names an output, of two, or says that they are equal; other labels are no votes."""
    if len(names) != 2:
        return None
    if value in names:
        return Vote("chosen", names.index(value), source)
    return Vote("tie", None, source) if value.lower() in TIES else None


def _is_known(record: Fields) -> bool:
    if isinstance(record.get("fields"), dict):
        return "responses" in record or "suggestions" in record
    return any(name.endswith(FLAT) for name in record) or bool(_older_answers(record))


ARGILLA = Format("argilla", _is_known, _convert)
