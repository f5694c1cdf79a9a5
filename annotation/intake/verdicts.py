"""Feedback records → verdicts: what a record says of each pair, once the outputs of its request are known.

A new kind of feedback is one class in annotation.intake.schemas and one function here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from annotation import canonical
from annotation.intake.schemas import Edit, FeedbackRecord, Preference, Ranking, Rating, RefusedError, Score
from annotation.intake.soundness import Problem, pointer
from annotation.judging import Output, Verdict


@dataclass(frozen=True)
class Logged:
    """An output as it stands in the database."""

    output: Output
    digest: str


def verdicts_of(record: FeedbackRecord, logged: Mapping[str, Logged], *, edited: Output | None = None) -> list[Verdict]:
    """The judgments to be made of a record, given the outputs of its request by id, and the output that an edit makes.

    Raises RefusedError when it names another output or another digest. Implicit signals give none.
    """
    problems = tuple(_join_problems(record, logged))
    if problems:
        raise RefusedError(problems)
    outputs = {output_id: found.output for output_id, found in logged.items()}
    if isinstance(record, Edit) and edited:
        return [_of_edit(record, outputs, edited)]
    return VERDICTS[record.kind](record, outputs) if record.kind in VERDICTS else []


def _join_problems(record: FeedbackRecord, logged: Mapping[str, Logged]) -> Iterator[Problem]:
    for path, output_id in record.named():
        if output_id not in logged:
            yield Problem(pointer(path), "is not an output of this request")
    for output_id, digest in (record.digests or {}).items():
        if output_id in logged and logged[output_id].digest != digest:
            yield Problem(pointer(["digests", output_id]), "is not the digest of the logged output")
    original = logged.get(record.output) if isinstance(record, Edit) else None
    if isinstance(record, Edit) and original and original.digest == canonical.output_digest(record.edited):
        yield Problem("/edited", "is the logged output, unchanged")


def _of_preference(record: Preference, outputs: Mapping[str, Output]) -> list[Verdict]:
    first, second = record.presented or (record.chosen or "", record.rejected or "")
    pair = (outputs[first], outputs[second])
    criteria = {name: dict(criterion) for name, criterion in (record.criteria or {}).items()}
    return [
        Verdict(
            pair,
            record.outcome,
            outputs[record.chosen] if record.chosen else None,
            pair if record.presented else None,
            record.strength,
            scores=record.scores,
            criteria=criteria or None,
            confidence=record.confidence,
        )
    ]


def _of_rating(record: Rating, outputs: Mapping[str, Output]) -> list[Verdict]:
    return [Verdict((outputs[record.output],), "rated", value=record.value, confidence=record.confidence)]


def _of_edit(record: Edit, outputs: Mapping[str, Output], edited: Output) -> Verdict:
    return Verdict((outputs[record.output], edited), "chosen", edited, confidence=record.confidence)


def _of_score(record: Score, outputs: Mapping[str, Output]) -> list[Verdict]:
    return list(_compare_all(record, record.scores, outputs, keep_scores=True))


def _of_ranking(record: Ranking, outputs: Mapping[str, Output]) -> list[Verdict]:
    values = {output_id: float(-place) for place, equals in enumerate(record.ranking) for output_id in equals}
    return list(_compare_all(record, values, outputs, keep_scores=False))


def _compare_all(
    record: FeedbackRecord, values: Mapping[str, float], outputs: Mapping[str, Output], *, keep_scores: bool
) -> Iterator[Verdict]:
    """A verdict for each pair of the valued outputs: the higher value wins, equal ones tie."""
    for one, other in itertools.combinations(values, 2):
        winner = None if values[one] == values[other] else max(one, other, key=values.__getitem__)
        shown = [output_id for output_id in record.presented or () if output_id in (one, other)]
        yield Verdict(
            (outputs[one], outputs[other]),
            "chosen" if winner else "tie",
            outputs[winner] if winner else None,
            (outputs[shown[0]], outputs[shown[1]]) if shown else None,
            scores={one: values[one], other: values[other]} if keep_scores else None,
            confidence=record.confidence,
        )


VERDICTS: dict[str, Callable[[Any, Mapping[str, Output]], list[Verdict]]] = {
    "preference": _of_preference,
    "score": _of_score,
    "ranking": _of_ranking,
    "rating": _of_rating,
}
