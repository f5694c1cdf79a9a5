"""Strategies whose choice follows from the prompt and the rule alone: the same again, whenever they are asked."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from annotation import canonical
from annotation.analysis.battles import Model
from annotation.judging import Output
from annotation.pairing.rules import Answered, OutputPair, Pick, Rule, Strategy, pairs


def all_pairs(_: Rule, prompt: Answered) -> list[Pick]:
    """Every pair."""
    return [Pick(pair) for pair in itertools.combinations(prompt.outputs, 2)]


def random_pairs(rule: Rule, prompt: Answered) -> list[Pick]:
    """`n` pairs, drawn by the hash of the request."""
    if len(prompt.outputs) <= 2:
        return all_pairs(rule, prompt)
    left = list(itertools.combinations([output for output, _ in prompt.by_id()], 2))
    propensity = min(1.0, rule.n / len(left))
    return [Pick(_take_one(left, rule, prompt, number), propensity) for number in range(min(rule.n, len(left)))]


def _take_one(left: list[OutputPair], rule: Rule, prompt: Answered, number: int) -> OutputPair:
    again = [number] if number else []
    return left.pop(canonical.stable_hash("pair", rule.seed, prompt.request_id, *again) % len(left))


def round_robin(rule: Rule, prompt: Answered) -> list[Pick]:
    """Each output against the next around a circle that the hash of the request arranges: everyone is in two pairs.

    Every two outputs are as likely to be neighbours, so that models meet evenly over the prompts.
    """
    if len(prompt.outputs) <= 3:
        return all_pairs(rule, prompt)

    def place(output: Output) -> int:
        return canonical.stable_hash("circle", rule.seed, prompt.request_id, output.output_id)

    circle = sorted(prompt.outputs, key=place)
    propensity = 2 / (len(circle) - 1)
    return [Pick(pair, propensity) for pair in zip(circle, [*circle[1:], circle[0]], strict=True)]


def model_pairs(rule: Rule, prompt: Answered) -> list[Pick]:
    """Every pair whose outputs are by two different ones of the models that the rule names."""
    named = set(rule.models)
    found = []
    for pair, (its, other) in pairs(prompt.by_id()):
        one, two = _named(its, named), _named(other, named)
        if one and two and one != two:
            found.append(Pick(pair))
    return found


def _named(model: Model, named: set[str]) -> str | None:
    """The entry of a list of models that means this one: by name and version before by the name alone."""
    return next((entry for entry in (f"{model.name} {model.version}".strip(), model.name) if entry in named), None)


def no_pairs(_: Rule, __: Answered) -> list[Pick]:
    """None."""
    return []


STRATEGIES: dict[Strategy, Callable[[Rule, Answered], list[Pick]]] = {
    Strategy.ALL_PAIRS: all_pairs,
    Strategy.RANDOM: random_pairs,
    Strategy.ROUND_ROBIN: round_robin,
    Strategy.MODEL_PAIRS: model_pairs,
    Strategy.NONE: no_pairs,
}
