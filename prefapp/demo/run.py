"""Starts a demo, says when it serves, watches it, and leaves nothing running."""

from __future__ import annotations

import fcntl
import http.client
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import psutil
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError

from prefapp import embedded
from prefapp.demo import programs, seed
from prefapp.demo.address import Address
from prefapp.demo.errors import DemoError, Stopped
from prefapp.demo.parts import Parts
from prefapp.embedded.processes import lives

READY_SECONDS = 180
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], None]


def run(*, host: str, port: int, fresh: bool, say: Say) -> None:
    """Runs until somebody stops it. Raises DemoError or EmbeddedError when it cannot start or a part dies."""
    address = Address.find(host, port)
    data_dir: Path = settings.DATA_DIR
    parts = Parts(data_dir / "logs", STOP_SIGNALS)
    for number in STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        _claim(data_dir)
        if fresh:
            _erase(data_dir)
        parts.log_dir.mkdir(exist_ok=True)
        embedded.hold_configured()
        check = partial(_check, embedded.configured_servers(), parts)
        known = _start(parts, address, data_dir / "demo.json", check)
        say(_announcement(known))
        while True:
            check()
            time.sleep(0.25)
    except Stopped:
        say("Stopping.")
    except (OSError, DatabaseError) as error:
        raise DemoError(" ".join(str(error).split())) from error
    finally:
        _ignore_signals()
        parts.stop()


def _stop(_number: int, _frame: object) -> NoReturn:
    _ignore_signals()  # a terminal, `uv run` and a supervisor may each send one; nothing interrupts the stopping
    raise Stopped


def _ignore_signals() -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _claim(data_dir: Path) -> None:
    """Makes this the one demo of the data directory for as long as the process lives."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        embedded.lock(data_dir / "demo.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DemoError(f"A demo already runs on {data_dir}; set PREFAPP_DATA_DIR to start another.") from error


def _erase(data_dir: Path) -> None:
    if not settings.USES_EMBEDDED_DATABASE:
        raise DemoError("--fresh would empty the database that DATABASE_URL names; empty that yourself.")
    embedded.erase(data_dir)
    shutil.rmtree(settings.SNAPSHOT_DIR, ignore_errors=True)
    for path in (data_dir / "demo.json", *data_dir.glob("celerybeat-schedule*")):
        path.unlink(missing_ok=True)


def _start(parts: Parts, address: Address, path: Path, check: Callable[[], None]) -> dict[str, Any]:
    """Starts everything, fills the database meanwhile, and returns what demo.json says once all of it answers."""
    # Web server and workers get ready while this process migrates: neither touches a table before it is asked to.
    parts.start("web server", partial(programs.web_server, address))
    parts.start("worker", programs.worker)
    parts.start("builder", programs.builder)
    call_command("migrate", verbosity=0)
    known = {
        "url": address.url,
        **seed.seed(seed.read_known(path)),
        "database_url": settings.DATABASE_URL,
        "redis_url": settings.REDIS_URL,
    }
    parts.start("beat", programs.beat)
    seed.write_known(path, known)
    _await_ready(parts, address, check)
    return known


def _await_ready(parts: Parts, address: Address, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while missing := _missing(address):
        check()
        if time.monotonic() > deadline:
            raise DemoError(f"The demo is not ready after {READY_SECONDS} s ({missing}); see {parts.log_dir}")
        time.sleep(0.05)


def _missing(address: Address) -> str:
    """What the site still lacks by its own account; empty when it is ready."""
    connection = http.client.HTTPConnection(address.ip, address.port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": address.netloc})
        answer = connection.getresponse()
        return "" if answer.status == http.HTTPStatus.OK else answer.read(200).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def _announcement(known: Mapping[str, Any]) -> str:
    users: Mapping[str, str] = known["users"]
    log_ins = [f"  {name:<12} {password}" for name, password in users.items()]
    return "\n".join([f"Ready: {known['url']}", "Log-ins:", *log_ins, "Ctrl-C stops everything; the data stays."])


def _check(servers: Mapping[str, psutil.Process], parts: Parts) -> None:
    """Raises DemoError when something ended: first of all a server, for want of which parts may end."""
    for name, server in servers.items():
        if not lives(server):
            raise DemoError(f"The embedded {name} ended; see {settings.DATA_DIR / name / 'server.log'}")
    parts.check()
