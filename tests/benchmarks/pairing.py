"""How many judgments each way of choosing pairs needs: uv run python -m tests.benchmarks.pairing

Twenty models with planted ratings are compared by judges who follow the Bradley–Terry model, no ties. Every BATCH
judgments the ratings are fitted anew and pairs chosen on. Told is how many judgments `informative` and the rule of
Chiang et al. (2024), eq. 9, save on the way to the rank correlation (Kendall, with the planted ratings) and the width
(mean of the 95 % intervals) that `random` has after some number of them; in brackets 90 % intervals, by resampling the
simulated projects. `--plot` writes the curves as SVG.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotation.analysis import bradley_terry, informative, weighting
from annotation.analysis.bradley_terry import Array
from tests.benchmarks.curves import Curve, Panel, draw_panels
from tests.benchmarks.database import tell

MODELS, BATCH = 20, 50
FIRST, SECOND = np.triu_indices(MODELS, 1)
INTERVAL = 2 * 1.96 * bradley_terry.ELO
Worth = Callable[[Array, Array, Array], Array]


@dataclass(frozen=True)
class Scenario:
    """What the models are like, and which pairs there are to ask about."""

    name: str
    spread: float  # standard deviation of the planted ratings, in points
    answers: int | None = None  # models that answer a prompt; None: any pair may be asked about
    traffic: Array | None = None  # how often each model answers
    newcomers: int = 0  # models that come after half of the judgments


POPULAR = 1 / np.arange(1, MODELS + 1)
SCENARIOS = [
    Scenario("any pair, ratings close together (SD 100)", 100),
    Scenario("any pair, SD 175", 175),
    Scenario("any pair, ratings far apart (SD 300)", 300),
    Scenario("any pair, SD 175, 4 of the models come at half-time", 175, newcomers=4),
    Scenario("a pair of 4 answers, SD 175, equal traffic", 175, 4),
    Scenario("a pair of 4 answers, SD 175, traffic as 1 / rank", 175, 4, POPULAR),
]
DRAWN = (SCENARIOS[1], SCENARIOS[5])


def at_random(wins: Array, strengths: Array, counts: Array) -> Array:
    return np.ones_like(counts)


def arena(wins: Array, strengths: Array, counts: Array) -> Array:
    """Eq. 9 of Chiang et al. (2024): how much one more judgment narrows the standard error of a pair's win rate."""
    rate = (wins + 0.5) / (counts + 1)
    variance, seen = rate * (1 - rate), np.maximum(counts, 0.5)
    return np.sqrt(variance / seen) - np.sqrt(variance / (seen + 1))


def by_information(wins: Array, strengths: Array, counts: Array) -> Array:
    return informative.gains(strengths, counts)


def arena_shares(worth: Array) -> Array:
    """In proportion, as eq. 9 has it, with the same floor as ours."""
    count = worth.shape[-1]
    return (1 - informative.FLOOR) * worth / worth.sum(axis=-1, keepdims=True) + informative.FLOOR / count


RULES: dict[str, tuple[Worth, Callable[[Array], Array]]] = {
    "random": (at_random, informative.shares),
    "eq. 9": (arena, arena_shares),
    "informative": (by_information, informative.shares),
}


@dataclass(frozen=True)
class Course:
    """Of each simulated project, after each batch: rank correlation and width; all judgments for weighting."""

    ranks: Array
    widths: Array
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    scores: Array
    propensities: Array


def simulate(scenario: Scenario, rule: str, planted: Array, judgments: int, seed: int) -> Course:
    """Projects side by side, one for each row of planted strengths."""
    rng = np.random.default_rng(seed)
    projects = np.arange(len(planted))[:, None]
    truth = bradley_terry.chances(planted)
    wins = np.zeros((len(planted), MODELS, MODELS))
    strengths = np.zeros_like(planted)
    parts = []
    worth, to_shares = RULES[rule]
    for start in range(0, judgments, BATCH):
        counts = wins + wins.swapaxes(1, 2)
        present = MODELS if 2 * start >= judgments else MODELS - scenario.newcomers
        first, second, propensities = choose(scenario, worth(wins, strengths, counts), to_shares, present, rng)
        scores = (rng.random(first.shape) < truth[projects, first, second]).astype(float)
        np.add.at(wins, (projects, first, second), scores)
        np.add.at(wins, (projects, second, first), 1 - scores)
        strengths = bradley_terry.fit(wins)
        known = bradley_terry.covariance(strengths, wins + wins.swapaxes(1, 2))
        width = INTERVAL * bradley_terry.standard_errors(known).mean(axis=1)
        parts.append((kendall(strengths, planted), width, first, second, scores, propensities))
    ranks, widths, *all_of = zip(*parts, strict=True)
    return Course(np.stack(ranks, 1), np.stack(widths, 1), *(np.concatenate(each, axis=1) for each in all_of))


def choose(
    scenario: Scenario, worth: Array, to_shares: Callable[[Array], Array], present: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """A batch of pairs for each project, and the probability with which each was taken."""
    projects = np.arange(len(worth))[:, None]
    if scenario.answers is None:
        there = np.less(SECOND, present)
        first, second = FIRST[there], SECOND[there]
        share = to_shares(worth[:, first, second])
        ends = share.cumsum(axis=1)
        draws = rng.random((len(worth), BATCH)) * ends[:, -1:]
        taken = np.stack([np.searchsorted(row, draw) for row, draw in zip(ends, draws, strict=True)])
        return first[taken], second[taken], share[projects, taken]
    traffic = np.ones(MODELS) if scenario.traffic is None else scenario.traffic
    order = np.argsort(-np.log(traffic) - rng.gumbel(size=(len(worth), BATCH, MODELS)), axis=2)
    answered = np.sort(order[:, :, : scenario.answers], axis=2)
    i, j = np.triu_indices(scenario.answers, 1)
    first, second = answered[:, :, i], answered[:, :, j]
    share = to_shares(worth[projects[:, :, None], first, second])
    ends = share.cumsum(axis=2)
    taken = (ends < rng.random((len(worth), BATCH, 1)) * ends[:, :, -1:]).sum(axis=2)[:, :, None]
    return tuple(np.take_along_axis(each, taken, 2)[:, :, 0] for each in (first, second, share))


def kendall(estimates: Array, planted: Array) -> Array:
    """Rank correlation of each row."""
    same = np.sign(estimates[:, FIRST] - estimates[:, SECOND]) * np.sign(planted[:, FIRST] - planted[:, SECOND])
    return same.mean(axis=1)


def needed(curve: Array, target: float) -> float:
    """How many judgments a curve needs to reach a target; nan when it does not."""
    risen = smooth(curve)
    return float(np.interp(target, risen, steps(curve))) if risen[-1] >= target else float("nan")


def smooth(curve: Array) -> Array:
    """A curve that rises, without its noise."""
    rising: Array = np.maximum.accumulate(np.convolve(np.pad(curve, 3, "edge"), np.ones(7) / 7, "valid"))
    return rising


def steps(curve: Array) -> NDArray[np.intp]:
    """The judgments after which each point of a curve was taken."""
    return BATCH * np.arange(1, len(curve) + 1)


def saving(own: Array, random: Array, after: int) -> str:
    """The part of so many judgments that is saved on the way to where `random` is after them."""
    rng = np.random.default_rng(7)
    found = []
    for rows in [np.arange(len(own)), *(rng.integers(0, len(own), len(own)) for _ in range(200))]:
        theirs = smooth(random[rows].mean(axis=0))
        target = float(np.interp(after, steps(theirs), theirs))
        found.append(100 - 100 * needed(own[rows].mean(axis=0), target) / after)
    least, most = np.nanquantile(found[1:], [0.05, 0.95])
    return f"{found[0]:.0f} % ({least:.0f} … {most:.0f})" if np.isfinite(found[0]) else "not reached"


def least_width(planted: Array) -> float:
    """The part of the judgments on all pairs alike that the best allocation needs, knowing the planted strengths."""
    even = np.full(len(FIRST), 1 / len(FIRST))
    weight = even.copy()

    def known(allocation: Array) -> Array:
        counts = np.zeros((MODELS, MODELS))
        counts[FIRST, SECOND] = counts[SECOND, FIRST] = allocation * 1e6
        return bradley_terry.covariance(planted, counts)

    chance = bradley_terry.chances(planted)[FIRST, SECOND]
    for _ in range(300):
        now = known(weight)
        centred = now - now.mean(axis=0)
        effect = (centred / (2 * bradley_terry.standard_errors(now)[:, None])).T @ centred
        gain = chance * (1 - chance) * bradley_terry.difference_variances(effect)[FIRST, SECOND]
        weight *= np.sqrt(gain / (weight @ gain))
        weight /= weight.sum()
    widths = [bradley_terry.standard_errors(known(allocation)).mean() for allocation in (weight, even)]
    return float((widths[0] / widths[1]) ** 2)


def tell_savings(scenario: Scenario, courses: dict[str, Course], judgments: int) -> None:
    """Rows of the table: what each rule saves on the way to where `random` is after some of the judgments."""
    random = courses["random"]
    for part in (0.6, 0.75, 0.9) if scenario.newcomers else (0.25, 0.5, 0.9):
        after = int(part * judgments)
        told = [
            saving(own, theirs, after)
            for rule in ("eq. 9", "informative")
            for own, theirs in (
                (courses[rule].ranks, random.ranks),
                (-courses[rule].widths, -random.widths),
            )
        ]
        tell(f"| {scenario.name} | {after:,} | {' | '.join(told)} |")


def bias(course: Course, planted: Array) -> str:
    """The error of the best model's win rate against all others: as counted, and weighted by propensity."""
    errors = []
    for project, strengths in enumerate(planted):
        best = int(strengths.argmax())
        truth = bradley_terry.chances(strengths)[best, np.arange(MODELS) != best].mean()
        judged = (course.first[project], course.second[project], course.scores[project])
        errors.append(
            [
                weighting.weigh(*judged, propensities, models=MODELS).overall()[best] - truth
                for propensities in (np.ones(len(judged[0])), course.propensities[project])
            ]
        )
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0) / np.sqrt(len(errors))
    return " | ".join(f"{error:+.4f} ± {its:.4f}" for error, its in zip(mean, spread, strict=True))


def panels(scenario: Scenario, courses: dict[str, Course]) -> list[Panel]:
    ranks = [Curve(rule, course.ranks.mean(axis=0)) for rule, course in courses.items()]
    widths = [Curve(rule, course.widths.mean(axis=0)) for rule, course in courses.items()]
    at = steps(ranks[0].y)
    return [
        Panel(f"Kendall’s τ: {scenario.name}", at, ranks),
        Panel(f"Mean width, in points: {scenario.name}", at, widths),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--projects", type=int, default=200, help="simulated projects of each scenario")
    parser.add_argument("--judgments", type=int, default=4_000, help="of each project")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="where to write the curves as SVG")
    options = parser.parse_args()
    tell("| | judgments | eq. 9: rank | width | informative: rank | width |\n|---|---|---|---|---|---|")
    drawn: list[Panel] = []
    notes = []
    for scenario in SCENARIOS:
        spread = scenario.spread / bradley_terry.ELO
        planted = np.random.default_rng(1).normal(0, spread, (options.projects, MODELS))
        courses = {rule: simulate(scenario, rule, planted, options.judgments, seed=2) for rule in RULES}
        tell_savings(scenario, courses, options.judgments)
        notes.append(f"| {scenario.name} | {bias(courses['informative'], planted)} |")
        if scenario.answers is None and not scenario.newcomers:
            least = np.mean([least_width(strengths) for strengths in planted[:50]])
            notes[-1] += f" {100 - 100 * least:.0f} % |"
        if scenario in DRAWN:
            drawn += panels(scenario, courses)
    tell("\n| | win rate counted | weighted | the most that widths can save |\n|---|---|---|---|")
    tell("\n".join(notes))
    if options.plot:
        options.plot.write_text(draw_panels(drawn), encoding="utf-8")


if __name__ == "__main__":
    main()
