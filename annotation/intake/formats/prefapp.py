"""Rows of our own snapshots: pairs of any config that holds texts, with as many votes as were counted on them.

The votes' people are not told in such a row; a whole snapshot's folder, with `judgments` in it, names them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from annotation.canonical import Json, output_digest
from annotation.intake.formats.arena import read_battle
from annotation.intake.formats.format import (
    Fields,
    Format,
    Rating,
    Said,
    Vote,
    content_at,
    imported,
    native_line,
    rest_of,
)
from annotation.intake.formats.helpsteer import vote_of
from annotation.intake.formats.trl import parts_of
from annotation.intake.schemas import RefusedError

ROLES = {"system": "system", "human": "user", "gpt": "assistant"}
STRENGTHS = 3
HERE = imported("prefapp")["id"]
HALF_SHOWN = "is one side of a pair; import preference or battles of the same snapshot"


def _convert(record: Fields, namespace: uuid.UUID) -> Json:
    if "completion" in record:
        return _rated(record, namespace)
    prompt, x, y, outcome = _parts(record)
    # In their stable order, so that rows that tell of the same votes from either side give the same votes.
    chosen = int(output_digest(y) < output_digest(x))
    outputs = [_output(x, record.get("meta_chosen_model")), _output(y, record.get("meta_rejected_model"))]
    language = {"language": record["language"]} if record.get("language") else {}
    subset = {"subset": record["subset"]} if record.get("subset") else {}
    return native_line(
        namespace,
        prompt=prompt,
        outputs=outputs[::-1] if chosen else outputs,
        metadata={"request_id": record.get("meta_request_id"), **language, **subset},
        votes=list(_votes(record, outcome, chosen)),
    )


def contents(record: Fields) -> tuple[Json, ...]:
    """The texts of a row: what was asked, and what one or two models answered. Raises RefusedError."""
    if "completion" in record:
        return content_at(record, "prompt"), content_at(record, "completion")
    return _parts(record)[:3]


def _parts(record: Fields) -> tuple[Json, Json, Json, str]:
    """What was asked, the outputs that `meta_chosen_…` and `meta_rejected_…` speak of, and the outcome."""
    if "conversation_a" in record:
        prompt, a, b, outcome, winner = read_battle(record)
        return (prompt, b, a, outcome) if winner == 1 else (prompt, a, b, outcome)
    if "response1" in record:
        first, second = content_at(record, "response1"), content_at(record, "response2")
        score = record.get("overall_preference")
        if not isinstance(score, int):
            raise RefusedError.at(["overall_preference"], "must be a whole number")
        outcome = "chosen" if score else "both_bad" if record.get("meta_votes_both_bad") else "tie"
        return content_at(record, "context"), *((second, first) if score > 0 else (first, second)), outcome
    if "conversations" in record:
        turns = [_message(turn, ["conversations", place]) for place, turn in enumerate(record["conversations"])]
        return turns, *(_message(record.get(name), [name])["content"] for name in ("chosen", "rejected")), "chosen"
    return *parts_of(record), "chosen"


def _message(turn: Any, path: list[str | int]) -> dict[str, Any]:
    if not isinstance(turn, dict) or turn.get("from") not in ROLES or not isinstance(turn.get("value"), str):
        raise RefusedError.at(path, f"must be an object of from ({', '.join(ROLES)}) and value")
    return {"role": ROLES[turn["from"]], "content": turn["value"]}


def _output(content: Json, model: Any) -> dict[str, Any]:
    # Name and version stand in one string, and either may have spaces: as one name it comes out again as it was.
    return {"content": content, "model": {"name": model}} if model else {"content": content}


def _votes(record: Fields, outcome: str, chosen: int) -> Iterator[Said]:
    """As many votes as were counted, with the scores and the strength that they had in the mean.

    `chosen` is the index of the output that the row calls so.
    """
    if "response1" in record and record.get("individual_preference"):
        yield from _single_votes(record, chosen)
        return
    counts = {name: _count(record, name) for name in ("chosen", "rejected", "tie", "both_bad")}
    if not any(counts.values()):
        counts[outcome] = 1
    winners = {"chosen": chosen, "rejected": 1 - chosen}
    alone = sum(counts.values()) == 1
    strengths = iter(_strengths(record, counts["chosen"]))
    place = 0
    for name in sorted(counts, key=lambda name: winners.get(name, 2)):
        for _ in range(counts[name]):
            place += 1
            strength = next(strengths, None) if name == "chosen" else None
            yield Vote(
                "chosen" if name in winners else name,
                winners.get(name),
                _source(record, place, alone=alone),
                fields={"strength": strength} if strength else {},
                scores=_scores(record, chosen),
            )


def _single_votes(record: Fields, chosen: int) -> Iterator[Said]:
    """The votes that a row in HelpSteer's form tells one by one."""
    neither = _count(record, "both_bad")
    first = chosen if record["overall_preference"] <= 0 else 1 - chosen
    for place, one in enumerate(record["individual_preference"], 1):
        if not isinstance(one, dict):
            raise RefusedError.at(["individual_preference", place - 1], "must be an object")
        path: list[str | int] = ["individual_preference", place - 1, "score"]
        vote = vote_of(one.get("score"), path, "", rationale=one.get("reasoning"))
        if vote.winner is None and neither:
            neither -= 1
            vote = replace(vote, outcome="both_bad")
        source = _source(record, place, alone=False)
        winner = None if vote.winner is None else first if vote.winner == 0 else 1 - first
        yield replace(vote, winner=winner, presented=False, source=source, scores=_scores(record, chosen))


def _count(record: Fields, name: str) -> int:
    count = record.get(f"meta_votes_{name}") or 0
    if not isinstance(count, int) or not 0 <= count <= 1000:
        raise RefusedError.at([f"meta_votes_{name}"], "must be a whole number from 0 to 1000")
    return count


def _strengths(record: Fields, count: int) -> list[int]:
    """Strengths whose mean is the row's; none where it does not tell one."""
    if record.get("meta_chosen_score") is not None or not isinstance(record.get("margin"), float):
        return []
    total = round(record["margin"] * STRENGTHS * count)
    if not count < total <= STRENGTHS * count:
        return []
    return [total // count + (place < total % count) for place in range(count)]


def _scores(record: Fields, chosen: int) -> tuple[float, float] | None:
    best, other = record.get("meta_chosen_score"), record.get("meta_rejected_score")
    if best is None or other is None:
        return None
    return (float(other), float(best)) if chosen else (float(best), float(other))


def _source(record: Fields, place: int, *, alone: bool) -> dict[str, str]:
    """Of several types of sources the first, for the row does not tell whose vote is whose."""
    kind = str(record.get("meta_source") or "human").partition("+")[0]
    return {"type": kind, "id": record["judge"] if alone and record.get("judge") else f"{HERE}:{place}"}


def _rated(record: Fields, namespace: uuid.UUID) -> Json:
    if record.get("meta_origin") != "rating":
        raise RefusedError.at(["meta_origin"], HALF_SHOWN)
    value = record.get("meta_chosen_score")
    if not isinstance(value, (int, float)):
        value = 1 if record.get("label") else -1
    return native_line(
        namespace,
        prompt=content_at(record, "prompt"),
        outputs=[_output(content_at(record, "completion"), record.get("meta_chosen_model"))],
        metadata=rest_of({"request_id": record.get("meta_request_id")}, ()),
        votes=[Rating(float(value), _source(record, 1, alone=False))],
    )


PREFAPP = Format("prefapp", lambda record: {"meta_pair_id", "meta_votes_chosen"} <= record.keys(), _convert)
