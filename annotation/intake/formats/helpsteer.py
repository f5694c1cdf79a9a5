"""HelpSteer3 preferences: a context, two responses, and scores from -3 (the first is much better) to 3 (the second)."""

from __future__ import annotations

import uuid
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.format import Fields, Format, Vote, content_at, imported, native_line, rest_of
from annotation.intake.schemas import RefusedError


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    single = record.get("individual_preference")
    used = {"context", "response1", "response2", "individual_preference"}
    return native_line(
        namespace,
        prompt=content_at(record, "context"),
        outputs=[{"content": content_at(record, "response1")}, {"content": content_at(record, "response2")}],
        metadata=rest_of(record, used if single else used | {"overall_preference"}),
        votes=_votes(single) if single else [_vote(record.get("overall_preference"), ["overall_preference"], "")],
    )


def _votes(single: Any) -> list[Vote]:
    """One vote for each annotator; they are told apart by their place, as the data set does not name them."""
    if not isinstance(single, list) or not all(isinstance(one, dict) for one in single):
        raise RefusedError.at(["individual_preference"], "must be a list of objects")
    return [
        _vote(
            one.get("score"),
            ["individual_preference", index, "score"],
            f":{index + 1}",
            rationale=one.get("reasoning"),
            metadata={name: one[name] for name in ("feedback1", "feedback2") if one.get(name) is not None},
        )
        for index, one in enumerate(single)
    ]


def _vote(score: Any, path: list[str | int], suffix: str, **fields: Any) -> Vote:
    return vote_of(score, path, imported("helpsteer")["id"] + suffix, **fields)


def vote_of(score: Any, path: list[str | int], source_id: str, **fields: Any) -> Vote:
    """The vote that a score from -3 (the first is much better) to 3 stands for. Raises RefusedError."""
    if isinstance(score, bool) or score not in (-3, -2, -1, 0, 1, 2, 3):
        raise RefusedError.at(path, "must be a whole number from -3 to 3")
    source = {"type": "human", "id": source_id}
    given = {name: value for name, value in fields.items() if value}
    if score == 0:
        return Vote("tie", None, source, presented=True, fields=given)
    given["strength"] = abs(int(score))
    return Vote("chosen", 0 if score < 0 else 1, source, presented=True, fields=given)


HELPSTEER = Format("helpsteer", lambda record: {"context", "response1", "response2"} <= record.keys(), _convert)
