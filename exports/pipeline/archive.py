"""Archive: the folder of a snapshot as one tar stream, made while it is read and nowhere stored.

Its length is known beforehand, and the same snapshot gives the same bytes. The files stand in it as they do in the
folder, without a folder around them.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from exports.models import Snapshot, SnapshotFile
from exports.storage import store

END = bytes(2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Archive:
    """What a tar stream of a ready snapshot holds."""

    files: Sequence[SnapshotFile]
    written_at: int

    @classmethod
    def of(cls, snapshot: Snapshot) -> Archive:
        files = list(snapshot.files.select_related("snapshot").order_by("path"))
        return cls(files, int(snapshot.ended_at.timestamp()) if snapshot.ended_at else 0)

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return sum(len(self._header(file)) + file.bytes + len(_padding(file)) for file in self.files) + len(END)

    @property
    def etag(self) -> str:
        """Changes with any byte of it."""
        lines = [str(self.written_at), *(f"{file.path} {file.sha256}" for file in self.files)]
        return f'"tar-{hashlib.sha256("|".join(lines).encode()).hexdigest()}"'

    def blocks(self) -> Iterator[bytes]:
        """The stream. A missing file is an error at once, and not in the middle of it."""
        there = store().sizes(self.files[0].snapshot.folder) if self.files else {}
        if missing := [file.path for file in self.files if file.path not in there]:
            raise FileNotFoundError(f"{missing[0]} is missing")
        return self._blocks()

    def _blocks(self) -> Iterator[bytes]:
        for file in self.files:
            yield self._header(file)
            yield from store().read(file.stored_name, 0, file.bytes)
            yield _padding(file)
        yield END

    def _header(self, file: SnapshotFile) -> bytes:
        entry = tarfile.TarInfo(file.path)
        entry.size, entry.mtime = file.bytes, self.written_at
        return entry.tobuf(tarfile.PAX_FORMAT)


def _padding(file: SnapshotFile) -> bytes:
    return bytes(-file.bytes % tarfile.BLOCKSIZE)
