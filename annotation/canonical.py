"""Canonical JSON, digests, commitments and stable randomness: the only hashing of the project.

Imports no Django, so that the same functions check a downloaded snapshot or an event read over the API.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from typing import Any

import orjson
import rfc8785

Json = Any
MAX_EXACT_INTEGER = 2**53 - 1


def canonical_json(value: Json, *, plain: bool = False) -> bytes:
    """The RFC 8785 (JCS) bytes of a JSON value; `plain` when it is known to be by is_plain.

    Numbers are IEEE 754 doubles there, so an integer beyond 2**53 is written as its nearest double. Raises ValueError
    for what has no such form (NaN, infinities, lone surrogates).
    """
    try:
        # Equal to JCS for plain values, and many times faster.
        written = value if plain or is_plain(value) else _with_fragments(value)
        return orjson.dumps(written, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, OverflowError) as error:
        raise ValueError(str(error)) from None


def whole(value: Json) -> Json:
    """4.0 as 4: to JSON, and in its canonical form, both are one number. Everything else as it is."""
    return int(value) if type(value) is float and value.is_integer() else value


def is_plain(value: Json) -> bool:
    """Whether orjson writes the value, and with it every part of it, as JCS does.

    A hot loop: strings are passed over without a call.
    """
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            if not key.isascii() or (type(item) is not str and not is_plain(item)):
                return False
        return True
    if kind is list:
        for item in value:  # noqa: SIM110  # a generator would double the time
            if type(item) is not str and not is_plain(item):
                return False
        return True
    if kind is int:
        return bool(-MAX_EXACT_INTEGER <= value <= MAX_EXACT_INTEGER)
    if kind is float:
        # Both write the shortest digits that read back; they differ in when to drop “.0” or use an exponent.
        return bool(1e-5 <= abs(value) < MAX_EXACT_INTEGER and not value.is_integer())
    return kind is str or kind is bool or value is None


def _with_fragments(value: Json) -> Json:
    """The value with what is not plain in it as finished JCS text."""
    kind = type(value)
    if kind is dict and all(map(str.isascii, value)):
        return {key: _with_fragments(item) for key, item in value.items()}
    if kind is list:
        return [_with_fragments(item) for item in value]
    return value if is_plain(value) else orjson.Fragment(rfc8785.dumps(as_doubles(value)))


def as_doubles(value: Json) -> Json:
    """The value with integers beyond 2**53 as what they are to JCS: their nearest double. No reader refuses those."""
    if isinstance(value, dict):
        return {key: as_doubles(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_EXACT_INTEGER:
        return float(value)
    return value


def digest(value: Json, *, plain: bool = False) -> str:
    """Lower-case hex SHA-256 of the canonical form of a JSON value."""
    return hashlib.sha256(canonical_json(value, plain=plain)).hexdigest()


def as_messages(content: Json, *, role: str) -> list[Json]:
    """Content as a message list: a string becomes the one message of that role."""
    return [{"role": role, "content": content}] if isinstance(content, str) else list(content)


def prompt_digest(content: Json, *, plain: bool = False) -> str:
    """The digest of a prompt's canonical content (a string counts as one user message)."""
    return digest(as_messages(content, role="user"), plain=plain)


def output_digest(content: Json, *, plain: bool = False) -> str:
    """The digest of an output's canonical content (a string counts as one assistant message)."""
    return digest(as_messages(content, role="assistant"), plain=plain)


def new_salt() -> str:
    """128 random bits as hex, for one commitment."""
    return os.urandom(16).hex()


def new_salts(count: int) -> list[str]:
    """As many salts, out of one reading of the system's random numbers."""
    digits = os.urandom(16 * count).hex()
    return [digits[start : start + 32] for start in range(0, 32 * count, 32)]


def commitment(salt: str, value: Json, *, plain: bool = False) -> str:
    """Binds an event to a value without showing it: SHA-256 of the salt's bytes and the canonical value."""
    return hashlib.sha256(bytes.fromhex(salt) + canonical_json(value, plain=plain)).hexdigest()


def genesis(chain: str) -> str:
    """The hash before the first event of the chain of that name."""
    return hashlib.sha256(f"prefapp chain {chain}".encode()).hexdigest()


def chain_hash(previous: str, event: Json) -> str:
    """The hash of an event after `previous`: SHA-256 of both, the event in canonical form."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical_json(event)).hexdigest()


def secret_hash(secret: str) -> str:
    """What is stored of an API key. A plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def stable_uuid(namespace: uuid.UUID, value: Json) -> uuid.UUID:
    """UUIDv5 of a JSON value, for records that come without an id."""
    return uuid.uuid5(namespace, digest(value))


def stable_hash(*parts: str | int) -> int:
    """A 64-bit hash of the parts that is the same on every machine and in every version."""
    return int.from_bytes(hashlib.sha256(canonical_json([str(part) for part in parts])).digest()[:8], "big")


def stable_uniform(*parts: str | int) -> float:
    """The stable hash as a number in [0, 1)."""
    return (stable_hash(*parts) >> 11) / 2**53


def stable_choice(options: Sequence[Any], *parts: str | int) -> Any:
    """One of the options, picked by the stable hash of the parts."""
    return options[stable_hash(*parts) % len(options)]
