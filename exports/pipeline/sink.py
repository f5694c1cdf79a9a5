"""Sink: a new file that is hashed while it is written, and synced to disk when it is closed."""

from __future__ import annotations

import hashlib
import io
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

# What waits to be written, at most; pages of a column are about 1 MB.
AHEAD = 6
SYNC_BYTES = 16 * 2**20


class Sink(io.RawIOBase):
    """A file with the hash and the size of what was written to it.

    A thread of its own hashes, writes and syncs, so that whoever encodes the next rows seldom waits for it. What goes
    wrong there is raised by a later `write`, or by `close`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("xb")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sink")
        self._ahead: deque[Future[None]] = deque()
        self._unsynced = 0
        self.hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        content = bytes(data)  # type: ignore[call-overload]  # RawIOBase has it as a buffer, which typing has no name for
        self._settle(AHEAD - 1)
        self._ahead.append(self._thread.submit(self._put, content))
        self.size += len(content)
        return len(content)

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._settle(0)
            self._sync()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close without writing what still waits, and without telling what went wrong."""
        self._thread.shutdown(cancel_futures=True)
        with suppress(OSError):
            self._file.close()
        super().close()

    def _settle(self, most: int) -> None:
        """Wait until no more than so many writes wait."""
        while len(self._ahead) > most:
            self._ahead.popleft().result()

    def _put(self, content: bytes) -> None:
        self.hash.update(content)
        self._file.write(content)
        self._unsynced += len(content)
        if self._unsynced >= SYNC_BYTES:
            self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._unsynced = 0
