"""Which process is a server of a given folder; a pid file alone cannot tell, for pids are used again."""

from collections.abc import Iterator
from pathlib import Path

import psutil


def servers_of(folder: Path, program: str) -> Iterator[psutil.Process]:
    """Yields the running processes of a program whose working directory is the folder."""
    for process in psutil.process_iter(["name"]):
        if process.info["name"] == program and _works_in(process, folder):
            yield process


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder
    except psutil.Error:
        return False


def end(processes: list[psutil.Process], *, seconds: float) -> None:
    """Waits for processes that were told to end, and kills those still there after so many seconds."""
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=10)
