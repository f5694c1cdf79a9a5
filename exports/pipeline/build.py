"""Build: the one place that knows the order of the stages, and what becomes of a build that goes wrong."""

from __future__ import annotations

import errno
import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import adbc_driver_manager
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from psycopg.conninfo import make_conninfo

from exports.models import Snapshot
from exports.pipeline import index, publish
from exports.pipeline.card import make_card
from exports.pipeline.configs import write_configs
from exports.pipeline.curate import curate
from exports.pipeline.erasures import last_erasure
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.manifest import Origin, as_bytes, make_manifest, read_collection
from exports.pipeline.measure import measure_votes
from exports.pipeline.publish import LostError
from exports.pipeline.recipe import RecipeBody, RecipeError, parse_recipe
from exports.pipeline.sample import sample
from exports.pipeline.select import Scope, select
from exports.pipeline.session import Session, StreamBrokenError
from exports.pipeline.split import split
from exports.pipeline.write import WrittenFile, write_bytes
from exports.storage import StorageError, at_hand

logger = logging.getLogger(__name__)

# Told the share that is done.
Report = Callable[[float], None]

BEAT_SECONDS = 2.0
# Share of the whole that is done once the rows are chosen; the rest is writing.
CHOSEN, WRITTEN = 0.2, 0.98
DISK_FULL = "The disk is full: {path} has no room for the snapshot. Free some space and ask for a new version."
DATABASE_FULL = "The database server's disk is full. Free some space there and ask for a new version."
UNEXPECTED = "The build ended on an unexpected error ({kind}); the worker's log has the details."


class ParentGoneError(Exception):
    """The files of the snapshot that an increment builds on are gone."""

    def __init__(self, parent: Snapshot | None) -> None:
        version = parent.version if parent else None
        super().__init__(
            f"The files of version {version}, which this increment builds on, are gone. Build a full version."
        )


def database_dsn() -> str:
    """The address of the database that Django uses, as libpq reads it."""
    return make_conninfo(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"])


def choose(session: Session, recipe: RecipeBody, scope: Scope, report: Report) -> dict[str, Any]:
    """Select, curate and sample; return the counts of each. `report` is told the share that is done."""
    counts: dict[str, Any] = {"selected": select(session, recipe, scope)}
    report(0.4)
    counts["curated"] = curate(session, recipe)
    report(0.8)
    counts["sampled"] = sample(session, recipe.sample)
    report(1.0)
    return counts


def build(pk: int) -> None:
    """Build a queued snapshot to its end; nothing when it is not queued (any more).

    A snapshot that cannot be built is failed with its reason. When the database goes away the snapshot is left as it
    is: it is queued again once its heartbeat is old.
    """
    snapshot = publish.claim(pk)
    if snapshot is None:
        return
    try:
        with Heart(snapshot) as heart:
            while not _build(snapshot, heart):
                logger.info("snapshot %s: records were erased meanwhile; it is built again", snapshot)
    except LostError:
        logger.warning("snapshot %s: attempt %d was given up", snapshot, snapshot.attempt)
    except Exception as error:
        logger.exception("snapshot %s: attempt %d failed", snapshot, snapshot.attempt)
        reason = _reason(error)
        if reason:
            publish.fail(snapshot, reason)


def _build(snapshot: Snapshot, heart: Heart) -> bool:
    """Build it once; False when what it read was partly erased meanwhile."""
    snapshot.erasure_seen = last_erasure(snapshot.project)
    with _draft(snapshot) as draft:
        try:
            files, manifest = compile_into(draft, snapshot, heart.report, heart.breaks_off)
            publish.publish(snapshot, draft, files, manifest)
        except LostError:
            raise
        except Exception:
            if last_erasure(snapshot.project) == snapshot.erasure_seen:
                raise
            return False
    return True


def compile_into(
    folder: Path, snapshot: Snapshot, report: Report, watching: Callable[[Session], AbstractContextManager[None]]
) -> tuple[list[WrittenFile], dict[str, Any]]:
    """Write everything that a snapshot is into an empty folder; return the files and the manifest.

    What comes out depends on the snapshot's recipe, watermark and parent alone, and on what is erased. The session is
    used within `watching`.
    """
    recipe = parse_recipe(snapshot.recipe)
    origin = Origin(
        project=snapshot.project.slug,
        version=snapshot.version,
        parent=snapshot.parent.version if snapshot.parent else None,
        watermark=snapshot.watermark,
        watermark_hash=snapshot.watermark_hash,
        recipe=snapshot.recipe,
        recipe_name=snapshot.named_recipe.name if snapshot.named_recipe else None,
    )
    schema = f"prefapp_build_{snapshot.pk}_{snapshot.attempt}"
    with Session(database_dsn(), schema=schema) as session, watching(session):
        scope = Scope(snapshot.project_id, snapshot.watermark)
        counts = choose(session, recipe, scope, lambda share: report(CHOSEN * share))
        index.hold(session, recipe.formats, to_compare=recipe.incremental)
        if recipe.incremental:
            counts["changes"] = _compare(session, snapshot.parent)
        audited = recipe.incremental or any(FORMATS[name].rows is Rows.JUDGMENTS for name in recipe.formats)
        counts["split"] = split(session, changed_only=recipe.incremental, audited=audited)
        collection = read_collection(session, "audit" if audited else "vote")
        files = _write(session, recipe, folder, report, counts)
    files.append(write_bytes(folder, "README.md", make_card(origin, collection, counts, files)))
    manifest = make_manifest(origin, collection, counts, files)
    files.append(write_bytes(folder, "manifest.json", as_bytes(manifest)))
    report(WRITTEN)
    return files, manifest


def _compare(session: Session, parent: Snapshot | None) -> dict[str, dict[str, int]]:
    if parent is None:
        return index.compare(session, None)
    try:
        with at_hand(parent, *index.NEEDED) as folder:
            return index.compare(session, folder)
    except FileNotFoundError as error:
        raise ParentGoneError(parent) from error


def _write(
    session: Session, recipe: RecipeBody, folder: Path, report: Report, counts: dict[str, Any]
) -> list[WrittenFile]:
    """Write the data, what changed, and the index; add the counts of rows."""
    written = write_configs(session, recipe, folder, lambda done, of: report(CHOSEN + (WRITTEN - CHOSEN) * done / of))
    counts["written"] = written.counts
    counts["measured"] = measure_votes(session) | written.measured
    changes = index.write_changes(session, folder) if recipe.incremental else []
    return [*written.files, *changes, *index.write_index(session, folder)]


@contextmanager
def _draft(snapshot: Snapshot) -> Iterator[Path]:
    draft = publish.draft_folder(snapshot)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _reason(error: Exception) -> str | None:
    """Why the build failed, for people; None when another try may do better."""
    match error:
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return DISK_FULL.format(path=settings.SNAPSHOT_DIR)
        case StorageError():
            return str(error)
        case OSError():
            return f"The snapshot could not be written below {settings.SNAPSHOT_DIR}: {error.strerror or error}."
        case ParentGoneError():
            return str(error)
        case RecipeError():
            return f"The recipe cannot be built: {error}."
        case adbc_driver_manager.Error() | StreamBrokenError() if "No space left on device" in str(error):
            return DATABASE_FULL
        case StreamBrokenError() | adbc_driver_manager.OperationalError() | OperationalError() | InterfaceError():
            return None
        case MemoryError():
            return "The worker ran out of memory."
        case _:
            return UNEXPECTED.format(kind=type(error).__name__)


class Heart:
    """Says every few seconds that the attempt lives and how far it is, and notices when it is no longer wanted.

    A thread does it, for a single statement may run longer than a heartbeat may be old.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._progress = 0.0
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._session: Session | None = None
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
        """Note how far the build is. Raises LostError when it is no longer wanted."""
        self._progress = progress
        if self._lost.is_set():
            raise LostError

    @contextmanager
    def breaks_off(self, session: Session) -> Iterator[None]:
        """Within it, a build that is no longer wanted has its statement broken off."""
        self._session = session
        try:
            yield
        finally:
            self._session = None

    def _run(self) -> None:
        try:
            while not self._stop.wait(BEAT_SECONDS):
                self._beat()
        finally:
            connection.close()  # this thread's own

    def _beat(self) -> None:
        try:
            alive = publish.beat(self._snapshot, self._progress)
        except DatabaseError:
            logger.warning("snapshot %s: no heartbeat, the database does not answer", self._snapshot)
            connection.close()
            return
        if not alive:
            self._lost.set()
            if session := self._session:
                session.cancel()
