"""Real web servers and workers for tests: each a process tree of its own, ended to the last process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.db import connection

READY_SECONDS = 90


@dataclass
class Running:
    """A started program; its output goes to a file, shown when it does not come up."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def signal(self, number: int) -> None:
        """Sends a signal to the whole tree."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def end(self) -> None:
        """Asks the program to end and, after a while, makes it."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.signal(signal.SIGKILL)
        self.process.wait()

    def await_ready(self, ready: Callable[[], bool]) -> None:
        """Returns when ready() holds; fails with the program's output when it ends or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while not ready():
            said = self.log.read_text(errors="replace")[-2000:]
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {said}"
            assert time.monotonic() < deadline, f"not ready in {READY_SECONDS} s: {said}"
            time.sleep(0.05)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_database_environment() -> dict[str, str]:
    """The environment that leads another process to the test database and the test run's own broker database."""
    url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return {"DATABASE_URL": url, "REDIS_URL": settings.REDIS_URL, "PREFAPP_DATA_DIR": str(settings.DATA_DIR)}


test_database_environment.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


@contextmanager
def web_server(log_dir: Path, *, workers: int = 1, **environment: str) -> Iterator[tuple[str, Running]]:
    """Runs the real web server on the test database; yields its base URL, without a final slash, and the process."""
    port = free_port()
    command = ["granian", "--interface", "wsgi", "--no-ws", "--port", str(port), "--workers", str(workers)]
    options = ["--blocking-threads", "4", "prefapp.wsgi:application"]
    with _program([*command, *options], log_dir / f"web-{port}.log", environment) as program:
        base = f"http://127.0.0.1:{port}"
        program.await_ready(lambda: _serves(base))
        yield base, program


@contextmanager
def celery_worker(log_dir: Path, *, concurrency: int = 2, **environment: str) -> Iterator[Running]:
    """Runs a real Celery worker on the test database; tasks that earlier tests left behind must be purged before."""
    name = f"worker-{free_port()}"
    options = ["--concurrency", str(concurrency), "--hostname", f"{name}@test", "--loglevel", "INFO"]
    command = ["celery", "-A", "prefapp", "worker", *options, "--without-gossip", "--without-mingle"]
    with _program(command, log_dir / f"{name}.log", environment) as program:
        program.await_ready(lambda: f"{name}@test ready" in program.log.read_text(errors="replace"))
        yield program


@contextmanager
def _program(command: list[str], log: Path, environment: dict[str, str]) -> Iterator[Running]:
    program = Path(sys.executable).parent / command[0]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program), *command[1:]],
            cwd=settings.BASE_DIR,
            env={**os.environ, **test_database_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    running = Running(process, log)
    try:
        yield running
    finally:
        running.end()


def _serves(base: str) -> bool:
    try:
        return httpx.get(f"{base}/healthz").status_code == 200
    except httpx.TransportError:
        return False
