"""Sound JSON: what is read here has one meaning everywhere and can be stored without loss.

Refused are duplicate keys, NaN and infinities, numbers that overflow, lone surrogates, NUL, and nesting over 64.
Imports no Django.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import jiter
import orjson

from annotation.canonical import Json, is_plain

MAX_DEPTH = 64


@dataclass(frozen=True)
class Problem:
    """What is wrong with a record: where (an RFC 6901 pointer) and why. Never quotes the record's texts."""

    pointer: str
    detail: str


class UnsoundError(ValueError):
    """A record that is not sound JSON."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(pointer, detail)


def pointer(path: Iterable[str | int]) -> str:
    """The RFC 6901 pointer of a path of keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


class Read(NamedTuple):
    """A JSON value, and whether it is known to be plain (canonical.is_plain)."""

    value: Json
    plain: bool


def read_json(raw: bytes) -> Read:
    """The value of one JSON text in UTF-8. Raises UnsoundError."""
    try:
        # jiter tells of equal keys, of which orjson keeps the last; orjson is strict about numbers. Nothing else that
        # both read do they read differently.
        value = jiter.from_json(raw, catch_duplicate_keys=True, cache_mode="keys", allow_inf_nan=False)
        plain = is_plain(value)
        if not plain:
            value = orjson.loads(raw)
    except ValueError as error:
        raise UnsoundError("", _reason(raw, error)) from None
    # A cheap look at the text finds the few records whose values need a look. A single byte is found much faster.
    if (b"\\" in raw and b"\\u0000" in raw) or raw.count(b"[") + raw.count(b"{") > MAX_DEPTH:
        check_value(value)
    return Read(value, plain)


def _reason(raw: bytes, error: ValueError) -> str:
    try:
        raw.decode()
    except UnicodeDecodeError as undecodable:
        return f"is not UTF-8: {undecodable.reason} at byte {undecodable.start + 1}"
    text = str(error)
    if text.startswith("Detected duplicate key"):
        return f"the same key twice: {text.removeprefix('Detected duplicate key ')}"
    if "recursion limit" in text or "depth limit" in text:
        return f"is nested more than {MAX_DEPTH} deep"
    return f"is not sound JSON: {text}"


def check_value(value: object) -> None:
    """Check a value that is in memory already, as rows of CSV and Parquet are. Raises UnsoundError with its place."""
    _check(value, ())


def _check(value: object, path: tuple[str | int, ...]) -> None:
    if isinstance(value, str):
        _check_text(value, path)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UnsoundError(pointer(path), "is not a finite number")
    elif isinstance(value, dict):
        _check_depth(path)
        for key, item in value.items():
            if not isinstance(key, str):
                raise UnsoundError(pointer(path), "has a key that is not a string")
            _check_text(key, path)
            _check(item, (*path, key))
    elif isinstance(value, list):
        _check_depth(path)
        for index, item in enumerate(value):
            _check(item, (*path, index))
    elif value is not None and not isinstance(value, int):
        raise UnsoundError(pointer(path), f"is of a type that JSON does not have ({type(value).__name__})")


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if "\0" in text:
        raise UnsoundError(pointer(path), "contains NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UnsoundError(pointer(path), "is not Unicode: a lone surrogate, or bytes that are not UTF-8") from None


def _check_depth(path: tuple[str | int, ...]) -> None:
    if len(path) >= MAX_DEPTH:
        raise UnsoundError(pointer(path), f"is nested more than {MAX_DEPTH} deep")
