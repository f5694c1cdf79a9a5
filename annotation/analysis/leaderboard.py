"""The leaderboard: ratings of models by who won against whom, how sure they are, and what the length of answers does.

Bradley and Terry (1952), “Rank analysis of incomplete block designs”, by maximum likelihood, a tie being half a win of
both. Intervals are of the sandwich form (White, 1982, “Maximum likelihood estimation of misspecified models”), which
also holds where ties make outcomes less random than the model has it. With `style` the length of the two outputs is one
more term of the model, as in “Does style matter?” (LMSYS, 2024). Only models that are connected by battles can be
compared: those outside the largest connected group have no rating.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.battles import Battles, Model
from annotation.analysis.bradley_terry import (
    CLOSE,
    ELO,
    LONGEST_STEP,
    MOST_STEPS,
    PRIOR_PRECISION,
    Array,
    diagonal,
    difference_variances,
    standard_errors,
)

MEAN = 1000.0
Z = 1.959963984540054  # of the normal distribution, for 95 %
# Fewer battles are too few for the rating of a model to be told without a warning.
PROVISIONAL = 30
# Only differences of strengths matter; holding their sum at zero makes the rest well defined and moves none of them.
PINNED = 1.0

EXACT = "Bradley-Terry, maximum likelihood, sandwich intervals"
SHRUNK = (
    "Bradley-Terry with a weak normal prior, for some models, alone or as a group, only won or only lost against the "
    "others, or all only tied; intervals of the posterior"
)
# Where more than this of what is known of the style comes of its prior, its data cannot tell it from strength.
MOSTLY_KNOWN = 0.05


@dataclass(frozen=True)
class Rated:
    """A model's rating with its 95 % interval, and its rank with the best and worst that it may have.

    All None where there is no rating. `provisional`: it rests on few battles or on a prior.
    """

    rating: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    rank: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    provisional: bool = True


@dataclass(frozen=True)
class Entry:
    """A model of the leaderboard."""

    model: Model
    battles: int
    wins: int
    losses: int
    ties: int
    rated: Rated
    styled: Rated


@dataclass(frozen=True)
class Style:
    """How much a longer answer wins by its length alone: log-odds for one that is all there is against nothing.

    With a weak normal prior, whose width the interval has where length cannot be told from strength.
    """

    coefficient: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None


@dataclass(frozen=True)
class Leaderboard:
    """All models, best first; `connected` when battles lead from every model to every other."""

    entries: list[Entry]
    method: str
    connected: bool
    style: Style = field(default_factory=Style)


def rate(battles: Battles, *, style: bool = False) -> Leaderboard:
    """The leaderboard of some battles; with `style` also as it would be if answers were equally long."""
    won, drawn = battles.won, battles.drawn
    met = won + won.T + drawn
    kept = _largest_group(met > 0)
    rated_battles = battles.only(kept)
    # Of ties alone nothing can be said of how much outcomes differ by chance.
    exact = _all_reach_all((won + drawn)[np.ix_(kept, kept)]) and bool(won.any())
    few = met.sum(axis=1)[kept] < PROVISIONAL
    plain, _ = _fit(rated_battles, exact=exact, style=False, few=few)
    styled, of_style = _fit(rated_battles, exact=exact, style=True, few=few) if style else ([], Style())
    places = np.cumsum(kept) - 1
    entries = [
        Entry(
            model,
            int(met[place].sum()),
            int(won[place].sum()),
            int(won[:, place].sum()),
            int(drawn[place].sum()),
            plain[places[place]] if kept[place] else Rated(),
            styled[places[place]] if kept[place] and style else Rated(),
        )
        for place, model in enumerate(battles.models)
    ]
    entries.sort(key=lambda entry: (entry.rated.rank or len(entries) + 1, -entry.battles, entry.model))
    return Leaderboard(entries, EXACT if exact else SHRUNK, bool(kept.all()), of_style)


def _largest_group(joined: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The most models that are joined by way of each other; of equally many the first."""
    reached = _reach(joined)
    return reached[int(np.argmax(reached.sum(axis=1)))] if len(reached) else np.zeros(0, bool)


def _all_reach_all(beaten: NDArray[np.int64]) -> bool:
    """Whether a chain of wins or ties leads from every model to every other: then all ratings are finite.

    Ford (1957), “Solution of a ranking problem from binary comparisons”.
    """
    return bool(_reach(beaten > 0).all())


def _reach(joined: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which others each can get to in any number of steps, itself included."""
    reached: NDArray[np.bool_] = joined | np.eye(len(joined), dtype=bool)
    while True:
        further: NDArray[np.bool_] = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
        if (further == reached).all():
            return reached
        reached = further


def _fit(battles: Battles, *, exact: bool, style: bool, few: NDArray[np.bool_]) -> tuple[list[Rated], Style]:
    """Ratings of models that are all connected, and the share that style has in wins."""
    size = len(battles.models)
    if not size:
        return [], Style()
    precision = np.full(size + style, 0.0 if exact else PRIOR_PRECISION)
    precision[size:] = PRIOR_PRECISION
    parameters = _most_likely(battles, precision)
    chance = _chance(battles, parameters)
    inverse = np.linalg.inv(_information(battles, chance, precision)).astype(np.float64, copy=False)
    covariance = inverse
    known = exact and bool((precision[size:] * diagonal(inverse)[size:] < MOSTLY_KNOWN).all())
    if known:
        spread = battles.wins * (1 - chance) ** 2 + battles.losses * chance**2 + battles.ties * (0.5 - chance) ** 2
        covariance = inverse @ _gram(battles, spread, len(parameters)) @ inverse
    of_style = Style()
    if style:
        middle, reach = float(parameters[-1]), Z * float(np.sqrt(covariance[-1, -1]))
        of_style = Style(middle, middle - reach, middle + reach)
    return _rank(parameters[:size], covariance[:size, :size], few | (not known)), of_style


def _most_likely(battles: Battles, precision: Array) -> Array:
    """The parameters, by Newton's method: a strength for each model and, if the precisions are one more, the style."""
    parameters: Array = np.zeros(len(precision))
    scores = battles.wins + battles.ties / 2
    for _ in range(MOST_STEPS):
        chance = _chance(battles, parameters)
        slope = _sums(battles, scores - battles.counts * chance, len(parameters)) - precision * parameters
        step = np.linalg.solve(_information(battles, chance, precision), slope)
        largest = np.abs(step).max()
        parameters = parameters + step * min(1.0, LONGEST_STEP / max(largest, CLOSE))
        if largest <= CLOSE:
            break
    return parameters


def _chance(battles: Battles, parameters: Array) -> Array:
    """The first one's chance to win, in each row."""
    lead = parameters[battles.first] - parameters[battles.second]
    if len(parameters) > len(battles.models):
        lead = lead + parameters[-1] * battles.longer
    result: Array = 0.5 + 0.5 * np.tanh(lead / 2)
    return result


def _sums(battles: Battles, values: Array, length: int) -> Array:
    """What each parameter has of values of the rows: the first model with plus, the second with minus."""
    size = len(battles.models)
    result = np.zeros(length)
    result[:size] = np.bincount(battles.first, values, size) - np.bincount(battles.second, values, size)
    if length > size:
        result[-1] = (values * battles.longer).sum()
    return result


def _gram(battles: Battles, weights: Array, length: int) -> Array:
    """The sum over rows of weight times the outer product of the row of the design."""
    size = len(battles.models)
    result = np.zeros((length, length))
    np.add.at(result, (battles.first, battles.second), -weights)
    np.add.at(result, (battles.second, battles.first), -weights)
    own = np.bincount(battles.first, weights, size) + np.bincount(battles.second, weights, size)
    diagonal(result)[:size] += own
    if length > size:
        of_style = weights * battles.longer
        result[:size, -1] = np.bincount(battles.first, of_style, size) - np.bincount(battles.second, of_style, size)
        result[-1, :size] = result[:size, -1]
        result[-1, -1] = (of_style * battles.longer).sum()
    return result


def _information(battles: Battles, chance: Array, precision: Array) -> Array:
    size = len(battles.models)
    result = _gram(battles, battles.counts * chance * (1 - chance), len(precision))
    result[:size, :size] += PINNED
    diagonal(result)[...] += precision
    return result


def _rank(strengths: Array, covariance: Array, provisional: NDArray[np.bool_]) -> list[Rated]:
    """Ratings with a mean of MEAN. A rank may be as good as that many are surely better; the same for as bad."""
    reach = Z * ELO * standard_errors(covariance)
    ratings = MEAN + ELO * (strengths - strengths.mean())
    lead = strengths[:, None] - strengths[None, :]
    sure = np.maximum(Z * np.sqrt(np.maximum(difference_variances(covariance), 0)), CLOSE)
    ranks = (lead < -CLOSE).sum(axis=1) + 1
    lows, highs = (lead < -sure).sum(axis=1) + 1, len(strengths) - (lead > sure).sum(axis=1)
    columns = (ratings, ratings - reach, ratings + reach, ranks, lows, highs, provisional)
    return [Rated(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
