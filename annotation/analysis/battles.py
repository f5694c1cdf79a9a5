"""Who won against whom: what leaderboards and experiments are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotation.analysis.bradley_terry import Array

Counts = NDArray[np.int64]
BothBad = Literal["tie", "drop"]


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

    `longer` is how much longer the first one's outputs were, (first - second) / (first + second) in characters, in the
    mean of these battles.
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

    Two models may meet in several rows, and in either order.
    """

    models: tuple[Model, ...]
    first: NDArray[np.intp]
    second: NDArray[np.intp]
    wins: Counts
    losses: Counts
    ties: Counts
    longer: Array

    @classmethod
    def of(cls, meetings: Iterable[Met], *, both_bad: BothBad = "tie") -> Battles:
        """Count answers that both are bad as ties, or not at all. Models come in alphabetical order."""
        rows = [met for met in meetings if met.first != met.second]
        models = tuple(sorted({model for met in rows for model in met[:2]}))
        places = {model: place for place, model in enumerate(models)}
        extra = 1 if both_bad == "tie" else 0

        def whole(values: Iterable[int]) -> Counts:
            return np.fromiter(values, np.int64, len(rows))

        return cls(
            models,
            np.fromiter((places[met.first] for met in rows), np.intp, len(rows)),
            np.fromiter((places[met.second] for met in rows), np.intp, len(rows)),
            whole(met.wins for met in rows),
            whole(met.losses for met in rows),
            whole(met.ties + extra * met.both_bad for met in rows),
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
        models = tuple(model for model, keep in zip(self.models, kept, strict=True) if keep)
        parts = (part[rows] for part in (self.wins, self.losses, self.ties, self.longer))
        return Battles(models, places[self.first[rows]], places[self.second[rows]], *parts)  # type: ignore[arg-type]

    def matrix(self, of_first: Counts, of_second: Counts) -> Counts:
        """Sums by two models: `result[i, j]` adds up `of_first` where i met j as the first, `of_second` elsewhere."""
        size = len(self.models)
        result = np.zeros((size, size), np.int64)
        np.add.at(result, (self.first, self.second), of_first)
        np.add.at(result, (self.second, self.first), of_second)
        return result

    @property
    def won(self) -> Counts:
        """How often each model (row) won against each other (column)."""
        return self.matrix(self.wins, self.losses)

    @property
    def drawn(self) -> Counts:
        """How often each two models tied."""
        return self.matrix(self.ties, self.ties)
