"""Statements that are planned once a connection: planning a long one takes longer than running it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection
from psycopg.types.json import JsonbLoader
from psycopg.types.numeric import Int8


def run(statement: str, parameters: Mapping[str, object] | Sequence[object]) -> list[tuple[Any, ...]]:
    """Run a statement in the current transaction; return its rows. JSON comes parsed, whole numbers go as bigint."""
    given: Mapping[str, object] | Sequence[object]
    if isinstance(parameters, Mapping):
        given = {name: _of_one_width(value) for name, value in parameters.items()}
    else:
        given = [_of_one_width(value) for value in parameters]
    connection.ensure_connection()
    # Django turns preparing off for a connection; this turns it on for those who ask for it.
    connection.connection.prepare_threshold = sys.maxsize
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.adapters.register_loader("jsonb", JsonbLoader)  # Django's connections leave it to the fields
        return cursor.execute(statement, given, prepare=True).fetchall()


def _of_one_width(value: object) -> object:
    # Each width of a whole number would be planned anew.
    return Int8(value) if type(value) is int else value
