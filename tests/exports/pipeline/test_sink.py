"""Sink: what was written is there, hashed, and what goes wrong on the way is told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exports.pipeline import sink
from exports.pipeline.sink import Sink


def test_what_was_written_is_there_with_its_hash(tmp_path: Path) -> None:
    file = Sink(tmp_path / "new" / "data")
    buffer = bytearray(b"x" * 100_000)
    for number in range(50):
        buffer[0] = number  # the caller's buffer is its own again
        assert file.write(buffer) == len(buffer)
    file.close()
    content = (tmp_path / "new" / "data").read_bytes()
    assert content[:: len(buffer)] == bytes(range(50))
    assert (file.size, file.hash.digest()) == (len(content), hashlib.sha256(content).digest())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    Sink(tmp_path / "data").close()
    with pytest.raises(FileExistsError):
        Sink(tmp_path / "data")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Sink]:
    """A file on a disk that takes nothing."""
    file = Sink(tmp_path / "data")
    file._file.close()
    with suppress(OSError), Path("/dev/full").open("r+b") as nowhere:
        file._file = nowhere  # type: ignore[assignment]  # it writes as the other does
        yield file


def write_much(file: Sink) -> None:
    for _ in range(3 * sink.AHEAD):
        file.write(b"x" * 2**20)


def test_a_full_disk_is_told_while_writing(full: Sink) -> None:
    with pytest.raises(OSError, match="No space left"):
        write_much(full)
    full.abandon()


def test_a_full_disk_is_told_at_the_end(full: Sink) -> None:
    full.write(b"so little that it waits in memory")
    with pytest.raises(OSError, match="No space left"):
        full.close()
    full.close()
    full.abandon()
    assert full.closed


def test_who_gives_up_waits_for_nothing_and_is_told_nothing(full: Sink) -> None:
    full.write(b"x" * 2**20)
    full.abandon()
    assert full.closed
