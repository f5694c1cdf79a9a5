"""Who won against whom: what leaderboards and experiments are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.bradley_terry import Array

Counts = NDArray[np.int64]
BothBad = Literal["tie", "drop"]

# Of more models, those with most battles: what is made of battles takes memory by their number squared, and more time.
MOST_MODELS = 400
# Meetings are told apart by how much longer one answer is, in so many steps from nothing to all there is.
STEPS = 20


class Model(NamedTuple):
    """A model as outputs name it; both empty when they do not."""

    name: str
    version: str

    @property
    def label(self) -> str:
        """Name and version in one."""
        return f"{self.name} {self.version}".strip()


class Met(NamedTuple):
    """How often two models met, and how that went.

    `longer` is how much longer the first one's outputs were, (first - second) / (first + second) in characters, to the
    nearest of STEPS.
    """

    first: Model
    second: Model
    wins: int
    losses: int
    ties: int
    both_bad: int
    longer: float = 0.0


@dataclass(frozen=True)
class Battles:
    """Meetings of models, as arrays of one length. `first` and `second` are places in `models`.

    Two models may meet in several rows, and in either order. No row is without battles.
    """

    models: tuple[Model, ...]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    wins: Counts
    losses: Counts
    ties: Counts
    longer: Array

    @classmethod
    def of(cls, meetings: Iterable[Met], *, both_bad: BothBad) -> Battles:
        """Count answers that both are bad as ties, or not at all. Models come in alphabetical order."""
        extra = 1 if both_bad == "tie" else 0
        counted = [met._replace(ties=met.ties + extra * met.both_bad) for met in meetings if met.first != met.second]
        often: Counter[Model] = Counter()
        for met in counted:
            for model in (met.first, met.second):
                often[model] += met.wins + met.losses + met.ties
        kept = sorted((model for model in often if often[model]), key=lambda model: (-often[model], model))[
            :MOST_MODELS
        ]
        places = {model: place for place, model in enumerate(sorted(kept))}
        rows = [
            met for met in counted
            if met.wins + met.losses + met.ties and met.first in places and met.second in places
        ]  # fmt: skip

        def whole(values: Iterable[int]) -> Counts:
            return np.fromiter(values, np.int64, len(rows))

        return cls(
            tuple(places),
            np.fromiter((places[met.first] for met in rows), np.intp, len(rows)),
            np.fromiter((places[met.second] for met in rows), np.intp, len(rows)),
            whole(met.wins for met in rows),
            whole(met.losses for met in rows),
            whole(met.ties for met in rows),
            np.fromiter((met.longer for met in rows), np.float64, len(rows)),
        )

    @property
    def counts(self) -> Counts:
        """How many battles each row stands for."""
        return self.wins + self.losses + self.ties

    def only(self, kept: NDArray[np.bool_]) -> Battles:
        """The battles between some of the models alone."""
        places = np.cumsum(kept) - 1
        rows = kept[self.first] & kept[self.second]
        return Battles(
            tuple(model for model, keep in zip(self.models, kept, strict=True) if keep),
            places[self.first[rows]],
            places[self.second[rows]],
            self.wins[rows],
            self.losses[rows],
            self.ties[rows],
            self.longer[rows],
        )

    @property
    def won(self) -> Counts:
        """How often each model (row) won against each other (column)."""
        return self._matrix(self.wins, self.losses)

    @property
    def drawn(self) -> Counts:
        """How often each two models tied."""
        return self._matrix(self.ties, self.ties)

    def _matrix(self, of_first: Counts, of_second: Counts) -> Counts:
        """Sums by two models: `result[i, j]` adds up `of_first` where i met j as the first, `of_second` elsewhere."""
        size = len(self.models)
        result = np.zeros((size, size), np.int64)
        np.add.at(result, (self.first, self.second), of_first)
        np.add.at(result, (self.second, self.first), of_second)
        return result
