"""JSON documents of any length, cut into their records as they are read. Imports no Django."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from annotation.intake.soundness import Problem
from annotation.intake.streams import BOM, MAX_RECORD_BYTES, TOO_LARGE, Row, cut_short, read_row

CHUNK_BYTES = 256 * 1024
# A string, whole or (without its end) still to go on; or a sign that opens, closes or parts.
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?P<end>"?)|[\[\]{},]', re.DOTALL)


def json_elements(stream: BinaryIO) -> Iterator[Row]:
    """The records of one JSON document: a list of them, or an object whose first list holds them."""
    cutter = _Cutter()
    try:
        while chunk := stream.read(CHUNK_BYTES):
            yield from cutter.feed(chunk)
            if cutter.complaint:
                break
    except OSError as error:
        yield cut_short(cutter.line, error)
        return
    problem = cutter.complaint or cutter.missing
    if problem:
        yield Row(cutter.line, 0, problem=problem)


class _Cutter:
    """Finds where records begin and end; each is then read by itself, so that one bad record spoils no other."""

    def __init__(self) -> None:
        self.line = 1  # that the buffer begins on
        self.complaint: Problem | None = None
        self._buffer = b""
        self._scanned = 0  # up to where in the buffer signs were looked for
        self._start: int | None = None  # where in the buffer the current record begins
        self._open: list[bytes] = []  # the brackets that are open
        self._list_depth = 0  # of the list of records, once it was found
        self._is_first = True

    @property
    def missing(self) -> Problem | None:
        """What the document lacks at its end."""
        if self._open:
            return Problem("", "the JSON document is cut short")
        return None if self._list_depth else Problem("", "holds no list of records")

    def feed(self, chunk: bytes) -> Iterator[Row]:
        """The records that end in this chunk."""
        self._buffer += chunk if self._scanned or self.line > 1 else chunk.removeprefix(BOM)
        while token := TOKEN.search(self._buffer, self._scanned):
            if token["end"] == b"":  # a string that goes on in the next chunk
                self._scanned = token.start()
                break
            yield from self._take(token)
            self._scanned = token.end()
            if self.complaint:
                return
        else:
            self._scanned = len(self._buffer)
        self._forget()

    def _take(self, token: re.Match[bytes]) -> Iterator[Row]:
        sign = token[0]
        if self._list_depth and not self._open:
            self.complaint = Problem("", "something follows the JSON document")
        elif sign in CLOSING:
            self._open.append(sign)
            if sign == b"[" and len(self._open) <= 2 and not self._list_depth:
                self._list_depth = len(self._open)
                self._start = token.end()
        elif sign == b"," or sign in CLOSING.values():
            if self._start is not None and len(self._open) == self._list_depth:
                yield from self._cut(token)
            if sign != b"," and (not self._open or CLOSING[self._open.pop()] != sign):
                self.complaint = Problem("", "the brackets of the JSON document do not match")

    def _cut(self, token: re.Match[bytes]) -> Iterator[Row]:
        """The record that ends at a comma or at the end of the list."""
        raw = self._buffer[self._start : token.start()]
        is_last = token[0] != b","
        if raw.strip() or not (is_last and self._is_first):
            blank = len(raw) - len(raw.lstrip())
            line = self.line + self._buffer.count(b"\n", 0, (self._start or 0) + blank)
            yield read_row(line, raw.strip())
        self._is_first = False
        self._start = None if is_last else token.end()

    def _forget(self) -> None:
        """Drop what will not be looked at again."""
        done = self._scanned if self._start is None else min(self._start, self._scanned)
        self.line += self._buffer.count(b"\n", 0, done)
        self._buffer = self._buffer[done:]
        self._scanned -= done
        if self._start is not None:
            self._start -= done
        if len(self._buffer) > MAX_RECORD_BYTES:
            self.complaint = TOO_LARGE


CLOSING = {b"[": b"]", b"{": b"}"}
