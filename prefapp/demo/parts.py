"""The programs of a demo: started, watched, and ended to the last process."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from prefapp.demo.errors import DemoError

# A worker finishes its running tasks first; what takes longer is picked up again by the next start.
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Part:
    """One program; its output goes to the log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


@dataclass
class Parts:
    """The programs that run beside this process, and end with it."""

    directory: Path
    log_dir: Path
    running: list[Part] = field(default_factory=list)

    def start(self, name: str, module: str, arguments: Sequence[str], *, environment: Mapping[str, str]) -> None:
        """Starts `python -m module arguments` in a session of its own: a Ctrl-C is this process's to handle."""
        log = self.log_dir / f"{name.replace(' ', '-')}.log"
        parent = os.getpid()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.directory,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: _end_with(parent),
            )
        self.running.append(Part(name, process, log))

    def check(self) -> None:
        """Raises DemoError when a program has ended."""
        for part in self.running:
            if (code := part.process.poll()) is not None:
                raise DemoError(f"The {part.name} ended ({_ending(code)}); see {part.log}{_last_words(part.log)}")

    def stop(self) -> None:
        """Ends every program and every process that one of them started."""
        for part in self.running:
            part.process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for part in self.running:
            with suppress(subprocess.TimeoutExpired):
                part.process.wait(max(0, deadline - time.monotonic()))
        for part in self.running:
            with suppress(ProcessLookupError):
                os.killpg(part.process.pid, signal.SIGKILL)
            part.process.wait()
        self.running.clear()


def _end_with(parent: int) -> None:
    """Runs in the child: Linux ends it when the parent dies without having been able to."""
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
