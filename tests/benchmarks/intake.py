"""Bulk intake over HTTP against a bare COPY of the same rows: uv run python -m tests.benchmarks.intake

A web server of one process takes a stream of JSON lines from this one: inferences with a prompt of 300 characters and
two outputs of 1,200, then a preference for each. After each round the rows that it wrote are copied by COPY, in binary
and out of memory, into clones of the tables with all their indexes. Rounds take turns, so that a busy machine hits both
alike. `--memory` sends more records to a server of its own and tells the peak of its memory.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.benchmarks.database import fresh_database, tell

TABLES = {
    "inferences": ["event", "unsealedevent", "prompt", "candidate", "comparison"],
    "feedback": ["event", "unsealedevent", "feedback", "judgment"],
}
SINGLES = 200
RNG = random.Random(1)


def texts(count: int, words: int) -> list[str]:
    """Texts of hexadecimal words of eight characters."""
    vocabulary = [f"{RNG.getrandbits(32):08x}" for _ in range(2_000)]
    return [" ".join(RNG.choices(vocabulary, k=words)) for _ in range(count)]


def new_id() -> str:
    return str(uuid.UUID(int=RNG.getrandbits(128), version=4))


def inferences(count: int, made: list[dict[str, Any]] | None = None) -> Iterator[bytes]:
    """Lines of that many inferences; their ids go into `made`."""
    prompts, outputs = texts(500, 33), texts(2_000, 133)
    for _ in range(count):
        record = {
            "request_id": new_id(),
            "prompt": RNG.choice(prompts),
            "metadata": {"session_id": new_id()},
            "outputs": [
                {
                    "output_id": new_id(),
                    "content": RNG.choice(outputs),
                    "model": {"name": f"model-{n}", "version": "1"},
                    "parameters": {"temperature": 0.7},
                }
                for n in range(2)
            ],
        }
        if made is not None:
            made.append(record)
        yield orjson.dumps(record) + b"\n"


def preference(record: dict[str, Any]) -> dict[str, Any]:
    """Feedback of an end user on both outputs of a record."""
    a, b = (output["output_id"] for output in record["outputs"])
    return {
        "feedback_id": new_id(),
        "request_id": record["request_id"],
        "kind": "preference",
        "source": {"type": "end_user", "id": "u-1"},
        "presented": [a, b],
        "outcome": "chosen",
        "chosen": a,
        "rejected": b,
        "duration_ms": 5_400,
    }


class Server:
    """The API of one project on a server."""

    def __init__(self, base: str, slug: str) -> None:
        from annotation import keys, projects  # noqa: PLC0415

        self.project = projects.create_project(slug, settings={}, actor="benchmark")
        _, secret = keys.create_key(self.project, name="benchmark", scopes=["ingest"], actor="benchmark")
        url, headers = f"{base}/api/v1/projects/{slug}/", {"Authorization": f"Bearer {secret}"}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=3_600)

    def send(self, path: str, lines: Iterable[bytes], length: int, count: int) -> float:
        """Send a stream; return the seconds until it was answered."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Length": str(length)}
        start = time.perf_counter()
        answer = self.http.post(path, content=lines, headers=headers)
        seconds = time.perf_counter() - start
        if answer.status_code != 201 or answer.json()["created"] != count:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        return seconds

    def send_one(self, path: str, record: dict[str, Any]) -> float:
        start = time.perf_counter()
        answer = self.http.post(path, json=record)
        if answer.status_code != 201:
            raise SystemExit(f"{path}: {answer.status_code} {answer.text[:300]}")
        return time.perf_counter() - start


class BareCopy:
    """COPY into clones of tables."""

    def __init__(self, tables: Iterable[str]) -> None:
        import psycopg  # noqa: PLC0415
        from django.db import connection  # noqa: PLC0415

        self.tables = list(tables)
        self.connection = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        self.after = {table: self._last(table) for table in self.tables}
        for table in self.tables:
            self.connection.execute(f"CREATE TABLE IF NOT EXISTS bare_{table} (LIKE annotation_{table} INCLUDING ALL)")

    def _key(self, table: str) -> str:
        return "event_id" if table == "unsealedevent" else "id"

    def _columns(self, table: str) -> str:
        """The columns that are written: not those that the database computes."""
        found = self.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            [f"annotation_{table}"],
        )
        return ", ".join(f'"{name}"' for (name,) in found)

    def _last(self, table: str) -> int:
        found = self.connection.execute(f"SELECT max({self._key(table)}) FROM annotation_{table}").fetchone()
        return (found and found[0]) or 0

    def run(self) -> float:
        """Copy what was written since the last call; return the seconds from BEGIN to COMMIT."""
        rows = {table: self._read(table) for table in self.tables}
        start = time.perf_counter()
        with self.connection.transaction():
            for table, chunks in rows.items():
                command = f"COPY bare_{table} ({self._columns(table)}) FROM STDIN (FORMAT binary)"
                with self.connection.cursor().copy(command) as copy:
                    for chunk in chunks:
                        copy.write(chunk)
        return time.perf_counter() - start

    def _read(self, table: str) -> list[bytes]:
        query = f"SELECT {self._columns(table)} FROM annotation_{table} WHERE {self._key(table)} > {self.after[table]}"
        self.after[table] = self._last(table)
        with self.connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
            data = b"".join(copy)
        return [data[start : start + 128 * 1024] for start in range(0, len(data), 128 * 1024)]


def compare(server: Server, records: int, rounds: int) -> None:
    """Rounds of inferences and feedback, each followed by the bare COPY of what it wrote."""
    tell("| stream | records | intake, records/s | bare COPY, records/s | ratio | each round |\n" + "|---" * 6 + "|")
    made: list[dict[str, Any]] = []
    for path, tables in TABLES.items():
        bare = BareCopy(tables)
        taken, copied = [], []
        for number in range(rounds):
            if path == "inferences":
                lines = list(inferences(records, made))
            else:
                batch = made[number * records : (number + 1) * records]
                lines = [orjson.dumps(preference(record)) + b"\n" for record in batch]
            body = b"".join(lines)
            taken.append(server.send(f"{path}/", [body], len(body), records))
            copied.append(bare.run())
        ratios = ", ".join(f"{c / t:.2f}" for t, c in zip(taken, copied, strict=True))
        speed, copied_at = records * rounds / sum(taken), records * rounds / sum(copied)
        told = (
            path,
            f"{rounds} × {records:,}",
            f"{speed:,.0f}",
            f"{copied_at:,.0f}",
            f"{speed / copied_at:.2f}",
            ratios,
        )
        tell(f"| {' | '.join(told)} |")
    single_posts(server)


def single_posts(server: Server) -> None:
    """The time of feedback that is sent alone, each on an inference of its own."""
    made: list[dict[str, Any]] = []
    body = b"".join(inferences(SINGLES, made))
    server.send("inferences/", [body], len(body), SINGLES)
    times = [server.send_one("feedback/", preference(record)) * 1e3 for record in made]
    tell(
        f"\nSingle POST feedback/, {SINGLES} in turn, at the client: median {statistics.median(times):.1f} ms, "
        f"95 % within {statistics.quantiles(times, n=20)[-1]:.1f} ms."
    )


def memory(log_dir: Path, sizes: Iterable[int]) -> None:
    """The peak of a server's memory after streams of each size, each to a server of its own."""
    from tests.processes import web_server  # noqa: PLC0415

    for size in sizes:
        with web_server(log_dir) as (base, program):
            server = Server(base, f"memory-{size}")
            one = next(inferences(1))
            seconds = server.send("inferences/", inferences(size), len(one) * size, size)
            tell(f"\n{size:,} inferences: {size / seconds:,.0f} records/s, peak {peak(program.pid) / 1024:,.0f} MiB.")


def peak(pid: int) -> int:
    """The largest resident size, in KiB, that any process of a tree has had."""
    import psutil  # noqa: PLC0415

    tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    status = [Path(f"/proc/{process.pid}/status").read_text() for process in tree]
    return max(int(line.split()[1]) for text in status for line in text.splitlines() if line.startswith("VmHWM"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000, help="records of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--memory", type=int, nargs="*", default=[], metavar="RECORDS", help="e.g. 10000 1000000")
    options = parser.parse_args()
    with fresh_database(), tempfile.TemporaryDirectory() as folder:
        from tests.processes import web_server  # noqa: PLC0415

        if options.rounds:
            with web_server(Path(folder)) as (base, _):
                compare(Server(base, "intake"), options.records, options.rounds)
        memory(Path(folder), options.memory)


if __name__ == "__main__":
    main()
