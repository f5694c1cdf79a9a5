"""The database's clock. Leases and judgments are timed by it, so that the clocks of several machines do not mix."""

from __future__ import annotations

import datetime as dt

from django.db import connection


def now() -> dt.datetime:
    """The time as the database has it, also within a transaction that has run for a while."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        moment: dt.datetime = cursor.fetchone()[0]
    return moment
