"""What a format is, and the columns that every pair format shares. Pure: Arrow in, Arrow out.

A batch of pairs has one row a pair with these columns; those with a star only where a format wants them. `x` and `y`
are the two outputs: the chosen and the rejected one when the pair has a winner, else the outputs a and b in their
stable order. A rated output is a pair of itself: a has won when it is good, b when it is bad.

    in_decided, in_pairs, in_rated                whether the sample holds it for formats of pairs with a winner, for
                                                  those with ties as well, and as a rated output
    edited *                                      whether one of the outputs is a user's edit of the other
    pair_id, request_id, source                   string
    judge *, language *                           string
    outputs *                                     list<string>: the ids of x and y
    subset *                                      string: `subset` of the prompt's metadata, its language, or "all"
    winner                                        "a", "b", "tie" or "both_bad"
    votes_x, votes_y, votes_tie, votes_both_bad   int32
    agreement, margin *, strength *               double; strength is the mean over the winner's votes, null without one
    score_x, score_y                              double, mean scores, null without one
    model_x, model_y                              name and version
    last_position                                 int64, the log position of the last vote
    judged_at *                                   timestamp of the last vote
    {prompt,x,y}_{roles,texts}                    list<string>: the messages
    vote_scores *, vote_reasons *                 list, one entry a vote
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce
from typing import Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Column: TypeAlias = "pa.Array[Any]"
Lists: TypeAlias = "pa.ListArray[Any]"

MESSAGE = pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())])
MESSAGES = pa.list_(MESSAGE)
# Column, its type, and the column of a batch of pairs that it is.
META = (
    ("meta_pair_id", pa.string(), "pair_id"),
    ("meta_request_id", pa.string(), "request_id"),
    ("meta_source", pa.string(), "source"),
    ("meta_votes_chosen", pa.int32(), "votes_x"),
    ("meta_votes_rejected", pa.int32(), "votes_y"),
    ("meta_votes_tie", pa.int32(), "votes_tie"),
    ("meta_votes_both_bad", pa.int32(), "votes_both_bad"),
    ("meta_agreement", pa.float64(), "agreement"),
    ("meta_chosen_model", pa.string(), "model_x"),
    ("meta_rejected_model", pa.string(), "model_y"),
    ("meta_chosen_score", pa.float64(), "score_x"),
    ("meta_rejected_score", pa.float64(), "score_y"),
    ("meta_last_position", pa.int64(), "last_position"),
)


class Rows(Enum):
    """What the rows of a format are made of: pairs by these columns, or judgments as they were selected."""

    DECIDED = ("in_decided",)
    PAIRS = ("in_pairs",)
    DECIDED_AND_RATED = ("in_decided", "in_rated")
    JUDGMENTS = ()


@dataclass(frozen=True)
class Filter:
    """A rule of one format alone: which pairs of a batch it can take, and the name it drops the others under."""

    rule: str
    takes: Callable[[pa.RecordBatch], Column]


@dataclass(frozen=True)
class Format:
    """One config of a snapshot: its columns and how a batch becomes its rows."""

    name: str
    about: str
    rows: Rows
    schema: pa.Schema
    convert: Callable[[pa.RecordBatch], list[Column]]
    only: Filter | None = None
    # Columns that it reads beyond those of every pair.
    wants: frozenset[str] = frozenset()
    # Files beside the data, made of the names of the data files.
    side_files: Mapping[str, Callable[[Sequence[str]], bytes]] = field(default_factory=dict)

    @property
    def reads(self) -> frozenset[str]:
        """The columns to read for it beyond those of every pair; of a pair that it refuses, the outputs are told."""
        return self.wants | {"outputs"} if self.only else self.wants

    def given(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are of the kind that this format is made of."""
        return those(rows, reduce(pc.or_, (rows[column] for column in self.rows.value))) if self.rows.value else rows

    def fitting(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The rows of a batch that are for this format, and those that only its own rule refuses."""
        rows = self.given(rows)
        if self.only is None:
            return rows, rows.slice(0, 0)
        fits = self.only.takes(rows)
        return those(rows, fits), those(rows, pc.invert(fits))

    def batch(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """The format's rows of a batch of fitting pairs or judgments."""
        return pa.RecordBatch.from_arrays(self.convert(rows), schema=self.schema)


def those(rows: pa.RecordBatch, mask: Column) -> pa.RecordBatch:
    """The rows that a mask without nulls takes; nothing is copied when it takes all or none."""
    taken: int = pc.sum(mask).as_py() or 0
    return rows.slice(0, taken) if taken in (0, rows.num_rows) else rows.filter(mask)


def pair_schema(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    """The format's own columns first, then the provenance of a pair."""
    return pa.schema([*columns, *((name, type_) for name, type_, _ in META)])


def meta(pairs: pa.RecordBatch) -> list[Column]:
    """The provenance columns."""
    return [pairs[source].cast(type_) for _, type_, source in META]


def lists(rows: pa.RecordBatch, name: str) -> Lists:
    """A column that holds lists."""
    return cast("Lists", rows[name])


def lengths(of: Lists) -> pa.Int32Array:
    """The number of values in each list; no list is null."""
    return of.value_lengths()


def regroup(like: Lists, values: Column) -> Lists:
    """Values, one for each flattened value of `like`, in lists of the same lengths."""
    ends = np.zeros(len(like) + 1, np.int32)
    np.cumsum(lengths(like).to_numpy(zero_copy_only=False), out=ends[1:])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values)


def strings(rows: pa.RecordBatch, name: str) -> list[str]:
    """A column of short strings, without nulls, as Python strings."""
    return cast("list[str]", rows[name].to_pylist())


def messages(pairs: pa.RecordBatch, of: str) -> Lists:
    """The messages of `prompt`, `x` or `y`."""
    roles, texts = lists(pairs, f"{of}_roles"), lists(pairs, f"{of}_texts")
    return regroup(roles, pa.StructArray.from_arrays([roles.flatten(), texts.flatten()], fields=list(MESSAGE)))


def conversations(pairs: pa.RecordBatch, of: str) -> Lists:
    """The messages of the prompt and of `x` or `y` after it, as one list."""
    size = pairs.num_rows
    both = pa.concat_arrays([messages(pairs, "prompt"), messages(pairs, of)])
    in_turn = both.take(pa.array(np.arange(2 * size).reshape(2, size).T.ravel(), pa.int64()))
    ends = in_turn.offsets.take(pa.array(np.arange(0, 2 * size + 1, 2), pa.int64()))
    return pa.ListArray.from_arrays(ends, in_turn.values)


def first_and_second(pairs: pa.RecordBatch, x: Column, y: Column) -> tuple[Column, Column]:
    """Values of outputs x and y put into the stable order a, b."""
    size = pairs.num_rows
    both = pa.concat_arrays([x, y])
    x_is_b = pc.equal(pairs["winner"], pa.scalar("b")).to_numpy(zero_copy_only=False)
    a = np.arange(size) + size * x_is_b
    b = np.arange(size) + size * ~x_is_b
    return both.take(pa.array(a, pa.int64())), both.take(pa.array(b, pa.int64()))
