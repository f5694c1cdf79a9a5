"""Label Studio: tasks with the annotations of a Pairwise tag, as exported in JSON, JSON-MIN or CSV.

The names of the fields are the labelling interface's own. Two texts whose names differ in the number at their end
(answer1 and answer2, text1 and text2) are the outputs; the prompt is the field called so, or the only other text.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.fielded import read_fields
from annotation.intake.formats.format import Fields, Format, Vote, imported, native_line, number_at, rest_of
from annotation.intake.schemas import RefusedError
from annotation.intake.soundness import UnsoundError, read_json

SIDES = {"left": 0, "right": 1}
MIN_FIELDS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    is_whole = isinstance(record.get("data"), dict)
    data = record["data"] if is_whole else record
    found = read_fields(data, ["data"] if is_whole else [], count=2)
    votes = [*_whole_votes(record)] if is_whole else [_min_vote(record)]
    used = {
        *found.used,
        *(MIN_FIELDS | {name for name, value in record.items() if _side(value) is not None} if not is_whole else ()),
    }
    return native_line(
        namespace,
        prompt=found.prompt,
        outputs=[{"content": text} for text in found.outputs],
        metadata=rest_of(data, used),
        votes=votes,
    )


def _side(value: object) -> int | None:
    """Which of the two a Pairwise value selects; None when it is no such value.

    In JSON it is an object, in JSON-MIN a list of one, and in CSV the text of that.
    """
    if isinstance(value, str) and value.startswith("["):
        try:
            value = read_json(value.encode()).value
        except UnsoundError:
            return None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    chosen = value.get("selected") if isinstance(value, dict) else value
    return SIDES.get(chosen) if isinstance(chosen, str) else None


def _whole_votes(record: Fields) -> Iterator[Vote]:
    annotations = record.get("annotations") or []
    if not isinstance(annotations, list):
        raise RefusedError.at(["annotations"], "must be a list")
    for index, one in enumerate(annotations):
        if not isinstance(one, dict):
            raise RefusedError.at(["annotations", index], "must be an object")
        if one.get("was_cancelled"):
            continue
        results = [result for result in one.get("result") or () if isinstance(result, dict)]
        sides = [side for result in results if result.get("type") == "pairwise"
                 if (side := _side(result.get("value"))) is not None]  # fmt: skip
        if len(sides) == 1:
            yield _vote(sides[0], one.get("completed_by"), one)
        elif any(result.get("type") == "pairwise" for result in results):
            raise RefusedError.at(["annotations", index, "result"], "must select left or right once")


def _min_vote(record: Fields) -> Vote:
    sides = [side for value in record.values() if (side := _side(value)) is not None]
    if len(sides) != 1:
        raise RefusedError.at([], "must select left or right in one field")
    return _vote(sides[0], record.get("annotator"), record)


def _vote(side: int, by: Any, told: Fields) -> Vote:
    name = by.get("email") or by.get("id") if isinstance(by, dict) else by
    fields: dict[str, Any] = {}
    if isinstance(told.get("created_at"), str):
        fields["occurred_at"] = told["created_at"]
    if told.get("lead_time"):
        fields["duration_ms"] = round(number_at(told["lead_time"], ["lead_time"]) * 1000)
    source = {"type": "human", "id": imported("label_studio")["id"] if name is None else f"label_studio:{name}"}
    return Vote("chosen", side, source, presented=True, fields=fields)


def _is_known(record: Fields) -> bool:
    if isinstance(record.get("data"), dict):
        return isinstance(record.get("annotations"), list)
    return "annotation_id" in record and any(_side(value) is not None for value in record.values())


LABEL_STUDIO = Format("label_studio", _is_known, _convert)
