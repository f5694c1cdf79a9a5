"""UltraFeedback: an instruction with answers of four models, which GPT-4 rated on several aspects; and binarized.

The score of an answer is the mean of its ratings. The binarized form has whole conversations and their two scores.
"""

from __future__ import annotations

import uuid
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.format import (
    Fields,
    Format,
    Scores,
    Vote,
    imported,
    native_line,
    number_at,
    objects_at,
    rest_of,
    text_at,
)
from annotation.intake.formats.trl import parts_of
from annotation.intake.schemas import RefusedError

SOURCE = {"type": "ai_critic", "id": imported("ultrafeedback")["id"]}
BINARIZED = {"chosen", "rejected", "score_chosen", "score_rejected"}


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    return _binarized(record, namespace) if record.keys() >= BINARIZED else _raw(record, namespace)


def _raw(record: Fields, namespace: uuid.UUID) -> Json:
    completions = objects_at(record, "completions")
    scores = {index: score for index, one in enumerate(completions) if (score := _score(one, index)) is not None}
    return native_line(
        namespace,
        prompt=text_at(record, "instruction"),
        outputs=[_output(one, index) for index, one in enumerate(completions)],
        metadata=rest_of(record, {"instruction", "completions", "models"}),
        votes=[Scores(scores, SOURCE)] if len(scores) > 1 else [],
    )


def _output(completion: dict[str, Any], index: int) -> Json:
    response = completion.get("response")
    if not isinstance(response, str):
        raise RefusedError.at(["completions", index, "response"], "must be a string")
    output = {"content": response, "metadata": rest_of(completion, {"response", "model"})}
    return {**output, "model": {"name": completion["model"]}} if completion.get("model") else output


def _score(completion: dict[str, Any], index: int) -> float | None:
    """The mean of the ratings that are numbers, for some say N/A; without any the overall score, if there is one."""
    aspects = completion.get("annotations") or {}
    ratings = [str(aspect.get("Rating")) for aspect in aspects.values() if isinstance(aspect, dict)]
    given = [float(rating) for rating in ratings if rating.replace(".", "", 1).isdecimal()]
    if given:
        return sum(given) / len(given)
    overall = completion.get("overall_score")
    return None if overall is None else number_at(overall, ["completions", index, "overall_score"])


def _binarized(record: Fields, namespace: uuid.UUID) -> Json:
    prompt, chosen, rejected = parts_of(record)
    scores = (
        number_at(record["score_chosen"], ["score_chosen"]),
        number_at(record["score_rejected"], ["score_rejected"]),
    )
    return native_line(
        namespace,
        prompt=prompt,
        outputs=[{"content": chosen}, {"content": rejected}],
        metadata=rest_of(record, {"prompt", "messages", *BINARIZED}),
        votes=[Vote("chosen", 0, SOURCE, scores=scores)],
    )


ULTRAFEEDBACK = Format(
    "ultrafeedback",
    lambda record: record.keys() >= BINARIZED or {"instruction", "completions"} <= record.keys(),
    _convert,
)
