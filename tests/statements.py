"""Which SQL statements some code sends, prepared ones and COPY as well, which Django does not count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collects what is sent while the block runs; the begin and end of transactions are no statements."""
    sent: list[str] = []

    def listening(send: Any) -> Any:
        def run(cursor: psycopg.Cursor, query: Any, *args: Any, **options: Any) -> Any:
            text = query if isinstance(query, str) else query.as_string(cursor)
            if not text.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                sent.append(text)
            return send(cursor, query, *args, **options)

        return run

    with (
        patch.object(psycopg.Cursor, "execute", listening(psycopg.Cursor.execute)),
        patch.object(psycopg.Cursor, "copy", listening(psycopg.Cursor.copy)),
    ):
        yield sent
