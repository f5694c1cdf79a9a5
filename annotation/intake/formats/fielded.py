"""Records whose fields somebody named: which of them is the prompt and which are the outputs. Imports no Django."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from annotation.canonical import Json
from annotation.intake.formats.format import content_at
from annotation.intake.schemas import RefusedError

PROMPTS = ("prompt", "instruction", "question", "context", "query", "input", "conversation")
NUMBERED = re.compile(r"(?P<stem>.*?)[-_ ]?(?P<last>\d+|[abAB])\Z", re.DOTALL)


@dataclass(frozen=True)
class Fielded:
    """What was asked, the outputs in the order of their numbers with the names of their fields, and all names used."""

    prompt: Json
    outputs: list[Json]
    names: list[str]
    used: set[str]


def read_fields(data: Mapping[str, object], path: Sequence[str], *, count: int | None = None) -> Fielded:
    """The outputs are those whose names differ in the number (or letter a, b) at their end alone: so many, if given.

    Raises RefusedError.
    """
    texts = [name for name, value in data.items() if isinstance(value, (str, list)) and name not in PROMPTS]
    stems: dict[str, list[str]] = {}
    for name in texts:
        if found := NUMBERED.fullmatch(name):
            stems.setdefault(found["stem"], []).append(name)
    groups = [sorted(names, key=_number) for names in stems.values() if len(names) > 1]
    if len(groups) != 1 or count not in (None, len(groups[0])):
        raise RefusedError.at(
            list(path), "must have outputs named alike but for a number at the end, like answer1, answer2"
        )
    names = groups[0]
    asked = next((name for name in PROMPTS if name in data), None)
    if asked is None:
        raise RefusedError.at(list(path), f"has none of the fields {', '.join(PROMPTS)}")
    return Fielded(content_at(data, asked), [content_at(data, name) for name in names], names, {asked, *names})


def _number(name: str) -> tuple[int, str]:
    found = NUMBERED.fullmatch(name)
    last = found["last"] if found else ""
    return (int(last), "") if last.isdecimal() else (0, last.lower())
