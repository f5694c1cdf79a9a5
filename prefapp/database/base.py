"""The database backend of the settings: Django's for PostgreSQL, which Django finds by the name of this module."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that is known to be broken without asking the server, as every request would do first."""

    def is_usable(self) -> bool:
        """Whether statements can be run: not in a failed transaction, or after the server has hung up.

        Of the latter its farewell or the end of the stream waits to be read.
        """
        if self.connection is None or self.connection.closed:
            return False
        if self.connection.info.transaction_status not in (TransactionStatus.IDLE, TransactionStatus.INTRANS):
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        return not waiting.poll(0)
