"""Bytes → rows: streams of records read piece by piece, each with its line. Imports no Django.

A record that cannot be read is a row with a problem, and reading goes on after it. What ends a stream too early (data
cut short, a damaged file) is the problem of its last row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from annotation.canonical import Json
from annotation.intake.soundness import Problem, UnsoundError, read_json

MAX_RECORD_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 1_000
BATCH_BYTES = 8 * 1024 * 1024
BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """One record: the line (from 1) that it begins on, its size in bytes, and its value or what is wrong with it.

    `plain` when the value is known to be (canonical.is_plain).
    """

    line: int
    size: int
    value: Json = None
    problem: Problem | None = None
    plain: bool = False


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in lists of up to BATCH_ROWS or about BATCH_BYTES, whichever comes first."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += row.size
        if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_lines(stream: BinaryIO) -> Iterator[Row]:
    """The lines of a stream as rows, their bytes as values.

    Only LF ends a line: NEL and the line separators of Unicode are content. A byte order mark is left out.
    """
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(MAX_RECORD_BYTES)
            if number == 1:
                line = line.removeprefix(BOM)
            too_long = len(line) == MAX_RECORD_BYTES and not line.endswith(b"\n")
            while too_long and line and not line.endswith(b"\n"):
                line = stream.readline(MAX_RECORD_BYTES)
        except OSError as error:
            yield cut_short(number, error)
            return
        if too_long:
            yield Row(number, 0, problem=TOO_LARGE)
        elif not line:
            return
        else:
            yield Row(number, len(line), line)


TOO_LARGE = Problem("", f"is larger than {MAX_RECORD_BYTES // 1024**2} MB")


def json_lines(stream: BinaryIO) -> Iterator[Row]:
    """The records of JSON Lines; blank lines are passed over."""
    for row in read_lines(stream):
        if row.problem:
            yield row
        elif not row.value.isspace():
            yield read_row(row.line, row.value)


def read_row(line: int, raw: bytes) -> Row:
    """The row of one JSON text."""
    try:
        value, plain = read_json(raw)
    except UnsoundError as error:
        return Row(line, len(raw), problem=error.problem)
    return Row(line, len(raw), value, plain=plain)


def cut_short(line: int, error: OSError) -> Row:
    """The last row of a stream that could not be read to its end."""
    return Row(line, 0, problem=Problem("", error.strerror or str(error)))
