"""Counts the processes that use the servers of a data directory, without a counter that a killed process could spoil.

Every user holds a shared lock on one file for as long as it lives; the kernel gives the lock back however the process
ends, and forked children share it. A small keeper process waits for the lock alone: when it gets it nobody uses the
servers any more, so it stops them. Who comes meanwhile waits for the lock and starts them anew.
"""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
from django.conf import settings

from prefapp.embedded import postgres, valkey
from prefapp.embedded.errors import EmbeddedError

USERS, START, KEEPER = "users.lock", "start.lock", "keeper.lock"
# Longer than a server is given to stop.
RELEASE_SECONDS = 45

_held: dict[Path, int] = {}


def hold_configured() -> None:
    """Holds the servers that the settings name as embedded; nothing when DATABASE_URL and REDIS_URL are both given."""
    hold(settings.DATA_DIR, database=settings.USES_EMBEDDED_DATABASE, redis=settings.USES_EMBEDDED_REDIS)


def hold_or_exit() -> None:
    """The same for a program's first lines: what hinders it is one line on stderr and exit code 1."""
    try:
        hold_configured()
    except EmbeddedError as error:
        sys.exit(str(error))


def hold(data_dir: Path, *, database: bool = True, redis: bool = True) -> None:
    """Starts the servers that do not run yet and keeps them running until this process ends.

    Raises EmbeddedError when one cannot run here.
    """
    data_dir = data_dir.resolve()
    if not (database or redis):
        return
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if data_dir not in _held:
            _held[data_dir] = lock(data_dir / USERS, fcntl.LOCK_SH)
            atexit.register(release, data_dir)
        starting = lock(data_dir / START, fcntl.LOCK_EX)
        try:
            _ensure_keeper(data_dir)
            if database:
                postgres.ensure_started(data_dir)
            if redis:
                valkey.ensure_started(data_dir)
        finally:
            os.close(starting)
    except OSError as error:
        raise EmbeddedError(f"The data directory {data_dir} cannot be used: {error}") from error


def release(data_dir: Path) -> None:
    """Lets go of the servers and, as their last user, waits until they have stopped."""
    descriptor = _held.pop(data_dir.resolve(), None)
    if descriptor is None:
        return
    os.close(descriptor)
    deadline = time.monotonic() + RELEASE_SECONDS
    while _keeper_lives(data_dir) and not in_use(data_dir) and time.monotonic() < deadline:
        time.sleep(0.02)


def configured_servers() -> dict[str, psutil.Process]:
    """The main processes of the servers that the settings name as embedded and that run now, by folder."""
    found = {}
    if settings.USES_EMBEDDED_DATABASE:
        found["postgres"] = postgres.find(settings.DATA_DIR)
    if settings.USES_EMBEDDED_REDIS:
        found["valkey"] = valkey.find(settings.DATA_DIR)
    return {name: process for name, process in found.items() if process}


def erase(data_dir: Path) -> None:
    """Throws away everything the servers hold. Raises EmbeddedError while any process uses them."""
    data_dir = data_dir.resolve()
    if in_use(data_dir):
        raise EmbeddedError(f"Another process uses {data_dir}; end it first.")
    alone = lock(data_dir / USERS, fcntl.LOCK_EX)  # waits for the keeper to finish
    for server in (valkey, postgres):
        server.stop(data_dir)
        shutil.rmtree(server.folder_of(data_dir), ignore_errors=True)
    os.close(alone)


def in_use(data_dir: Path) -> bool:
    """Whether any process holds the servers; the keeper, while it stops them, is none."""
    return not _free(data_dir / USERS, fcntl.LOCK_EX) and _free(data_dir / USERS, fcntl.LOCK_SH)


def lock(path: Path, kind: int) -> int:
    """Opens and locks a file, and returns the descriptor; closing that (also by dying) gives the lock back."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _free(path: Path, kind: int) -> bool:
    try:
        os.close(lock(path, kind | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def _keeper_lives(data_dir: Path) -> bool:
    return not _free(data_dir / KEEPER, fcntl.LOCK_SH)


def _ensure_keeper(data_dir: Path) -> None:
    """Starts the keeper unless one lives; it is born with its lock, so no moment is without one."""
    try:
        descriptor = lock(data_dir / KEEPER, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    try:
        with (data_dir / "keeper.log").open("ab") as log:
            subprocess.Popen(
                [sys.executable, "-m", "prefapp.embedded.keeper", str(data_dir)],
                cwd=Path(__file__).resolve().parents[2],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[descriptor],
                start_new_session=True,  # a Ctrl-C in the terminal is not for it
            )
    finally:
        os.close(descriptor)
