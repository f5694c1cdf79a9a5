"""Write: batches become Parquet or JSON Lines files of fixed settings, hashed while they are written.

Row groups and files are cut by rows and bytes of the data alone, so the same rows give the same files.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal, Protocol, cast

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from exports.pipeline.sink import Sink

ROW_GROUP_ROWS = 10_000
ROW_GROUP_BYTES = 16 * 2**20
FILE_ROWS = 1_000_000
FILE_BYTES = 512 * 2**20
# What decides about the bytes of a file, besides the versions of the writers; stands in the manifest.
SETTINGS: dict[str, Any] = {
    "version": "2.6",
    "compression": "zstd",
    "compression_level": 2,  # 3 takes half as long again, for hardly smaller files
    "data_page_size": 2**20,
    "use_dictionary": False,
    "write_statistics": False,
}
JSONL_SETTINGS = {"compression_level": 3}
FileFormat = Literal["parquet", "jsonl.zst"]


@dataclass(frozen=True)
class WrittenFile:
    """A file of the snapshot; `rows` and `schema` are None for what is no data."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None
    schema: tuple[tuple[str, str], ...] | None = None


class RowWriter(Protocol):
    """Writes row groups of one schema into an open file; whoever opened the file closes it."""

    def write_table(self, rows: pa.Table, row_group_size: int) -> None: ...
    def close(self) -> None: ...


class JsonLines:
    """A row a line, keys in the order of the schema, compressed as one frame."""

    def __init__(self, file: Sink) -> None:
        compressor = zstandard.ZstdCompressor(level=JSONL_SETTINGS["compression_level"], write_content_size=False)
        self._stream = compressor.stream_writer(cast("IO[bytes]", file), closefd=False)

    def write_table(self, rows: pa.Table, row_group_size: int) -> None:
        for batch in rows.to_batches(max_chunksize=row_group_size):
            for start in range(0, batch.num_rows, 1_000):
                lines = (orjson.dumps(row, default=_as_json) for row in batch.slice(start, 1_000).to_pylist())
                self._stream.write(b"\n".join(lines) + b"\n")

    def close(self) -> None:
        self._stream.close()  # type: ignore[no-untyped-call]  # the stubs leave its type out


def _as_json(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    raise TypeError


def _row_writer(file: Sink, schema: pa.Schema, file_format: FileFormat) -> RowWriter:
    if file_format == "jsonl.zst":
        return JsonLines(file)
    return pq.ParquetWriter(pa.PythonFile(file, "w"), schema, **SETTINGS)


def write_bytes(folder: Path, path: str, content: bytes) -> WrittenFile:
    """Write a small file."""
    file = Sink(folder / path)
    try:
        file.write(content)
    finally:
        file.close()
    return WrittenFile(path, file.size, file.hash.hexdigest())


@dataclass(frozen=True)
class Part:
    """A finished file of one split of a config that has no name yet, for others may come before it."""

    path: Path
    bytes: int
    sha256: str
    rows: int


@dataclass
class Parts:
    """Rows of one split of a config, cut into files; none without rows."""

    folder: Path
    config: str
    split: str
    schema: pa.Schema
    file_format: FileFormat = "parquet"
    _pending: list[pa.RecordBatch] = field(default_factory=list)
    _file: Sink | None = None
    _writer: RowWriter | None = None
    _file_rows: int = 0
    _file_bytes: int = 0
    _done: list[Part] = field(default_factory=list)

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        for start in range(0, batch.num_rows, ROW_GROUP_ROWS):
            self._pending.append(batch.slice(start, ROW_GROUP_ROWS))
            rows = sum(part.num_rows for part in self._pending)
            if rows >= ROW_GROUP_ROWS or sum(part.nbytes for part in self._pending) >= ROW_GROUP_BYTES:
                self._write_row_group()

    def end(self) -> list[Part]:
        """Write what is left; return the files."""
        self._write_row_group()
        self._end_file()
        return self._done

    def abandon(self) -> None:
        """Close what is open; for a build that is given up."""
        if self._file:
            self._file.abandon()

    def _write_row_group(self) -> None:
        if not self._pending:
            return
        rows = pa.Table.from_batches(self._pending, schema=self.schema)
        self._pending = []
        if self._writer is None:
            self._file = Sink(self._path)
            self._writer = _row_writer(self._file, self.schema, self.file_format)
        self._writer.write_table(rows, row_group_size=max(1, rows.num_rows))
        self._file_rows += rows.num_rows
        self._file_bytes += rows.nbytes
        if self._file_rows >= FILE_ROWS or self._file_bytes >= FILE_BYTES:
            self._end_file()

    def _end_file(self) -> None:
        if self._writer is None or self._file is None:
            return
        self._writer.close()
        self._file.close()
        self._done.append(Part(self._path, self._file.size, self._file.hash.hexdigest(), self._file_rows))
        self._writer, self._file, self._file_rows, self._file_bytes = None, None, 0, 0

    @property
    def _path(self) -> Path:
        return self.folder / self.config / f"{self.split}-{len(self._done):05}.part"


def name_parts(
    folder: Path, config: str, split: str, parts: Sequence[Part], schema: pa.Schema, file_format: FileFormat = "parquet"
) -> list[WrittenFile]:
    """Make parts the files of a split: `CONFIG/SPLIT-00000-of-0000N.parquet` or `.jsonl.zst`."""
    files = []
    for number, part in enumerate(parts):
        path = f"{config}/{split}-{number:05}-of-{len(parts):05}.{file_format}"
        (folder / config).mkdir(parents=True, exist_ok=True)
        part.path.rename(folder / path)
        files.append(WrittenFile(path, part.bytes, part.sha256, part.rows, describe(schema)))
    return files


def write_all(
    batches: Iterable[pa.RecordBatch], folder: Path, config: str, split: str, schema: pa.Schema
) -> list[WrittenFile]:
    """Write rows as a split of their own."""
    parts = Parts(folder, config, split, schema)
    try:
        for batch in batches:
            parts.add(batch.cast(schema))
        return name_parts(folder, config, split, parts.end(), schema)
    finally:
        parts.abandon()


def describe(schema: pa.Schema) -> tuple[tuple[str, str], ...]:
    """A schema as pairs of column name and Arrow type."""
    return tuple((column.name, str(column.type)) for column in schema)


def sync(folders: Iterable[Path]) -> None:
    """Make the entries of folders survive a power failure."""
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
