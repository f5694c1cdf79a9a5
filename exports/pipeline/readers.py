"""Readers: what is cut into chunks is read by several sessions at a time and comes out in its order.

Each reader is a thread with a database session of its own, which is where most of the time of a build goes. It is at
most a batch ahead of what is taken, so the memory is bounded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from queue import Queue

import pyarrow as pa

from exports.pipeline.session import Session


@contextmanager
def in_order(
    sessions: Sequence[Session], query: str, chunks: Sequence[int]
) -> Iterator[Iterator[Iterator[pa.RecordBatch]]]:
    """The batches of each chunk, which are to be taken in turn; within it the sessions belong to the readers.

    `query` reads the chunk whose number is put in for its `{chunk}`.
    """
    readers = [_Reader(session, query, chunks[place :: len(sessions)]) for place, session in enumerate(sessions)]
    try:
        yield (readers[place % len(readers)].chunk() for place in range(len(chunks)))
    finally:
        for reader in readers:
            reader.stop()


class _Reader:
    def __init__(self, session: Session, query: str, chunks: Sequence[int]) -> None:
        self._session, self._query, self._chunks = session, query, chunks
        self._ready: Queue[pa.RecordBatch | Exception | None] = Queue(maxsize=1)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def chunk(self) -> Iterator[pa.RecordBatch]:
        """The batches of the next chunk."""
        while (read := self._ready.get()) is not None:
            if isinstance(read, Exception):
                raise read
            yield read

    def stop(self) -> None:
        """End the thread, whatever it has still to read."""
        self._stopped.set()
        if self._thread.is_alive():
            self._session.cancel()
        while self._thread.is_alive():
            if not self._ready.empty():
                self._ready.get()
            self._thread.join(0.01)

    def _run(self) -> None:
        try:
            # Ordered as the log is, a chunk's rows lie nearly side by side on disk.
            with self._session.looking_up():
                for number in self._chunks:
                    if self._stopped.is_set():
                        return
                    with closing(self._session.batches(self._query.format(chunk=number))) as batches:
                        for batch in batches:
                            self._ready.put(batch)
                            if self._stopped.is_set():
                                return
                    self._ready.put(None)
        except Exception as error:  # it is the taker's to say what becomes of it
            self._ready.put(error)
