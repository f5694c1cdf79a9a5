"""Compressed streams that are read piece by piece and tell when they are cut short. Imports no Django."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

import zstandard

CHUNK_BYTES = 64 * 1024
# Unpacked at once. A few bytes can stand for a hundred thousand, so more of them might not fit into memory.
PACKED_BYTES = 1024


class Part(Protocol):
    """One gzip member or Zstandard frame as it is being decompressed."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


SUFFIXES: dict[str, Callable[[], Part]] = {
    ".gz": lambda: zlib.decompressobj(wbits=31),
    ".zst": lambda: zstandard.ZstdDecompressor().decompressobj(),
}


def decompress(stream: BinaryIO, suffix: str, *, one_part: bool = False) -> BinaryIO:
    """The content of a stream compressed as its suffix says. Reading raises OSError where it is damaged.

    `one_part` is for streams whose length is not known: their end is that of their one part, and nothing else is.
    """
    return cast(BinaryIO, io.BufferedReader(_Decompressed(stream, SUFFIXES[suffix], one_part), CHUNK_BYTES))


class _Decompressed(io.RawIOBase):
    """One part after the other. What can be read before the damage is read: zstandard's own reader takes a stream that
    is cut short for a whole one, and others lose what they had in hand."""

    def __init__(self, stream: BinaryIO, start: Callable[[], Part], one_part: bool) -> None:
        self._stream = stream
        self._start = start
        self._one_part = one_part
        self._part = start()
        self._begun = one_part
        self._over = False
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no slices
        while not self._ready:
            packed = self._packed or self._stream.read(PACKED_BYTES)
            if packed and self._over:
                raise OSError(None, "something follows the compressed data")
            if not packed:
                if self._begun:
                    raise OSError(None, "the compressed data are cut short")
                return 0
            self._unpack(packed)
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _unpack(self, packed: bytes) -> None:
        try:
            self._ready = memoryview(self._part.decompress(packed))
        except (zlib.error, zstandard.ZstdError):
            raise OSError(None, "the compressed data are damaged") from None
        self._begun = not self._part.eof
        self._packed = self._part.unused_data
        if self._part.eof:
            self._part = self._start()
            self._over = self._one_part
