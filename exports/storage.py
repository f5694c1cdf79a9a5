"""Storage: where the files of ready snapshots lie, a local folder or an S3-compatible bucket.

A snapshot is built in a local folder whichever it is. Into a bucket its files are uploaded before the row says that it
is ready, so that nobody sees half of it.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.files.storage import storages
from django.utils.module_loading import import_string

from exports.models import Snapshot

logger = logging.getLogger(__name__)

ALIAS = "snapshots"
BLOCK_BYTES = 256 * 1024
# Read when there is one: its client takes a while to import.
BUCKET = "exports.bucket.Bucket"


class StorageError(Exception):
    """The storage did not do what was asked, in words for people."""


class Store(Protocol):
    """Folders of files; their names are relative and have forward slashes."""

    def stage(self, draft: Path, folder: str) -> None:
        """Bring a draft's files here, which may take long; nobody looks there yet."""

    def settle(self, draft: Path, folder: str) -> None:
        """Make the draft that folder at once, as the last step before its row says so."""

    def sizes(self, folder: str) -> dict[str, int]:
        """The files of a folder with their bytes."""

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        """A part of a file, block by block; FileNotFoundError is raised at once and not in the middle."""

    def fetch(self, folder: str, paths: Iterable[str], to: Path) -> None:
        """Copy files of a folder to a local one."""

    def remove(self, folder: str, *, keep: Sequence[str] = ()) -> None:
        """Remove a folder, save for some files."""


def store() -> Store:
    """The store that the settings name."""
    if ALIAS not in settings.STORAGES:
        return Folder(Path(settings.SNAPSHOT_DIR))
    made: Store = import_string(BUCKET)(storages[ALIAS])
    return made


def discard(folder: str) -> None:
    """Remove what nobody will look at; what cannot be removed takes up room alone."""
    try:
        store().remove(folder)
    except (StorageError, OSError) as error:
        logger.warning("the leftovers in %s stay: %s", folder, error)


@contextmanager
def at_hand(snapshot: Snapshot, *wanted: str) -> Iterator[Path]:
    """A local folder with the files of a ready snapshot whose paths begin with one of `wanted`.

    Without any it has all. In a local store it is the snapshot's own folder.
    """
    stored = store()
    if isinstance(stored, Folder):
        yield stored.root / snapshot.folder
        return
    paths = [path for path in snapshot.files.values_list("path", flat=True) if not wanted or path.startswith(wanted)]
    with tempfile.TemporaryDirectory(prefix="snapshot-") as here:
        stored.fetch(snapshot.folder, paths, Path(here))
        yield Path(here)


class Folder:
    """A folder of this machine, or one that all machines see."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def stage(self, draft: Path, folder: str) -> None:
        """Nothing: the draft lies beside it."""

    def settle(self, draft: Path, folder: str) -> None:
        final = self.root / folder
        os.rename(draft, final)
        descriptor = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def sizes(self, folder: str) -> dict[str, int]:
        top = self.root / folder
        return {path.relative_to(top).as_posix(): path.stat().st_size for path in top.rglob("*") if path.is_file()}

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        path = self.root / name
        path.stat()
        return self._blocks(path, start, length)

    def _blocks(self, path: Path, start: int, length: int) -> Iterator[bytes]:
        with path.open("rb") as file:
            file.seek(start)
            while length and (block := file.read(min(BLOCK_BYTES, length))):
                length -= len(block)
                yield block

    def fetch(self, folder: str, paths: Iterable[str], to: Path) -> None:
        for path in paths:
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / folder / path, to / path)

    def remove(self, folder: str, *, keep: Sequence[str] = ()) -> None:
        if not keep:
            shutil.rmtree(self.root / folder, ignore_errors=True)
            return
        for path in self.sizes(folder).keys() - set(keep):
            (self.root / folder / path).unlink(missing_ok=True)
        for below in sorted((self.root / folder).glob("**/"), reverse=True):
            if below != self.root / folder and not any(below.iterdir()):
                below.rmdir()
