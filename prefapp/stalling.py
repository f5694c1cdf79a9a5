"""Bodies that stall leave a thread of the web server free, for whatever needs no body.

granian's WSGI input waits for bytes in native code, without a limit. A read cannot be broken off, and none may be left
to another thread: as the application returns granian takes the lock that a read holds, with the interpreter's lock in
its hand, and the process stands still. So all that can be done is to wait for few of them at a time.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from threading import BoundedSemaphore
from typing import Any, Protocol

from annotation.api.problems import RETRY_SECONDS, Problem
from prefapp.charset import Application, Environ, refuse

# What is read at once, so that a slow body makes room for another one every now and then.
PIECE_BYTES = 64 * 1024
# Bodies that hold all places for so long stall; those that come are then refused.
PATIENCE_SECONDS = 1.0


class Input(Protocol):
    """The body as the server hands it on."""

    def read(self, size: int, /) -> bytes: ...


def few_at_a_time(application: Application, most: int) -> Application:
    """A WSGI application that waits for so many bodies at once, and answers 503 to one more where they stall."""
    places = Places(most)

    def hand_on(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = Body(environ["wsgi.input"], places)
        environ["wsgi.input"] = body
        said: list[tuple[Any, ...]] = []
        answer = application(environ, lambda *parts: said.append(parts))
        if body.refused:
            if close := getattr(answer, "close", None):
                close()
            detail = "The body was not read to its end, since too many others stall; send the whole again."
            return refuse(Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)}), start_response)
        start_response(*said[-1])
        return answer

    return hand_on


class Places:
    """Where bodies are waited for."""

    def __init__(self, number: int) -> None:
        self._free = BoundedSemaphore(number)
        self._changed = time.monotonic()

    def take(self) -> bool:
        """Take a place; whether there is one before all have been held for PATIENCE_SECONDS."""
        taken = self._free.acquire(timeout=max(0, self._changed + PATIENCE_SECONDS - time.monotonic()))
        if taken:
            self._changed = time.monotonic()
        return taken

    def leave(self) -> None:
        """Give a place back."""
        self._changed = time.monotonic()
        self._free.release()


class Body(io.RawIOBase):
    """A body that is read piece by piece, each at a place; `refused` says that there was none."""

    def __init__(self, source: Input, places: Places) -> None:
        super().__init__()
        self.refused = False
        self._source = source
        self._places = places

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, fewer at the end of the body; all of it when negative. TimeoutError when refused."""
        pieces: list[bytes] = []
        while size:
            wanted = PIECE_BYTES if size < 0 else min(size, PIECE_BYTES)
            pieces.append(self._piece(wanted))
            if len(pieces[-1]) < wanted:
                break
            size -= wanted if size > 0 else 0
        return b"".join(pieces)

    def _piece(self, size: int) -> bytes:
        if self.refused or not self._places.take():
            self.refused = True
            raise TimeoutError("too many other bodies stall")
        try:
            return self._source.read(size)
        finally:
            self._places.leave()
