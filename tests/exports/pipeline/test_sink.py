"""Sink: what was written is there, hashed, and what goes wrong on the way is told."""

from __future__ import annotations

import hashlib
import os
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


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    os.symlink("/dev/full", tmp_path / "full")
    file = Sink(tmp_path / "data")
    file._file.close()
    file._file = (tmp_path / "full").open("wb")
    with pytest.raises(OSError, match="No space left"):  # noqa: PT012 - by one of the writes, or by the end
        for _ in range(3 * sink.AHEAD):
            file.write(b"x" * 2**20)
        file.close()
