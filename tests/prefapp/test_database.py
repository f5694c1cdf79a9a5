"""A connection that the server has ended is replaced before a request uses it, and a good one costs no question."""

from __future__ import annotations

import time

import psycopg
import pytest
from django.db import DataError, connection, transaction

from annotation.models import Project
from tests.statements import statements


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_the_server_ended_is_replaced() -> None:
    connection.ensure_connection()
    with statements() as sent:
        assert connection.is_usable()
    assert not sent
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    deadline = time.monotonic() + 10
    while connection.is_usable() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not connection.is_usable()
    connection.close_if_unusable_or_obsolete()  # as at the end of a request
    assert not Project.objects.exists()


@pytest.mark.django_db
def test_a_failed_transaction_is_not_usable() -> None:
    with transaction.atomic():
        with pytest.raises(DataError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        assert not connection.is_usable()
        transaction.set_rollback(True)
    assert connection.is_usable()
