"""Likeness: which texts are nearly the same as one of the known ones, in time linear in their number. Pure.

Two texts are alike when they hold the same numbers and, of the pairs of neighbouring words that stand in either, four
in five stand in both. Case, punctuation and white space do not count. Candidates are found by MinHash, so that not
every two texts are compared; each candidate is then measured.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from annotation.canonical import stable_hash

ALIKE = 0.8
BANDS, ROWS = 12, 3  # at a likeness of 0.8 a candidate is missed once in 5,000 times
# Scripts without spaces count character by character.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|\w+")
DIGIT = re.compile(r"\d")
FACTORS = np.array([stable_hash("factor", n) | 1 for n in range(BANDS * ROWS)], np.uint64)
TERMS = np.array([stable_hash("term", n) for n in range(BANDS * ROWS)], np.uint64)


@dataclass(frozen=True)
class _Traits:
    """What is compared of a text: hashes of its pairs of words, sorted, and one hash of its numbers."""

    pairs: NDArray[np.uint32]
    numbers: int

    def keys(self) -> NDArray[np.uint64]:
        """One key a band; alike texts nearly always share one."""
        mixed = (FACTORS[:, None] * self.pairs.astype(np.uint64)[None, :] + TERMS[:, None]) >> np.uint64(32)
        least = mixed.min(axis=1).reshape(BANDS, ROWS)
        banded = np.arange(BANDS, dtype=np.uint64) + np.uint64(self.numbers)
        for row in range(ROWS):
            banded = (banded ^ least[:, row]) * FACTORS[0] + TERMS[row]
        return banded

    def alike(self, other: _Traits) -> bool:
        both = np.intersect1d(self.pairs, other.pairs, assume_unique=True).size
        either = self.pairs.size + other.pairs.size - both
        return self.numbers == other.numbers and both >= ALIKE * either


def _traits(text: str) -> _Traits:
    words = WORD.findall(text.lower())
    numbers = zlib.crc32(" ".join(sorted(word for word in words if DIGIT.search(word))).encode())
    pairs = {zlib.crc32(f"{one} {two}".encode()) for one, two in pairwise(words)}
    if len(words) == 1:
        pairs = {zlib.crc32(words[0].encode())}
    return _Traits(np.fromiter(sorted(pairs), np.uint32, len(pairs)), numbers)


class Known:
    """The known texts. A text without words is like no other."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._traits = [traits for traits in map(_traits, texts) if traits.pairs.size]
        keys = np.concatenate([traits.keys() for traits in self._traits] or [np.empty(0, np.uint64)])
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._owners = (order // BANDS).astype(np.int64)

    def has_like(self, text: str) -> bool:
        """Whether a known text is alike."""
        traits = _traits(text)
        if not traits.pairs.size:
            return False
        keys = traits.keys()
        starts = np.searchsorted(self._keys, keys, "left")
        ends = np.searchsorted(self._keys, keys, "right")
        owners = {int(owner) for first, last in zip(starts, ends, strict=True) for owner in self._owners[first:last]}
        return any(self._traits[owner].alike(traits) for owner in sorted(owners))
