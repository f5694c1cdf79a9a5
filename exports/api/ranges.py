"""Which bytes a download asks for: Range, If-Range and If-None-Match of RFC 9110. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

ENTITY_TAG = re.compile(r'(?:W/)?"[^"]*"')
# Python reads no numbers of more than 4,300 digits.
ONE_RANGE = re.compile(r"\s*(\d{0,4000})-(\d{0,4000})\s*", re.ASCII)


class UnsatisfiableError(Exception):
    """The range lies outside of the file: 416."""


@dataclass(frozen=True)
class ByteRange:
    """Bytes `first` to `last`, both included."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first + 1


def read_range(header: str | None, size: int) -> ByteRange | None:
    """The one range that a header asks for; None for the whole file.

    The whole is also the answer to several ranges and to a header that cannot be read, as the RFC allows. Raises
    UnsatisfiableError.
    """
    unit, _, given = (header or "").partition("=")
    found = ONE_RANGE.fullmatch(given)
    if unit.strip().lower() != "bytes" or not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return _last_bytes(int(last), size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableError
    return ByteRange(int(first), min(int(last) if last else size - 1, size - 1))


def _last_bytes(count: int, size: int) -> ByteRange:
    if count == 0 or size == 0:
        raise UnsatisfiableError
    return ByteRange(max(0, size - count), size - 1)


def has_it(if_none_match: str | None, etag: str) -> bool:
    """Whether the client already has the file: 304. Tags are compared weakly."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag in (tag.removeprefix("W/") for tag in ENTITY_TAG.findall(if_none_match))


def range_applies(if_range: str | None, etag: str) -> bool:
    """Whether a range may be given. Tags are compared strongly; a date never matches, for none is sent."""
    return if_range is None or if_range.strip() == etag
