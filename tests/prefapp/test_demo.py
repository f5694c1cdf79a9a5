"""The demo as people start it: `manage.py demo`, a real process tree."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import pytest
from django.conf import settings

from prefapp.demo.address import Address
from prefapp.demo.errors import DemoError
from prefapp.embedded import postgres
from tests.processes import free_port

pytestmark = [pytest.mark.faults, pytest.mark.slow]

READY_SECONDS = 60
STOP_SECONDS = 60


@dataclass
class Demo:
    """A running demo and what it prints."""

    process: subprocess.Popen[str]
    data_dir: Path
    errors: Path

    @property
    def said(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads((self.data_dir / "demo.json").read_text())
        return known

    def await_end(self) -> str:
        """Waits until the demo has ended and returns what it said on stderr."""
        self.process.wait(STOP_SECONDS)
        return self.errors.read_text()

    def part(self, name: str) -> psutil.Process:
        """The child that writes a log of this name."""
        log = str(self.data_dir / "logs" / f"{name}.log")
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if log in [file.path for file in child.open_files()])


def command(data_dir: Path, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "PREFAPP_DATA_DIR": str(data_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    line = [sys.executable, "manage.py", "demo", *arguments]
    return {"args": line, "cwd": settings.BASE_DIR, "env": environment, "text": True}


@contextmanager
def demo(data_dir: Path, *arguments: str) -> Iterator[Demo]:
    """Starts a demo, waits for its line, and makes sure that nothing of it is left."""
    errors = data_dir.parent / f"{data_dir.name}.stderr"
    with errors.open("w") as stderr:
        start = command(data_dir, "--port", str(free_port()), *arguments)
        process = subprocess.Popen(**start, stdout=subprocess.PIPE, stderr=stderr)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Ready: http://127.0.0.1:"), errors.read_text()
        yield Demo(process, data_dir, errors)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(STOP_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def processes_of(data_dir: Path) -> list[str]:
    """Every process that was started for the data directory, known by its environment, folder or command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            known = [process.environ().get("PREFAPP_DATA_DIR", ""), process.cwd(), *process.cmdline()]
            if any(str(data_dir) in text for text in known) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
    return found


def refusal(data_dir: Path, *arguments: str) -> str:
    """What a demo says that does not start; fails unless that is one line and exit code 1."""
    done = subprocess.run(**command(data_dir, *arguments), capture_output=True, timeout=STOP_SECONDS)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    return str(done.stderr)


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with TemporaryDirectory(prefix="prefapp-test-") as folder:
        yield Path(folder) / "data"


def test_demo_serves_and_leaves_nothing_running(data_dir: Path) -> None:
    with demo(data_dir) as running:
        said = running.said
        assert set(said) == {"url", "users", "api_keys", "database_url", "redis_url"}
        assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
        assert httpx.get(said["url"] + "readyz").json() == {"database": "ok", "broker": "ok", "worker": "ok"}
        for name, password in said["users"].items():
            assert log_in(said["url"], name, password), name
        assert not log_in(said["url"], "annotator", said["users"]["annotator2"])
        assert api(said, "read", "progress/").json()["comparisons"] > 20
        assert api(said, "ingest", "progress/").status_code == 403
        assert "already runs" in refusal(data_dir, "--port", str(free_port()))
        with pytest.raises(DemoError, match="address already in use"):
            Address.find("127.0.0.1", int(said["url"].rsplit(":", 1)[1].strip("/")))
        running.process.send_signal(signal.SIGTERM)
        assert running.await_end() == ""
        assert running.process.returncode == 0
        assert processes_of(data_dir) == []


def test_second_run_goes_on_and_ends_when_a_part_dies(data_dir: Path) -> None:
    before = earlier_run(data_dir)
    with demo(data_dir) as running:
        said = running.said
        assert (said["users"], said["api_keys"]) == (before["users"], before["api_keys"])
        comparisons = api(said, "read", "progress/").json()["comparisons"]
        assert comparisons > 20
        running.part("web-server").kill()
        message = running.await_end()
        assert running.process.returncode == 1
        assert message.count("\n") == 1
        assert "web server ended (SIGKILL)" in message
        assert "web-server.log" in message
    # That nothing is left is checked where demo() ends: the servers may go a moment after the demo.


def test_ends_when_the_database_dies_and_starts_again_after_it(data_dir: Path) -> None:
    with demo(data_dir) as running:
        server = postgres.find(data_dir)
        assert server
        server.kill()
        assert "postgres ended" in running.await_end().replace("The embedded ", "")
        assert running.process.returncode == 1
        assert processes_of(data_dir) == []


def test_killed_demo_takes_its_parts_along_and_fresh_starts_anew(data_dir: Path) -> None:
    before = earlier_run(data_dir)
    with demo(data_dir, "--fresh") as running:
        assert running.said["users"] != before["users"]
        running.process.kill()


@pytest.mark.parametrize(
    ("host", "port"), [("0.0.0.0", 8000), ("192.0.2.1", 8000), ("127.0.0.1", 0), ("no.such.host.invalid", 8000)]
)
def test_addresses_that_cannot_be_served(host: str, port: int) -> None:
    with pytest.raises(DemoError):
        Address.find(host, port)


def test_names_of_loopback() -> None:
    address = Address.find("localhost", free_port())
    assert (address.ip, address.url) == ("127.0.0.1", f"http://localhost:{address.port}/")


def earlier_run(data_dir: Path) -> dict[str, Any]:
    """What the demo said that ran before; one runs now when none did."""
    if not (data_dir / "demo.json").exists():
        with demo(data_dir):
            pass
    said: dict[str, Any] = json.loads((data_dir / "demo.json").read_text())
    return said


def log_in(url: str, name: str, password: str) -> bool:
    with httpx.Client(base_url=url, follow_redirects=True) as client:
        client.get("accounts/login/")
        form = {"login": name, "password": password, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
        client.post("accounts/login/", data=form, headers={"Referer": url})
        return "sessionid" in client.cookies


def api(said: dict[str, Any], scope: str, path: str) -> httpx.Response:
    key = said["api_keys"]["demo"][scope]
    return httpx.get(f"{said['url']}api/v1/projects/demo/{path}", headers={"Authorization": f"Bearer {key}"})
