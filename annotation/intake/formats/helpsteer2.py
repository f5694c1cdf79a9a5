"""HelpSteer2: two responses and a preference from -3 (the first is much better) to 3; single ones, rated 0 to 4."""

from __future__ import annotations

import uuid
from typing import Any

from annotation.canonical import Json
from annotation.intake.formats.format import (
    Fields,
    Format,
    Rating,
    Vote,
    imported,
    native_line,
    number_at,
    objects_at,
    rest_of,
    text_at,
)
from annotation.intake.formats.helpsteer import vote_of

ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
SINGLE = "all_preferences_unprocessed"
USED = {"prompt", "response_1", "response_2", "preference_strength", "three_most_similar_preferences", SINGLE}


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    return _pair(record, namespace) if "response_1" in record else _rated(record, namespace)


def _pair(record: Fields, namespace: uuid.UUID) -> Json:
    return native_line(
        namespace,
        prompt=text_at(record, "prompt"),
        outputs=[{"content": text_at(record, "response_1")}, {"content": text_at(record, "response_2")}],
        metadata=rest_of(record, USED),
        votes=_votes(record),
    )


def _votes(record: Fields) -> list[Vote]:
    """One vote for each annotator where they are told, else the one that the three most alike of them agree on."""
    if not record.get(SINGLE):
        return [
            _vote(record.get("preference_strength"), ["preference_strength"], "", record.get("preference_elaboration"))
        ]
    return [
        _vote(one.get("strength"), [SINGLE, index, "strength"], f":{index + 1}", one.get("justification"))
        for index, one in enumerate(objects_at(record, SINGLE))
    ]


def _vote(strength: Any, path: list[str | int], suffix: str, rationale: Any) -> Vote:
    return vote_of(strength, path, imported("helpsteer2")["id"] + suffix, rationale=rationale)


def _rated(record: Fields, namespace: uuid.UUID) -> Json:
    """A response by itself: how helpful it is, 0 to 4, is its rating; the other attributes are told beside it."""
    helpful = number_at(record.get("helpfulness"), ["helpfulness"])
    attributes = {name: record[name] for name in ATTRIBUTES if record.get(name) is not None}
    rating = Rating(helpful / 2 - 1, imported("helpsteer2"), fields={"metadata": attributes})
    return native_line(
        namespace,
        prompt=text_at(record, "prompt"),
        outputs=[{"content": text_at(record, "response")}],
        metadata=rest_of(record, {"prompt", "response", *ATTRIBUTES}),
        votes=[rating],
    )


HELPSTEER2 = Format(
    "helpsteer2",
    lambda record: (
        {"prompt", "response_1", "response_2"} <= record.keys()
        or {"prompt", "response", "helpfulness"} <= record.keys()
    ),
    _convert,
)
