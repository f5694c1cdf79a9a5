"""Heart: says every few seconds that an attempt lives and how far it is, and notices when it is no longer wanted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType

from django.db import DatabaseError, connection

from exports.pipeline.publish import LostError
from exports.pipeline.session import Session

logger = logging.getLogger(__name__)

BEAT_SECONDS = 2.0


class Heart:
    """Beats while the context lasts; `beat` is told the progress and says whether the attempt is still wanted.

    A thread does it, for a single statement may run longer than a heartbeat may be old.
    """

    def __init__(self, beat: Callable[[float], bool]) -> None:
        self._beat_row = beat
        self._progress = 0.0
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._sessions: set[Session] = set()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heart:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._lost.is_set() and isinstance(error, Exception):
            raise LostError from error

    def report(self, progress: float) -> None:
        """Note how far the work is. Raises LostError when it is no longer wanted."""
        self._progress = progress
        if self._lost.is_set():
            raise LostError

    @contextmanager
    def breaks_off(self, sessions: Iterable[Session]) -> Iterator[None]:
        """Within it, work that is no longer wanted has its statements broken off."""
        self._sessions = set(sessions)
        try:
            yield
        finally:
            self._sessions = set()

    def _run(self) -> None:
        try:
            while not self._stop.wait(BEAT_SECONDS):
                self._beat()
        finally:
            connection.close()  # this thread's own

    def _beat(self) -> None:
        try:
            alive = self._beat_row(self._progress)
        except DatabaseError:
            logger.warning("no heartbeat: the database does not answer")
            connection.close()
            return
        if not alive:
            self._lost.set()
            for session in self._sessions:
                session.cancel()
