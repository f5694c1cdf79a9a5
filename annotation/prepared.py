"""Statements that are planned once a connection: planning a long one takes longer than running it."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from threading import local
from typing import Any

import psycopg
from django.db import connection
from psycopg.types.json import JsonbBinaryLoader
from psycopg.types.numeric import Int8

PLACEHOLDER = re.compile(r"%\((\w+)\)s|%s")

# The cursor of each thread: making one takes as long as running a short statement.
_of_this_thread = local()


def run(statement: str, parameters: Mapping[str, object] | Sequence[object]) -> list[tuple[Any, ...]]:
    """Run a statement in the current transaction; return its rows. JSON comes parsed, whole numbers go as bigint.

    Parameters are `%(name)s` or `%s`; a `%` means itself.
    """
    query, names = _numbered(statement)
    given = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
    # Each width of a whole number would be planned anew.
    values = [Int8(value) if type(value) is int else value for value in given]
    with connection.wrap_database_errors:
        return _cursor().execute(query, values, prepare=True, binary=True).fetchall()


@cache
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """A statement with the server's own placeholders, and the names of its parameters in their order ($1 is first)."""
    found = [match[1] for match in PLACEHOLDER.finditer(statement)]
    names = tuple(dict.fromkeys(found)) if any(found) else ()
    counter = iter(range(1, len(found) + 1))
    query = PLACEHOLDER.sub(lambda match: f"${names.index(match[1]) + 1 if match[1] else next(counter)}", statement)
    return query, names


def _cursor() -> psycopg.RawCursor[Any]:
    connection.ensure_connection()
    server = connection.connection
    cursor: psycopg.RawCursor[Any] | None = getattr(_of_this_thread, "cursor", None)
    if cursor is None or cursor.connection is not server:
        # Django turns preparing off for a connection; this turns it on for those who ask for it.
        server.prepare_threshold = sys.maxsize
        cursor = _of_this_thread.cursor = psycopg.RawCursor(server)
        cursor.adapters.register_loader("jsonb", JsonbBinaryLoader)  # Django's connections leave it to the fields
    return cursor
