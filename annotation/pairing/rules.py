"""What a pairing rule is: a strategy with its parameters. And what it chooses from."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from annotation.analysis.battles import Model
from annotation.judging import Output
from annotation.models import Project

Strategy = Project.Pairing
OutputPair = tuple[Output, Output]
# The primary keys of a pair's outputs, in ascending order.
Keys = tuple[int, int]

MOST_N = 2_016  # pairs that 64 outputs have
MOST_MODELS = 100
# What whoever asks for comparisons may say; the database has some of it as constraints.
LIMITS = {
    "n": (1, MOST_N),
    "limit": (1, 1_000_000_000),
    "overlap": (1, 100),
    "priority": (-(2**31) + 1, 2**31 - 1),
    "seed": (-(2**53), 2**53),
}


class Answered(NamedTuple):
    """A prompt with its outputs, of which pairs are to be made, and the model of each output."""

    prompt_id: int
    request_id: str
    outputs: Sequence[Output]
    models: Sequence[Model]

    def by_id(self) -> list[tuple[Output, Model]]:
        """Outputs with their models, in an order that does not depend on how they were logged."""
        return sorted(zip(self.outputs, self.models, strict=True), key=lambda answer: answer[0].output_id)


class Pick(NamedTuple):
    """A pair to ask about, and the chance with which it was taken."""

    pair: OutputPair
    propensity: float = 1.0


class RuleError(Exception):
    """A rule that cannot be followed: which parameter is wrong, and why."""

    def __init__(self, parameter: str, reason: str) -> None:
        super().__init__(f"{parameter}: {reason}")
        self.parameter = parameter
        self.reason = reason


@dataclass(frozen=True)
class Rule:
    """A strategy and its parameters: how many pairs a prompt, between which models, by which seed."""

    strategy: Strategy
    n: int
    models: tuple[str, ...]
    seed: str

    @classmethod
    def of(
        cls,
        project: Project,
        strategy: str | None = None,
        *,
        n: int | None = None,
        models: Iterable[str] | None = None,
        seed: int | None = None,
    ) -> Rule:
        """The project's rule, or another strategy; parameters that are left out are the project's.

        Raises RuleError for parameters that this strategy cannot work with, ValueError for an unknown strategy.
        """
        rule = cls(
            Strategy(strategy or project.pairing),
            project.pairing_n if n is None else n,
            tuple(project.pairing_models if models is None else models),
            str(project.uid) if seed is None else f"{project.uid}:{seed}",
        )
        if reason := what_is_wrong(rule.models, rule.strategy):
            raise RuleError("models", reason)
        return rule


def what_is_wrong(models: Collection[str], strategy: str | None) -> str | None:
    """Why these models cannot be a rule's, None when they can."""
    if len(models) > MOST_MODELS:
        return f"must be {MOST_MODELS} at most"
    if strategy == Strategy.MODEL_PAIRS and len(set(models)) < 2:
        return f"must name two models at least for {Strategy.MODEL_PAIRS.value}"
    return None


def pairs(answers: Sequence[tuple[Output, Model]]) -> Iterator[tuple[OutputPair, tuple[Model, Model]]]:
    """Each two of some outputs with their models."""
    for (first, its), (second, other) in itertools.combinations(answers, 2):
        yield (first, second), (its, other)


def keys(pair: OutputPair) -> Keys:
    """What tells a pair from every other."""
    first, second = pair
    return (first.pk, second.pk) if first.pk < second.pk else (second.pk, first.pk)
