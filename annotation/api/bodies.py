"""The body of a call as bytes: unpacked, within its limits, and never taken for whole when it is not."""

from __future__ import annotations

import io
from typing import BinaryIO, Protocol, cast

from django.conf import settings
from rest_framework.request import Request

from annotation.api.problems import Problem
from annotation.intake.compression import decompress
from annotation.intake.streams import BOM

CHUNK_BYTES = 64 * 1024
ENCODINGS = {"gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}
# What unpacks to many times its size is no record of anything, save where it is small.
MAX_RATIO = 1_000
RATIO_FROM_BYTES = 4 * 1024 * 1024


class Input(Protocol):
    """The body as a WSGI server hands it on."""

    def read(self, size: int, /) -> bytes: ...


def read_whole(request: Request) -> bytes:
    """The body, unpacked and without a byte order mark.

    Problem 413 when it is larger than DATA_UPLOAD_MAX_MEMORY_SIZE, and those of open_body.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    raw = open_body(request).read(limit + 1)
    if len(raw) > limit:
        raise Problem(413, f"A JSON body may have up to {limit:,} bytes.")
    return raw.removeprefix(BOM)


def open_body(request: Request) -> BinaryIO:
    """The body as a stream, unpacked while it is read, which raises Problem 400 where it is broken or cut short.

    Problem 411 for a body whose end could not be told from a cut, 415 for an encoding that is not known.
    """
    encoding = request.headers.get("Content-Encoding", "").strip().lower() or "identity"
    if encoding != "identity" and encoding not in ENCODINGS:
        known = ", ".join(ENCODINGS)
        detail = f"The Content-Encoding “{encoding}” is not read here; there are {known}."
        raise Problem(415, detail, headers={"Accept-Encoding": known})
    length = content_length(request)
    if length is None and encoding == "identity":
        # The server ends such a body in the same way when it is whole and when the connection broke.
        raise Problem(411, "Send the body with its Content-Length, or packed with gzip or zstd, which tell their end.")
    received = _Received(request.META["wsgi.input"], length)
    if encoding == "identity":
        return cast(BinaryIO, io.BufferedReader(received, CHUNK_BYTES))
    return cast(BinaryIO, io.BufferedReader(_Unpacked(received, ENCODINGS[encoding]), CHUNK_BYTES))


def content_length(request: Request) -> int | None:
    """The length of the body in bytes; None when the client did not tell it."""
    length = request.META.get("CONTENT_LENGTH")
    return int(length) if length else None


def has_no_length(request: Request) -> bool:
    """Whether there is a body whose length the client did not tell."""
    if content_length(request) is not None:
        return False
    # HTTP/2 has no header for it: there is a body when something comes.
    is_second = request.META.get("SERVER_PROTOCOL") == "HTTP/2"
    return "Transfer-Encoding" in request.headers or (is_second and bool(request.META["wsgi.input"].read(1)))


class _Received(io.RawIOBase):
    """The body as it was sent, `length` bytes of it, or all that comes when that is None."""

    def __init__(self, source: Input, length: int | None) -> None:
        self.length = length
        self.count = 0
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer has no slices
        wanted = len(buffer) if self.length is None else min(len(buffer), self.length - self.count)
        try:
            chunk = self._source.read(wanted) if wanted else b""
        except OSError:
            chunk = b""
        if wanted and not chunk and self.length is not None:
            raise Problem(400, f"The body ended after {self.count:,} of {self.length:,} bytes.")
        buffer[: len(chunk)] = chunk
        self.count += len(chunk)
        return len(chunk)


class _Unpacked(io.RawIOBase):
    """The content of a compressed body."""

    def __init__(self, received: _Received, suffix: str) -> None:
        self._received = received
        packed = cast(BinaryIO, io.BufferedReader(received, CHUNK_BYTES))
        self._content = decompress(packed, suffix, one_part=received.length is None)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # as above
        try:
            chunk = self._content.read(len(buffer))
        except OSError as error:
            raise Problem(400, f"The body cannot be unpacked: {error.strerror}.") from None
        buffer[: len(chunk)] = chunk
        self._count += len(chunk)
        if self._count > max(RATIO_FROM_BYTES, MAX_RATIO * self._received.count):
            raise Problem(413, f"The body unpacks to more than {MAX_RATIO} times its size.")
        return len(chunk)
