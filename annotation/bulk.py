"""Many rows in one go: reserved primary keys and binary COPY.

Rows are encoded here, column by column, which takes a quarter of the time that a driver needs value by value; and the
binary format spares the server the parsing.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson
from django.db import connection, models
from psycopg import sql
from psycopg.types.json import Jsonb

from annotation import prepared

VERSION_7 = 7 << 76 | 2 << 62
RANDOM_BITS = ~(15 << 76 | 3 << 62)

# The server works on what it has while the next rows are encoded.
ROWS_AT_ONCE = 250
BYTES_AT_ONCE = 128 * 1024

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)
NULL = struct.pack("!i", -1)
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)

_length = struct.Struct("!i").pack
_int2 = struct.Struct("!ih").pack
_int4 = struct.Struct("!ii").pack
_int8 = struct.Struct("!iq").pack
_float8 = struct.Struct("!id").pack
_bool = struct.Struct("!i?").pack

# A value as the binary format has it: its length and its bytes.
Encoder = Callable[[Any], bytes]


def reserve_ids(model: type[models.Model], count: int) -> list[int]:
    """`count` primary keys of a table, in ascending order, that nobody else will get."""
    with connection.cursor() as cursor:
        # The sequence is looked up once, in a subquery of its own.
        cursor.execute(
            "SELECT array_agg(nextval((SELECT pg_get_serial_sequence(%s, 'id')::regclass))) "
            "FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return sorted(cursor.fetchone()[0] or ())


def one_text(texts: Iterable[str]) -> str:
    """Many texts as one parameter of a statement, for jsonb_array_elements_text.

    A driver quotes the items of an array one by one.
    """
    return orjson.dumps(list(texts)).decode()


def new_uids(count: int) -> list[uuid.UUID]:
    """Public ids of rows made together: UUIDs of version 7, so that an index on them grows at one end."""
    made_at = time.time_ns() // 1_000_000 << 80
    digits = os.urandom(10 * count)
    randoms = (int.from_bytes(digits[start : start + 10]) for start in range(0, 10 * count, 10))
    return [uuid.UUID(int=made_at | VERSION_7 | random & RANDOM_BITS) for random in randoms]


def copy_rows(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """COPY rows into a model's table. JSON fields take plain JSON values; None is NULL there."""
    encoders = [_encoder(column) for column in _columns(model, fields)]
    remaining = iter(rows)
    chunks = iter(lambda: list(itertools.islice(remaining, ROWS_AT_ONCE)), [])
    _copy(model, fields, (b"".join(_encode(encoders, chunk)) for chunk in chunks))


def _copy(model: type[models.Model], fields: Sequence[str], encoded: Iterable[bytes]) -> None:
    """COPY what one or more rows are in the binary format; without any the database is left alone."""
    remaining = iter(encoded)
    first = next(remaining, None)
    if first is None:
        return
    names = sql.SQL(", ").join([sql.Identifier(str(column.column)) for column in _columns(model, fields)])
    table = sql.Identifier(model._meta.db_table)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, names)
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(HEADER)
        buffer, size = [first], len(first)
        for data in remaining:
            buffer.append(data)
            size += len(data)
            if size >= BYTES_AT_ONCE:
                copy.write(b"".join(buffer))
                buffer, size = [], 0
        copy.write(b"".join([*buffer, TRAILER]))


class Columns:
    """Some columns of a table, whose values can be encoded row by row before their rows have keys."""

    def __init__(self, model: type[models.Model], names: Sequence[str]) -> None:
        self.model = model
        self.names = tuple(names)
        self._encoders = [_encoder(column) for column in _columns(model, names)]

    def encode(self, values: Sequence[Any]) -> bytes:
        """The values of one row, for copy_encoded. Plain JSON values for JSON fields; None is NULL there."""
        pairs = zip(self._encoders, values, strict=True)
        return b"".join([NULL if value is None else encode(value) for encode, value in pairs])


def copy_encoded(columns: Columns, keys: Sequence[str], rows: Iterable[tuple[Sequence[int], bytes]]) -> None:
    """COPY rows, each the values of its `keys`, whole numbers all, and those of `columns`, encoded."""
    pack = struct.Struct("!h" + "iq" * len(keys)).pack
    count = len(keys) + len(columns.names)
    encoded = (pack(count, *[part for key in values for part in (8, key)]) + rest for values, rest in rows)
    _copy(columns.model, [*keys, *columns.names], encoded)


def _encode(encoders: Sequence[Encoder], rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    count = struct.pack("!h", len(encoders))
    columns = [_encode_column(encode, values) for encode, values in zip(encoders, zip(*rows, strict=True), strict=True)]
    return itertools.chain.from_iterable(zip(itertools.repeat(count, len(rows)), *columns, strict=True))


def _encode_column(encode: Encoder, values: Sequence[Any]) -> Sequence[bytes]:
    first = values[0]
    if first == values[-1] and encode not in VARYING and values.count(first) == len(values):
        return [NULL if first is None else encode(first)] * len(values)
    if None not in values:
        return list(map(encode, values))
    return [NULL if value is None else encode(value) for value in values]


def _columns(model: type[models.Model], names: Sequence[str]) -> list[Any]:
    by_name = {field.name: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


def _encoder(field: Any) -> Encoder:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return ENCODERS[field.get_internal_type()]


def _boolean(value: bool) -> bytes:
    return _bool(1, value)


def _small_integer(value: int) -> bytes:
    return _int2(2, value)


def _integer(value: int) -> bytes:
    return _int4(4, value)


def _big_integer(value: int) -> bytes:
    return _int8(8, value)


def _float(value: float) -> bytes:
    return _float8(8, value)


def _timestamp(value: dt.datetime) -> bytes:
    return _int8(8, (value - EPOCH) // MICROSECOND)


def _uuid(value: uuid.UUID) -> bytes:
    return _length(16) + value.bytes


def _text(value: str) -> bytes:
    text = value.encode()
    return _length(len(text)) + text


def _jsonb(value: Any) -> bytes:
    text = _dump(value)
    return _length(len(text) + 1) + b"\x01" + text


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits
        return json.dumps(value).encode()


# Their equal values need not be written alike: 1, 1.0 and true.
VARYING = (_jsonb, _float)

ENCODERS: dict[str, Encoder] = {
    "BigAutoField": _big_integer,
    "BigIntegerField": _big_integer,
    "BooleanField": _boolean,
    "CharField": _text,
    "DateTimeField": _timestamp,
    "FloatField": _float,
    "IntegerField": _integer,
    "JSONField": _jsonb,
    "PositiveIntegerField": _integer,
    "PositiveSmallIntegerField": _small_integer,
    "TextField": _text,
    "UUIDField": _uuid,
}


# As many rows go in one INSERT; more are quicker by COPY.
FEW = 20


def write_rows(model: type[models.Model], fields: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[int]:
    """Write rows into a model's table and return the primary keys that they get, in order: few in one statement."""
    if len(rows) > FEW:
        ids = reserve_ids(model, len(rows))
        copy_rows(model, ["id", *fields], [(pk, *row) for pk, row in zip(ids, rows, strict=True)])
        return ids
    if not rows:
        return []
    insert = _insert(model, tuple(fields), len(rows))
    values = [
        Jsonb(value, dumps=_dump) if as_json and value is not None else value
        for row in rows
        for value, as_json in zip(row, insert.is_json, strict=True)
    ]
    return [pk for (pk,) in prepared.run(insert.statement, values)]


class Insert(NamedTuple):
    """An INSERT of some rows, and which of its columns hold JSON."""

    statement: str
    is_json: tuple[bool, ...]


@cache
def _insert(model: type[models.Model], fields: tuple[str, ...], count: int) -> Insert:
    columns = _columns(model, fields)
    one = f"({', '.join(['%s'] * len(columns))})"
    names = ", ".join(f'"{column.column}"' for column in columns)
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {", ".join([one] * count)} RETURNING id'  # noqa: S608 - made of the names of columns
    return Insert(statement, tuple(isinstance(column, models.JSONField) for column in columns))
