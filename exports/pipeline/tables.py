"""Tables: where the plan of a build stands, for all processes that build it to read.

They are unlogged tables in a schema of the attempt's own: as quick as temporary ones, but seen by every session, and
PostgreSQL may read them with parallel workers. When the server crashes they come back empty; a mark tells that.
"""

from __future__ import annotations

import logging
import re

from django.db import DatabaseError, connection, transaction

from exports.models import Snapshot
from exports.pipeline.session import Session

logger = logging.getLogger(__name__)

PREFIX = "prefapp_build_"
NAME = re.compile(rf"{PREFIX}(\d+)_(\d+)")
MARK = "SELECT true AS complete"
IS_COMPLETE = "SELECT count(*) = 1 AS complete FROM mark"
LISTED = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'prefapp\\_build\\_%'"
DROP_SECONDS = 2


class TablesGoneError(Exception):
    """The tables of a build were lost in a crash of the database server."""


def name_for(snapshot: Snapshot) -> str:
    """The schema of an attempt."""
    return f"{PREFIX}{snapshot.pk}_{snapshot.attempt}"


def mark_complete(session: Session) -> None:
    """Say that the tables are all there."""
    session.make("mark", MARK)


def expect_complete(session: Session) -> None:
    """Raise TablesGoneError unless the tables are all there, with their rows."""
    if not session.rows(IS_COMPLETE)[0]["complete"]:
        raise TablesGoneError


def drop_leftovers() -> None:
    """Drop the tables of all attempts that do not build any more. What is still read is left for the next time."""
    with connection.cursor() as cursor:
        cursor.execute(LISTED)
        names = [name for (name,) in cursor.fetchall()]
    kept = {name_for(snapshot) for snapshot in Snapshot.objects.filter(status=Snapshot.Status.BUILDING)}
    for name in names:
        if name not in kept and NAME.fullmatch(name):
            _drop(name)


def _drop(name: str) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{DROP_SECONDS}s'")
            cursor.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
    except DatabaseError as error:
        logger.info("the tables %s are left for now: %s", name, error)
