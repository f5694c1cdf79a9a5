"""One database session of a build: temporary tables in, Arrow batches out.

Texts reach the database as a temporary table of one row (`recipe`), never as a part of a statement, in which only
numbers and fixed names are put: ADBC streams a query without parameters by COPY, and one with parameters row by row.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from types import TracebackType
from typing import Any

import adbc_driver_postgresql
import pyarrow as pa
from adbc_driver_manager import AdbcConnection, AdbcDatabase, AdbcStatement, StatementOptions

# Declared stable, as convert_to is: PostgreSQL writes out no function whose body is less constant than it says.
# name: 128 bits of a hash of a text; shown: the version 8 UUID that stands for them outside. uniform:
# annotation.canonical.stable_uniform of two texts. difference: x - y within what a double holds, which PostgreSQL would
# refuse. roles, texts: the messages of a logged content; a developer is the system, for the templates of trainers know
# no developers; text parts are joined, tool calls stand as JSON after the text. characters: of all messages together.
# What PostgreSQL cannot inline (it holds a subquery) stands apart, so that the common case, content that is a string,
# costs no call.
FUNCTIONS = """
CREATE FUNCTION pg_temp.hex(value text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT encode(sha256(convert_to(value, 'UTF8')), 'hex') $$;
CREATE FUNCTION pg_temp.name(value text) RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT encode(substring(sha256(convert_to(value, 'UTF8')) FROM 1 FOR 16), 'hex')::uuid $$;
CREATE FUNCTION pg_temp.shown(name uuid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT overlay(overlay(name::text PLACING '8' FROM 15 FOR 1) PLACING 'a' FROM 20 FOR 1) $$;
CREATE FUNCTION pg_temp.uniform(seed text, digest text) RETURNS float8 LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT (('x' || substr(pg_temp.hex('["' || seed || '","' || digest || '"]'), 1, 14))::bit(56)::bigint >> 3)
   / 9007199254740992::float8 $$;
CREATE FUNCTION pg_temp.difference(x float8, y float8) RETURNS float8 LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE WHEN x IS NOT NULL AND y IS NOT NULL
   THEN least(greatest(x, -8.9e307), 8.9e307) - least(greatest(y, -8.9e307), 8.9e307) END $$;
CREATE FUNCTION pg_temp.listed_roles(content jsonb) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(CASE message ->> 'role' WHEN 'developer' THEN 'system' ELSE message ->> 'role' END
     ORDER BY place), '{}')
   FROM jsonb_array_elements(content) WITH ORDINALITY AS listed (message, place) $$;
CREATE FUNCTION pg_temp.message_text(message jsonb) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT concat_ws(E'\\n',
     nullif(CASE jsonb_typeof(message -> 'content')
       WHEN 'string' THEN message ->> 'content'
       WHEN 'array' THEN (
         SELECT string_agg(part ->> 'text', '' ORDER BY place)
         FROM jsonb_array_elements(message -> 'content') WITH ORDINALITY AS listed (part, place))
       END, ''),
     nullif(nullif(message -> 'tool_calls', 'null'), '[]')::text) $$;
CREATE FUNCTION pg_temp.listed_texts(content jsonb) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(array_agg(pg_temp.message_text(message) ORDER BY place), '{}')
   FROM jsonb_array_elements(content) WITH ORDINALITY AS listed (message, place) $$;
CREATE FUNCTION pg_temp.roles(content jsonb, role text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE jsonb_typeof(content) WHEN 'string' THEN ARRAY[role] ELSE pg_temp.listed_roles(content) END $$;
CREATE FUNCTION pg_temp.texts(content jsonb) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE jsonb_typeof(content) WHEN 'string' THEN ARRAY[content #>> '{}']
   ELSE pg_temp.listed_texts(content) END $$;
CREATE FUNCTION pg_temp.listed_characters(content jsonb) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(sum(length(text)), 0) FROM unnest(pg_temp.listed_texts(content)) AS message (text) $$;
CREATE FUNCTION pg_temp.characters(content jsonb) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE jsonb_typeof(content) WHEN 'string' THEN length(content #>> '{}')
   ELSE pg_temp.listed_characters(content) END $$;
CREATE FUNCTION pg_temp.whole_text(content jsonb) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT CASE jsonb_typeof(content) WHEN 'string' THEN content #>> '{}'
   ELSE array_to_string(pg_temp.listed_texts(content), E'\\n') END $$;
"""
# Rows are then looked up one by one, in the order they are asked for: the cost of a row does not grow with the tables,
# and no text is hashed or sorted.
LOOK_UP = ("SET enable_hashjoin = off", "SET enable_mergejoin = off", "SET enable_seqscan = off")
PLAN_FREELY = ("RESET enable_hashjoin", "RESET enable_mergejoin", "RESET enable_seqscan")
# Enough for sorts and hashes of ids; texts pass through neither.
SETTINGS = (
    "SET extra_float_digits = 1",  # the shortest form that is exact, whatever the server is set to
    *("SET work_mem = '64MB'", "SET temp_buffers = '32MB'", "SET jit = off"),
    *("SET parallel_setup_cost = 100", "SET parallel_tuple_cost = 0.01", "SET min_parallel_table_scan_size = '1MB'"),
    "SET default_statistics_target = 1",  # the plans need the sizes of the tables, and little more
)


# What is read ahead is held in memory, by every reader of a shard.
BATCHES = {"adbc.postgresql.batch_size_hint_bytes": str(4 * 2**20)}


class StreamBrokenError(Exception):
    """The database, or the way to it, failed in the middle of an answer."""


_connecting = Lock()  # threads take turns at what ADBC calls a database


@cache
def _database(dsn: str) -> AdbcDatabase:
    """What ADBC knows of a database: its types, which takes ten times as long to find out as connecting does."""
    # Not by adbc_driver_postgresql.dbapi: it imports pyarrow.dataset and with it pandas, a second of every start.
    database: AdbcDatabase = adbc_driver_postgresql.connect(dsn)
    return database


class Session:
    """A connection with its temporary tables; use as a context manager.

    A statement that takes longer than `statement_seconds` (0: as long as it likes) is broken off.
    """

    def __init__(self, dsn: str, *, schema: str | None = None, statement_seconds: int = 0) -> None:
        self._streaming: set[AdbcStatement] = set()
        self._schema = schema
        with _connecting:
            self._connection = AdbcConnection(_database(dsn))
        try:
            self.run(";\n".join((f"SET statement_timeout = '{statement_seconds}s'", *SETTINGS, FUNCTIONS)))
            if schema:
                self.run(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
                self.run(f'SET search_path = "{schema}", public')
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the session; its temporary tables go with it."""
        # A stream that was given up half read is still open, and a connection cannot be closed over it.
        while self._streaming:
            self._streaming.pop().close()
        self._connection.close()

    def cancel(self) -> None:
        """Break off what another thread runs in this session; that thread gets an error."""
        self._connection.cancel()

    def load(self, name: str, rows: pa.Table | pa.RecordBatchReader) -> None:
        """Make a table of these rows."""
        place = (
            {StatementOptions.INGEST_TARGET_DB_SCHEMA.value: self._schema}
            if self._schema
            else {StatementOptions.INGEST_TEMPORARY.value: "true"}
        )
        options = {
            StatementOptions.INGEST_TARGET_TABLE.value: name,
            StatementOptions.INGEST_MODE.value: "adbc.ingest.mode.create",
            **place,
        }
        with AdbcStatement(self._connection) as statement:
            statement.set_options(**options)
            statement.bind_stream(rows)
            statement.execute_update()
        self._made(name)

    def make(self, name: str, query: str) -> None:
        """Make a table of what a query gives."""
        self.run(f"CREATE {'UNLOGGED' if self._schema else 'TEMP'} TABLE {name} AS {query}")
        self._made(name)

    def _made(self, name: str) -> None:
        # Autovacuum would look at a large table at any time, and who drops it would wait for that.
        self.run(f"ALTER TABLE {name} SET (autovacuum_enabled = off); ANALYZE {name}")

    def view(self, name: str, query: str) -> None:
        """Give a query a name, for what is read once."""
        self.run(f"CREATE {'' if self._schema else 'TEMP'} VIEW {name} AS {query}")

    def run(self, sql: str) -> int:
        """Carry out a statement; return the number of rows that it touched."""
        with AdbcStatement(self._connection) as statement:
            statement.set_sql_query(sql)
            return int(statement.execute_update())

    @contextmanager
    def looking_up(self) -> Iterator[None]:
        """Within it, queries look rows up by their keys instead of joining whole tables."""
        for statement in LOOK_UP:
            self.run(statement)
        yield
        for statement in PLAN_FREELY:
            self.run(statement)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The rows of a small answer."""
        return [row for batch in self.batches(query) for row in batch.to_pylist()]

    def batches(self, query: str) -> Generator[pa.RecordBatch]:
        """The answer as a stream of Arrow batches (about 4 MB each). Raises StreamBrokenError."""
        statement = AdbcStatement(self._connection)
        self._streaming.add(statement)
        try:
            statement.set_options(**BATCHES)
            statement.set_sql_query(query)
            stream, _ = statement.execute_query()
            yield from _each(pa.RecordBatchReader.from_stream(stream))
        finally:
            if statement in self._streaming:  # or the session was closed meanwhile
                self._streaming.remove(statement)
                statement.close()


def _each(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except OSError as error:  # not of a file: Arrow's name for any failure of a stream
            raise StreamBrokenError(str(error)) from error
        yield batch
