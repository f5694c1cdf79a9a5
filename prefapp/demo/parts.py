"""The programs of a demo: forked off, watched, and ended to the last process.

They are forked from this process instead of started anew, since each would spend seconds on importing the same modules.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkProcess
from pathlib import Path

from django.db import connections

from prefapp.demo.errors import DemoError

# A worker finishes its running tasks first; what takes longer is picked up again by the next start.
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Part:
    """One program; its output goes to the log."""

    name: str
    process: ForkProcess
    log: Path


@dataclass
class Parts:
    """The programs that run beside this process, and end with it."""

    log_dir: Path
    own_signals: Sequence[signal.Signals]
    running: list[Part] = field(default_factory=list)

    def start(self, name: str, program: Callable[[], object]) -> None:
        """Runs a function in a process and session of its own: a Ctrl-C is this process's to handle."""
        connections.close_all()  # a connection must not be shared across a fork
        log = self.log_dir / f"{name.replace(' ', '-')}.log"
        log.write_bytes(b"")  # also says in one line when the disk is full
        process = multiprocessing.get_context("fork").Process(target=self._run, args=(program, log, os.getpid()))
        process.start()
        self.running.append(Part(name, process, log))

    def check(self) -> None:
        """Raises DemoError when a program has ended."""
        for part in self.running:
            if (code := part.process.exitcode) is not None:
                raise DemoError(f"The {part.name} ended ({_ending(code)}); see {part.log}{_last_words(part.log)}")

    def stop(self) -> None:
        """Ends every program and every process that one of them started."""
        for part in self.running:
            part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in self.running:
            part.process.join(max(0, deadline - time.monotonic()))
        for part in self.running:
            if group := part.process.pid:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
            part.process.kill()
            part.process.join()
        self.running.clear()

    def _run(self, program: Callable[[], object], log: Path, parent: int) -> None:
        for number in self.own_signals:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        _end_with(parent)
        with log.open("ab") as output:
            for descriptor in (1, 2):
                os.dup2(output.fileno(), descriptor)
        program()


def _end_with(parent: int) -> None:
    """Linux ends this process when the parent dies without having been able to."""
    if sys.platform == "linux":
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip()]
    return f": {said[-1][:300]}" if said else ""
