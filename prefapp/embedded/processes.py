"""Which process is a server of a given folder; a pid file alone cannot tell, for pids are used again."""

import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil


def servers_of(folder: Path, program: str) -> Iterator[psutil.Process]:
    """Yields the running processes of a program whose working directory is the folder, or was until it was deleted."""
    for process in psutil.process_iter(["name", "ppid"]):
        if process.info["name"] == program and _works_in(process, folder):
            yield process


def main_process(folder: Path, program: str) -> psutil.Process | None:
    """The one that started the others, when the program runs."""
    found = {process.pid: process for process in servers_of(folder, program)}
    return next((process for process in found.values() if process.info["ppid"] not in found), None)


def lives(process: psutil.Process) -> bool:
    """Whether a process still works."""
    # One that is dead but not yet reaped by its parent has already let go of everything.
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def end(folder: Path, program: str, *, by: signal.Signals, seconds: float) -> None:
    """Ends a program by a signal to its main process, and kills what is still there after so many seconds."""
    running = list(servers_of(folder, program))
    if main := main_process(folder, program):
        with suppress(psutil.NoSuchProcess):
            main.send_signal(by)
    deadline = time.monotonic() + seconds
    while alive := [process for process in running if lives(process)]:
        if time.monotonic() > deadline:
            for process in alive:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.01)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return lives(process) and process.cwd() in (str(folder), f"{folder} (deleted)")
    except psutil.Error:
        return False
