"""Tables as rows: CSV with a header, and Parquet. Imports no Django."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from annotation.intake.soundness import Problem, UnsoundError, check_value
from annotation.intake.streams import BOM, MAX_RECORD_BYTES, Row, cut_short

PARQUET_ROWS = 200


def csv_rows(stream: BinaryIO) -> Iterator[Row]:
    """The rows of a CSV file in UTF-8, as objects of strings keyed by its header; the line is where a row begins."""
    csv.field_size_limit(MAX_RECORD_BYTES)
    reader = csv.reader(_text_lines(stream), strict=True)
    header: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, 0, problem=Problem("", f"is not sound CSV: {error}"))
            continue
        except OSError as error:
            yield cut_short(line, error)
            return
        if header is None:
            header = cells
            if len(set(header)) < len(header):
                yield Row(line, 0, problem=Problem("", "the header names a column twice"))
                return
        elif cells:
            yield _csv_row(line, header, cells)


def _text_lines(stream: BinaryIO) -> Iterator[str]:
    """Lines by LF alone. Bytes that are not UTF-8 pass as lone surrogates, which the row is refused for."""
    first = True
    while line := stream.readline(MAX_RECORD_BYTES):
        yield (line.removeprefix(BOM) if first else line).decode("utf-8", "surrogateescape")
        first = False


def _csv_row(line: int, header: list[str], cells: list[str]) -> Row:
    size = sum(map(len, cells))
    if len(cells) != len(header):
        return Row(line, size, problem=Problem("", f"has {len(cells)} fields; the header has {len(header)}"))
    return _checked(line, size, dict(zip(header, cells, strict=True)))


def parquet_rows(stream: BinaryIO) -> Iterator[Row]:
    """The rows of a Parquet file as JSON objects; the line is the row's number, from 1."""
    line = 0
    try:
        for batch in pq.ParquetFile(stream, pre_buffer=False).iter_batches(batch_size=PARQUET_ROWS):
            size = batch.nbytes // max(batch.num_rows, 1)
            for value in batch.to_pylist():
                line += 1
                yield _checked(line, size, _as_json(value))
    except (OSError, pa.ArrowException) as error:
        yield Row(line + 1, 0, problem=Problem("", f"cannot be read: {str(error).splitlines()[0]}"))


def _as_json(value: object) -> object:
    """A value of Arrow as JSON: times as RFC 3339 (UTC unless they say), members without a value left out."""
    if isinstance(value, dict):
        return {key: _as_json(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, dt.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=dt.UTC)).isoformat()
    return value


def _checked(line: int, size: int, value: object) -> Row:
    try:
        check_value(value)
    except UnsoundError as error:
        return Row(line, size, problem=error.problem)
    return Row(line, size, value)
