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
from collections.abc import Callable, Iterable, Mapping, Sequence
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
ROWS_AT_ONCE = 100

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
TRAILER = struct.pack("!h", -1)
NULL = struct.pack("!i", -1)
EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)

_length = struct.Struct("!i").pack
_json = struct.Struct("!iB").pack
_int2 = struct.Struct("!ih").pack
_int4 = struct.Struct("!ii").pack
_int8 = struct.Struct("!iq").pack
_float8 = struct.Struct("!id").pack
_bool = struct.Struct("!i?").pack

# Values of one column, none of them NULL, each as the binary format has it: its length and its bytes.
Encoder = Callable[[Sequence[Any]], list[bytes]]


class Same(NamedTuple):
    """A column that has one value in all rows."""

    value: Any


Column = Sequence[Any] | Same


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
    columns = list(zip(*rows, strict=True))
    if columns:
        copy_columns(model, dict(zip(fields, columns, strict=True)))


def copy_columns(model: type[models.Model], columns: Mapping[str, Column]) -> None:
    """The same for rows that are given column by column, by field: all of them of one length, or the same for all."""
    lengths = {len(values) for values in columns.values() if not isinstance(values, Same)}
    if len(lengths) != 1:
        raise ValueError(f"columns of {sorted(lengths)} rows")
    (count,) = lengths
    fields = _fields(model, columns)
    encoders = [(_encoder(field), values) for field, values in zip(fields, columns.values(), strict=True)]
    table, names = sql.Identifier(model._meta.db_table), [sql.Identifier(str(field.column)) for field in fields]
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, sql.SQL(", ").join(names))
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(HEADER)
        for start in range(0, count, ROWS_AT_ONCE):
            copy.write(_encode(encoders, start, min(start + ROWS_AT_ONCE, count)))
        copy.write(TRAILER)


def _encode(columns: Sequence[tuple[Encoder, Column]], start: int, end: int) -> bytes:
    """Some rows of some columns."""
    parts: list[Iterable[bytes]] = [itertools.repeat(struct.pack("!h", len(columns)), end - start)]
    for encode, values in columns:
        if isinstance(values, Same):
            parts.append(itertools.repeat(_encode_column(encode, [values.value])[0], end - start))
        else:
            parts.append(_encode_column(encode, values[start:end]))
    return b"".join(itertools.chain.from_iterable(zip(*parts, strict=True)))


def _encode_column(encode: Encoder, values: Sequence[Any]) -> list[bytes]:
    if None not in values:
        return encode(values)
    encoded = iter(encode([value for value in values if value is not None]))
    return [NULL if value is None else next(encoded) for value in values]


def _fields(model: type[models.Model], names: Iterable[str]) -> list[Any]:
    by_name = {field.name: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]


def _encoder(field: Any) -> Encoder:
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return ENCODERS[field.get_internal_type()]


def _booleans(values: Sequence[bool]) -> list[bytes]:
    return [_bool(1, value) for value in values]


def _small_integers(values: Sequence[int]) -> list[bytes]:
    return [_int2(2, value) for value in values]


def _integers(values: Sequence[int]) -> list[bytes]:
    return [_int4(4, value) for value in values]


def _big_integers(values: Sequence[int]) -> list[bytes]:
    return [_int8(8, value) for value in values]


def _floats(values: Sequence[float]) -> list[bytes]:
    return [_float8(8, value) for value in values]


def _timestamps(values: Sequence[dt.datetime]) -> list[bytes]:
    return [_int8(8, (value - EPOCH) // MICROSECOND) for value in values]


def _uuids(values: Sequence[uuid.UUID]) -> list[bytes]:
    length = _length(16)
    return [length + value.bytes for value in values]


def _texts(values: Sequence[str]) -> list[bytes]:
    return [_length(len(text)) + text for text in map(str.encode, values)]


def _jsonbs(values: Sequence[Any]) -> list[bytes]:
    return [_json(len(text) + 1, 1) + text for text in map(_dump, values)]


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # integers beyond 64 bits
        return json.dumps(value).encode()


ENCODERS: dict[str, Encoder] = {
    "BigAutoField": _big_integers,
    "BigIntegerField": _big_integers,
    "BooleanField": _booleans,
    "CharField": _texts,
    "DateTimeField": _timestamps,
    "FloatField": _floats,
    "IntegerField": _integers,
    "JSONField": _jsonbs,
    "PositiveIntegerField": _integers,
    "PositiveSmallIntegerField": _small_integers,
    "TextField": _texts,
    "UUIDField": _uuids,
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
    insert = insert_rows(model, tuple(fields), len(rows))
    values = [value for row in rows for value in insert.parameters(row)]
    return [pk for (pk,) in prepared.run(insert.statement, values)]


class Insert(NamedTuple):
    """An INSERT, and which of the columns that it is given hold JSON."""

    statement: str
    is_json: tuple[bool, ...]

    def parameters(self, row: Sequence[Any]) -> list[Any]:
        """The values of a row as the driver takes them."""
        return [
            Jsonb(value, dumps=_dump) if as_json and value is not None else value
            for value, as_json in zip(row, self.is_json, strict=True)
        ]


@cache
def insert_rows(model: type[models.Model], fields: tuple[str, ...], count: int = 1) -> Insert:
    """An INSERT of so many rows; it returns their primary keys."""
    one = f"({_placeholders(fields)})"
    return _insert_of(model, fields, fields, f"VALUES {', '.join([one] * count)} RETURNING id")


def insert_linked(model: type[models.Model], fields: Sequence[str], linked: Mapping[str, str], source: str) -> Insert:
    """An INSERT of one row: of `fields` the values are given, those `linked` are columns of the row of `source`."""
    values = ", ".join([_placeholders(fields), *linked.values()])
    return _insert_of(model, [*fields, *linked], fields, f"SELECT {values} FROM {source}")  # noqa: S608 - made of names


def _insert_of(model: type[models.Model], fields: Sequence[str], given: Sequence[str], source: str) -> Insert:
    names = ", ".join(f'"{column.column}"' for column in _fields(model, fields))
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) {source}'
    return Insert(statement, tuple(isinstance(field, models.JSONField) for field in _fields(model, given)))


def _placeholders(fields: Sequence[str]) -> str:
    return ", ".join(["%s"] * len(fields))
