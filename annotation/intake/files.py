"""Files of records by their endings. Imports no Django."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from annotation.intake.compression import SUFFIXES, decompress
from annotation.intake.documents import json_elements
from annotation.intake.snapshots import is_snapshot, snapshot_rows
from annotation.intake.streams import Row, json_lines
from annotation.intake.tables import csv_rows, parquet_rows

READERS: dict[str, Callable[[BinaryIO], Iterator[Row]]] = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_elements,
    ".csv": csv_rows,
    ".parquet": parquet_rows,
}
STANDARD_INPUT = "-"


class FileError(Exception):
    """A file that cannot be read at all. The message names it."""


@dataclass(frozen=True)
class Source:
    """An open file: its rows, and how many of its bytes were read so far."""

    name: str
    rows: Iterator[Row]
    position: Callable[[], int]


def check_file(name: str) -> int:
    """The size of a file in bytes, 0 for standard input and for a snapshot's folder.

    Raises FileError unless it can be opened and read.
    """
    if name == STANDARD_INPUT:
        return 0
    if Path(name).is_dir():
        if not is_snapshot(Path(name)):
            raise FileError(f"{name}: is no snapshot with judgments; name the files in it")
        return 0
    _reader_of(name)
    try:
        with Path(name).open("rb") as file:
            return file.seek(0, io.SEEK_END)
    except OSError as error:
        raise FileError(f"{name}: {error.strerror}") from None


@contextlib.contextmanager
def open_rows(name: str) -> Iterator[Source]:
    """A file's rows; `-` is JSON Lines on standard input, a folder a snapshot as native lines. Raises FileError."""
    if name == STANDARD_INPUT:
        yield Source(name, json_lines(sys.stdin.buffer), lambda: 0)
        return
    if Path(name).is_dir():
        yield Source(name, snapshot_rows(Path(name), _rows_of), lambda: 0)
        return
    reader, compression = _reader_of(name)
    with Path(name).open("rb") as file:
        stream = decompress(file, compression) if compression else file
        yield Source(name, reader(stream), file.tell)


def _rows_of(path: Path) -> Iterator[Row]:
    with open_rows(str(path)) as source:
        yield from source.rows


def _reader_of(name: str) -> tuple[Callable[[BinaryIO], Iterator[Row]], str]:
    path = Path(name)
    compression = path.suffix if path.suffix in SUFFIXES else ""
    ending = Path(path.stem).suffix if compression else path.suffix
    if ending not in READERS:
        endings = f"{', '.join(READERS)}, the text ones also with {' or '.join(SUFFIXES)}"
        raise FileError(f"{name}: unknown ending; there are {endings}, and - for standard input")
    return READERS[ending], compression
