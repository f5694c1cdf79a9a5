"""Prepared statements: what they take and give, and that they keep no connection."""

from __future__ import annotations

import datetime as dt
import gc
import uuid
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from annotation import prepared


@pytest.mark.django_db
def test_values_come_as_they_went():
    given = (1, 2**40, 1.5, True, None, "a%s", uuid.uuid4(), dt.datetime(2026, 5, 1, 10, tzinfo=dt.UTC), ["x", "y"])
    casts = ("int8", "int8", "float8", "bool", "int4", "text", "uuid", "timestamptz", "text[]")
    ((*values, as_json, share),) = prepared.run(
        f"SELECT {', '.join(f'%s::{cast}' for cast in casts)}, '{{\"a\": [1, null]}}'::jsonb, 7 % 4", given
    )
    assert tuple(values) == given
    assert (as_json, share) == ({"a": [1, None]}, 3)


@pytest.mark.django_db
def test_a_name_may_stand_twice_and_others_are_not_asked_for():
    assert prepared.run("SELECT %(b)s::int8 - %(a)s::int8, %(b)s::int8", {"a": 1, "b": 3, "c": object()}) == [(2, 3)]


@pytest.mark.django_db
def test_after_an_error_it_goes_on():
    for _ in range(2):
        with pytest.raises(IntegrityError), transaction.atomic():
            prepared.run("INSERT INTO annotation_chain (project_id, position, hash) VALUES (%s, 0, %s) RETURNING id",
                         (-1, None))  # fmt: skip
        assert prepared.run("SELECT %s::int8", (1,)) == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_a_closed_connection_is_let_go():
    def connect_twice() -> weakref.ref[object]:
        prepared.run("SELECT %s::int8", (1,))
        first = weakref.ref(connection.connection)
        connection.close()
        assert prepared.run("SELECT %s::int8", (2,)) == [(2,)]
        gc.collect()
        assert first() is None
        second = weakref.ref(connection.connection)
        connection.close()
        return second

    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(connect_twice).result()
    gc.collect()
    assert left() is None
