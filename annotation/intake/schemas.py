"""The contract's records: what was asked and answered, and who preferred what. Strict; unknown fields are refused.

Imports no Django. A new kind of feedback is one class here and one function in annotation.intake.verdicts.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError, with_config
from typing_extensions import TypedDict

from annotation.canonical import Json
from annotation.intake.content import STRICT, Content, FreeForm, Id, Time, Whole, Word
from annotation.intake.soundness import Problem, pointer

MAX_MILLISECONDS = 2**31 - 1

Record = TypeVar("Record", "Inference", "FeedbackRecord")


class RefusedError(ValueError):
    """A record that cannot be taken, with every reason found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{problem.pointer}: {problem.detail}" for problem in self.problems))

    @classmethod
    def at(cls, path: Iterable[str | int], detail: str) -> RefusedError:
        return cls([Problem(pointer(path), detail)])


@with_config(STRICT)
class Model(TypedDict):
    """The model that answered. A plain dict, because it is stored as it came."""

    name: Id
    version: NotRequired[Word | None]
    checkpoint: NotRequired[Word | None]


class Output(BaseModel):
    """One answer of a model."""

    model_config = STRICT

    output_id: Id | None = None
    content: Content
    model: Model | None = None
    parameters: FreeForm | None = None
    metadata: FreeForm | None = None
    generated_at: Time | None = None


class Inference(BaseModel):
    """Stage one: what a model was asked and what models answered."""

    model_config = STRICT

    request_id: Id
    occurred_at: Time | None = None
    prompt: Content
    tools: list[dict[str, Any]] | None = None
    metadata: FreeForm | None = None
    outputs: Annotated[list[Output], Field(min_length=1, max_length=64)]

    def problems(self) -> Iterator[Problem]:
        seen = set()
        for index, output in enumerate(self.outputs):
            if output.output_id in seen:
                yield Problem(pointer(["outputs", index, "output_id"]), "is the output_id of an earlier output")
            if output.output_id is not None:
                seen.add(output.output_id)


class Source(BaseModel):
    """Who says it: a person, a program, a rule."""

    model_config = STRICT

    type: Literal["human", "end_user", "reward_model", "ai_critic", "heuristic"]
    id: Id | None = None
    version: Word | None = None


@with_config(STRICT)
class Criterion(TypedDict):
    """What was preferred in one respect."""

    outcome: Literal["chosen", "tie", "both_bad"]
    chosen: NotRequired[Id | None]


class FeedbackRecord(BaseModel):
    """Stage two: who preferred what. The fields of every kind; `presented` is the outputs from left to right."""

    model_config = STRICT

    feedback_id: Id
    request_id: Id
    kind: str
    occurred_at: Time | None = None
    source: Source
    presented: Annotated[list[Id], Field(min_length=1, max_length=64)] | None = None
    digests: dict[Id, Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]] | None = None
    principle: str | None = None
    critique: str | None = None
    rationale: str | None = None
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    duration_ms: Annotated[Whole, Field(ge=0, le=MAX_MILLISECONDS)] | None = None
    metadata: FreeForm | None = None

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """The outputs that are judged, each with the path of its field."""
        raise NotImplementedError

    def named(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every output id in the record, with the path of its field."""
        yield from self.judged()
        yield from ((("presented", index), output_id) for index, output_id in enumerate(self.presented or ()))
        yield from ((("digests", output_id), output_id) for output_id in self.digests or ())

    def problems(self) -> Iterator[Problem]:
        """What is wrong with the record in itself, whatever its request holds."""
        if self.presented is not None:
            if len(set(self.presented)) < len(self.presented):
                yield Problem("/presented", "names an output twice")
            if not {output_id for _, output_id in self.judged()} <= set(self.presented):
                yield Problem("/presented", "does not hold every output that is judged")


class Preference(FeedbackRecord):
    """One of two outputs is better, or neither is."""

    kind: Literal["preference"]
    presented: Annotated[list[Id], Field(min_length=2, max_length=2)] | None = None
    outcome: Literal["chosen", "tie", "both_bad"]
    chosen: Id | None = None
    rejected: Id | None = None
    strength: Annotated[Whole, Field(ge=1, le=3)] | None = None
    scores: dict[Id, float] | None = None
    criteria: dict[Id, Criterion] | None = None

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        if self.chosen is not None:
            yield ("chosen",), self.chosen
        if self.rejected is not None:
            yield ("rejected",), self.rejected

    def named(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        yield from super().named()
        yield from ((("scores", output_id), output_id) for output_id in self.scores or ())

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        yield from self._winner_problems()
        if self.strength is not None and self.outcome != "chosen":
            yield Problem("/strength", "needs the outcome chosen")
        pair = set(self.presented or (self.chosen, self.rejected))
        for name, criterion in (self.criteria or {}).items():
            winner = criterion.get("chosen")
            if (winner is not None) != (criterion["outcome"] == "chosen"):
                yield Problem(pointer(["criteria", name, "chosen"]), "is given with the outcome chosen, and only then")
            elif winner is not None and winner not in pair:
                yield Problem(pointer(["criteria", name, "chosen"]), "is not one of the two outputs")

    def _winner_problems(self) -> Iterator[Problem]:
        for name in ("chosen", "rejected"):
            given = getattr(self, name) is not None
            if given and self.outcome != "chosen":
                yield Problem(f"/{name}", f"does not go with the outcome {self.outcome}")
            elif not given and self.outcome == "chosen":
                yield Problem(f"/{name}", "is missing")
        if self.chosen is not None and self.chosen == self.rejected:
            yield Problem("/rejected", "is the chosen output")
        if self.presented is None and self.outcome != "chosen":
            yield Problem("/presented", f"is missing; the outcome {self.outcome} needs it")


class Score(FeedbackRecord):
    """A number for each of several outputs, higher is better."""

    kind: Literal["score"]
    scores: Annotated[dict[Id, float], Field(min_length=2, max_length=64)]

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        yield from ((("scores", output_id), output_id) for output_id in self.scores)


class Ranking(FeedbackRecord):
    """Outputs from best to worst; those in one inner list are equally good."""

    kind: Literal["ranking"]
    ranking: Annotated[list[Annotated[list[Id], Field(min_length=1)]], Field(min_length=1, max_length=64)]

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for place, equals in enumerate(self.ranking):
            yield from ((("ranking", place, index), output_id) for index, output_id in enumerate(equals))

    def problems(self) -> Iterator[Problem]:
        yield from super().problems()
        ranked = [output_id for _, output_id in self.judged()]
        if len(ranked) < 2:
            yield Problem("/ranking", "needs two outputs or more")
        if len(set(ranked)) < len(ranked):
            yield Problem("/ranking", "names an output twice")


class Rating(FeedbackRecord):
    """How good one output is, from -1 to 1; thumbs are -1 and 1."""

    kind: Literal["rating"]
    output: Id
    value: Annotated[float, Field(ge=-1, le=1)]

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        yield ("output",), self.output


class Edit(FeedbackRecord):
    """What a user made of an output: the edit is preferred to the original."""

    kind: Literal["edit"]
    output: Id
    edited: Content

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        yield ("output",), self.output


@with_config(STRICT)
class Signals(TypedDict):
    """What was seen of a user: which outputs they copied, clicked, …, and how long they looked at each."""

    dwell_ms: NotRequired[dict[Id, Annotated[float, Field(ge=0, le=MAX_MILLISECONDS)]]]
    copied: NotRequired[list[Id]]
    clicked: NotRequired[list[Id]]
    regenerated: NotRequired[list[Id]]
    accepted: NotRequired[list[Id]]


class Implicit(FeedbackRecord):
    """Signals as observed. They are no preference by themselves."""

    kind: Literal["implicit"]
    signals: Signals

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        for name, outputs in self.signals.items():
            if isinstance(outputs, dict):
                yield from ((("signals", name, output_id), output_id) for output_id in outputs)
            elif isinstance(outputs, list):
                yield from ((("signals", name, index), output_id) for index, output_id in enumerate(outputs))

    def problems(self) -> Iterator[Problem]:
        if self.presented is not None and len(set(self.presented)) < len(self.presented):
            yield Problem("/presented", "names an output twice")


class Retraction(FeedbackRecord):
    """Takes an earlier record of the same source back, with all judgments made of it."""

    kind: Literal["retraction"]
    request_id: Id | None = None  # type: ignore[assignment]  # what is retracted says it already
    retracts: Id

    def judged(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        return iter(())

    def problems(self) -> Iterator[Problem]:
        if self.retracts == self.feedback_id:
            yield Problem("/retracts", "is the record itself")


KINDS: dict[str, type[FeedbackRecord]] = {
    "preference": Preference,
    "score": Score,
    "ranking": Ranking,
    "rating": Rating,
    "edit": Edit,
    "implicit": Implicit,
    "retraction": Retraction,
}


def parse_inference(value: Json, *, now: dt.datetime) -> Inference:
    """An inference record, checked. Raises RefusedError."""
    return _parse(Inference, value, now)


def parse_feedback(value: Json, *, now: dt.datetime) -> FeedbackRecord:
    """A feedback record, checked as far as it can be without its request. Raises RefusedError."""
    if not isinstance(value, dict):
        raise RefusedError.at([], "must be an object")
    kind = value.get("kind")
    schema = KINDS.get(kind) if isinstance(kind, str) else None
    if schema is None:
        raise RefusedError.at(["kind"], f"must be one of {', '.join(KINDS)}" if "kind" in value else "is missing")
    return _parse(schema, value, now)


def _parse(schema: type[Record], value: Json, now: dt.datetime) -> Record:
    try:
        record = schema.model_validate(value, context={"now": now})
    except ValidationError as error:
        raise RefusedError(describe_errors(error)) from None
    problems = tuple(record.problems())
    if problems:
        raise RefusedError(problems)
    return record


DETAILS = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field; free-form data goes into metadata",
    "string_type": "must be a string",
    "string_pattern_mismatch": "is not a digest: 64 hexadecimal digits, lower case",
    "string_too_short": "must have at least {min_length} character(s)",
    "string_too_long": "must have at most {max_length} characters",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "none_required": "must be null",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} items",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
}


def describe_errors(error: ValidationError, *, at: tuple[str, ...] = ()) -> Iterator[Problem]:
    """What pydantic found, as problems of a value that stands at a path."""
    for found in error.errors(include_url=False, include_input=False):
        path = [*at, *(part for part in found["loc"] if part != "[key]")]
        known = DETAILS.get(found["type"])
        yield Problem(pointer(path), known.format(**found.get("ctx", {})) if known else found["msg"])
