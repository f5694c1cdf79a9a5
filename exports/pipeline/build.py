"""Build: a snapshot from queued to its end by as many processes as there are, and what becomes of one that goes wrong.

Whoever takes the snapshot chooses the rows and then, like every helper, takes parts of it until none is left. Whoever
finishes the last part merges. A small snapshot has one shard and is so built by one process, start to end.
"""

from __future__ import annotations

import errno
import json
import logging
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial

import adbc_driver_manager
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from exports.models import Snapshot, SnapshotShard
from exports.pipeline import publish, shards, tables
from exports.pipeline.erasures import last_erasure
from exports.pipeline.heart import Heart
from exports.pipeline.publish import ErasedMeanwhileError, LostError
from exports.pipeline.recipe import RecipeError, parse_recipe
from exports.pipeline.session import Session, StreamBrokenError
from exports.pipeline.stages import (
    OUTLINE,
    ParentGoneError,
    Planned,
    database_dsn,
    merge_parts,
    plan,
    write_one_shard,
    write_outline,
)
from exports.pipeline.tables import TablesGoneError
from exports.storage import StorageError

logger = logging.getLogger(__name__)

# Sessions that read a shard side by side.
READERS = 2
PLANNED = "planned.json"
DISK_FULL = "The disk is full: {path} has no room for the snapshot. Free some space and ask for a new version."
DATABASE_FULL = "The database server's disk is full. Free some space there and ask for a new version."
UNEXPECTED = "The build ended on an unexpected error ({kind}); the worker's log has the details."


def build(pk: int) -> None:
    """Build a queued snapshot; nothing when it is not queued (any more). Other processes may `help_build` it meanwhile.

    A snapshot that cannot be built is failed with its reason. When the database goes away it is left as it is: what was
    begun is queued again once its heartbeat is old.
    """
    snapshot = publish.claim(pk)
    if snapshot and _guarded(snapshot, partial(_choose, snapshot)):
        _work_off(snapshot)


def help_build(pk: int) -> None:
    """Take parts of a snapshot that is being built, until none is left; nothing where its folder is not seen."""
    snapshot = publish.find_building(pk)
    if snapshot is None:
        return
    if not (publish.draft_of(snapshot) / shards.FOLDER).is_dir():
        logger.warning("snapshot %s: its folder is not seen from here, so its parts are left to others", snapshot)
        return
    _work_off(snapshot)


def _choose(snapshot: Snapshot) -> None:
    """Make the plan of a snapshot and queue its parts."""
    draft = publish.draft_folder(snapshot)
    schema = tables.name_for(snapshot)
    with (
        Heart(partial(publish.beat, snapshot)) as heart,
        Session(database_dsn(), schema=schema) as session,
        heart.breaks_off([session]),
    ):
        planned, number = plan(session, snapshot, lambda share: heart.report(shards.CHOSEN * share))
        tables.mark_complete(session)
    (draft / shards.FOLDER).mkdir()
    (draft / shards.FOLDER / PLANNED).write_text(json.dumps(asdict(planned)), encoding="utf-8")
    shards.begin(snapshot, number)


def _work_off(snapshot: Snapshot) -> None:
    """Take parts until none is left: the outline beside the first shard, for it leaves a processor free."""
    part = _claim(snapshot)
    beside: threading.Thread | None = None
    if part and part.number == OUTLINE:
        beside = threading.Thread(target=_work_beside, args=[part], name="outline")
        beside.start()
        part = _claim(snapshot)
    while part and _work(part):
        part = _claim(snapshot)
    if beside:
        beside.join()


def _claim(snapshot: Snapshot) -> SnapshotShard | None:
    try:
        return shards.claim(snapshot)
    except (OperationalError, InterfaceError):
        logger.warning("snapshot %s: the database does not answer, its parts are left to others", snapshot)
        return None


def _work_beside(part: SnapshotShard) -> None:
    try:
        _work(part)
    finally:
        connection.close()  # this thread's own


def _work(part: SnapshotShard) -> bool:
    """Write a part; merge, if it was the last. False when something went wrong."""
    return _guarded(part.snapshot, partial(_write, part))


def _write(part: SnapshotShard) -> None:
    snapshot = part.snapshot
    draft = publish.draft_of(snapshot)
    recipe = parse_recipe(snapshot.recipe)
    folder = shards.new_folder(draft, part)
    with ExitStack() as stack:
        heart = stack.enter_context(Heart(partial(shards.beat, part)))
        readers = 1 if part.number == OUTLINE else READERS
        dsn, schema = database_dsn(), tables.name_for(snapshot)
        sessions = [stack.enter_context(Session(dsn, schema=schema)) for _ in range(readers)]
        stack.enter_context(heart.breaks_off(sessions))
        tables.expect_complete(sessions[0])
        rows, size = 0, 0
        if part.number == OUTLINE:
            planned = Planned(**json.loads((draft / shards.FOLDER / PLANNED).read_text(encoding="utf-8")))
            write_outline(sessions[0], recipe, planned, folder)
        else:
            rows, size = write_one_shard(sessions, recipe, part.number, folder, heart.report)
        heart.report(1.0)
    if shards.finish(part, rows, size):
        _merge(snapshot)


def _merge(snapshot: Snapshot) -> None:
    draft = publish.draft_of(snapshot)
    with Heart(partial(publish.beat, snapshot)) as heart:
        heart.report(shards.WRITTEN)
        outline, *of_shards = shards.folders(snapshot, draft)
        merged = merge_parts(snapshot, draft, outline, of_shards)
        shutil.rmtree(draft / shards.FOLDER)
        heart.report(shards.WRITTEN)
        publish.publish(snapshot, draft, merged.files, merged.manifest)
    publish.clean(snapshot)


def _guarded(snapshot: Snapshot, step: Callable[[], None]) -> bool:
    """Do a step of a build; False when it went wrong, after what has to be done then."""
    try:
        step()
    except LostError:
        logger.warning("snapshot %s: attempt %d was given up", snapshot, snapshot.attempt)
        publish.clean(snapshot)
    except (ErasedMeanwhileError, TablesGoneError):
        _begin_again(snapshot)
    except Exception as error:
        _end(snapshot, error)
    else:
        return True
    return False


def _end(snapshot: Snapshot, error: Exception) -> None:
    """What becomes of an attempt that failed: an erasure explains whatever was found half there, a cancelling too."""
    try:
        if not publish.is_owned(snapshot):
            logger.warning("snapshot %s: attempt %d was given up", snapshot, snapshot.attempt)
            publish.clean(snapshot)
            return
        logger.error("snapshot %s: attempt %d failed", snapshot, snapshot.attempt, exc_info=error)
        reason = _reason(error)
        if last_erasure(snapshot.project) != snapshot.erasure_seen:
            _begin_again(snapshot)
        elif reason:
            publish.fail(snapshot, reason)
    except (OperationalError, InterfaceError):
        logger.warning("snapshot %s: the database does not answer, it is left to another try", snapshot, exc_info=error)


def _begin_again(snapshot: Snapshot) -> None:
    """Build from the start what can no longer be built from where it is."""
    logger.info("snapshot %s: its records or its tables are not what they were; it is built again", snapshot)
    if publish.begin_again(snapshot):
        build(snapshot.pk)


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
