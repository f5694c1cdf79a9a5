"""Which process is a server of a given folder; a pid file alone cannot tell, for pids are used again."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def servers_of(folder: Path, program: str) -> Iterator[psutil.Process]:
    """Yields the running processes of a program whose working directory is the folder."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program and _works_in(process, folder):
            yield process


def end(processes: list[psutil.Process], *, seconds: float) -> None:
    """Waits for processes that were told to end, and kills those still there after so many seconds."""
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if _lives(process)]:
        if time.monotonic() > deadline:
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.01)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return _lives(process) and Path(process.cwd()) == folder
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    # One that is dead but not yet reaped by its parent has already let go of everything.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
