"""Shards: the parts of a build as rows, each owned by one attempt. The only writer of their state.

A part is the outline (number 0) or a shard of the rows. Whoever has time takes one; whoever finishes the last of them
merges. A part whose attempt died is queued again, and what that attempt may still do comes to nothing.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import Avg, F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from exports.models import Snapshot, SnapshotShard
from exports.pipeline import publish
from exports.pipeline.publish import ATTEMPTS, GIVEN_UP, STALE_SECONDS, ConflictError, LostError

logger = logging.getLogger(__name__)

SHARD_TASK = "exports.build_shard"
FOLDER = ".parts"
# Share of the whole that is done once the rows are chosen; the rest is writing.
CHOSEN, WRITTEN = 0.4, 0.98
State = SnapshotShard.State
UNFINISHED = (State.QUEUED, State.BUILDING)


def begin(snapshot: Snapshot, shards: int) -> None:
    """Queue the outline and so many shards, and call for helpers if there is work for them.

    Raises LostError when the attempt owns the snapshot no more.
    """
    with transaction.atomic():
        if not _snapshot(snapshot).select_for_update().exists():
            raise LostError
        SnapshotShard.objects.filter(snapshot=snapshot).delete()
        SnapshotShard.objects.bulk_create(
            SnapshotShard(snapshot=snapshot, number=number) for number in range(shards + 1)
        )
    # Whoever begins takes the outline and the first shard.
    for _ in range(shards - 1):
        _call(snapshot.pk)


def claim(snapshot: Snapshot) -> SnapshotShard | None:
    """Take the first queued part as a new attempt; None when there is none."""
    with transaction.atomic():
        queued = SnapshotShard.objects.filter(snapshot__in=_snapshot(snapshot), state=State.QUEUED)
        part = queued.select_for_update(skip_locked=True, of=("self",)).order_by("number").first()
        if part is None:
            return None
        SnapshotShard.objects.filter(pk=part.pk).update(
            state=State.BUILDING, attempt=F("attempt") + 1, progress=0, heartbeat_at=Now()
        )
        part.refresh_from_db()
        part.snapshot = snapshot
        return part


def beat(part: SnapshotShard, progress: float) -> bool:
    """Say that the attempt lives and how far it is; False when it no longer owns the part."""
    if not _owned(part).update(heartbeat_at=Now(), progress=min(max(progress, 0.0), 1.0)):
        return False
    done: float = SnapshotShard.objects.filter(snapshot=part.snapshot).aggregate(done=Avg("progress"))["done"] or 0.0
    return publish.beat(part.snapshot, CHOSEN + (WRITTEN - CHOSEN) * done)


def finish(part: SnapshotShard, rows: int, size: int) -> bool:
    """End the attempt's part; True when it was the last, so that the caller has to merge. Raises LostError."""
    with transaction.atomic():
        # Single-file for one snapshot, so that exactly one is the last.
        if not _snapshot(part.snapshot).select_for_update().exists():
            raise LostError
        if not _owned(part).update(state=State.DONE, progress=1, rows=rows, bytes=size, heartbeat_at=Now()):
            raise LostError
        last = not SnapshotShard.objects.filter(snapshot=part.snapshot, state__in=UNFINISHED).exists()
        if last:
            publish.beat(part.snapshot, WRITTEN)
        return last


def retry(part: SnapshotShard) -> None:
    """Queue a part once more, whatever its attempt does. Raises ConflictError when the build is past it."""
    with transaction.atomic():
        building = Snapshot.objects.filter(pk=part.snapshot_id, status=Snapshot.Status.BUILDING)
        unfinished = SnapshotShard.objects.filter(snapshot_id=part.snapshot_id, state__in=UNFINISHED)
        if not (building.select_for_update().exists() and unfinished.exists()):
            raise ConflictError("Its snapshot is not writing its parts (any more).")
        SnapshotShard.objects.filter(pk=part.pk).update(state=State.QUEUED, progress=0, heartbeat_at=Now())
        transaction.on_commit(partial(_call, part.snapshot_id))


def requeue_stale() -> int:
    """Queue every part without a sign of life again; return how many. A build that lost one too often fails."""
    before = Now() - dt.timedelta(seconds=STALE_SECONDS)
    stale = SnapshotShard.objects.filter(
        snapshot__status=Snapshot.Status.BUILDING, state__in=UNFINISHED, heartbeat_at__lt=before
    )
    requeued: dict[int, int] = {}
    for part in stale.select_related("snapshot__project").order_by("pk")[:100]:
        if part.state == State.BUILDING and part.attempt >= ATTEMPTS:
            publish.fail(part.snapshot, GIVEN_UP)
            continue
        same = stale.filter(pk=part.pk, attempt=part.attempt)
        if same.update(state=State.QUEUED, heartbeat_at=Now()):
            requeued[part.snapshot_id] = requeued.get(part.snapshot_id, 0) + 1
    for pk in requeued:
        _call(pk)  # one, for it takes whatever is queued
    return sum(requeued.values())


def folder_of(draft: Path, part: SnapshotShard) -> Path:
    """Where this attempt at a part writes."""
    return draft / FOLDER / f"{part.number}-{part.attempt}"


def new_folder(draft: Path, part: SnapshotShard) -> Path:
    """The empty folder of this attempt; what earlier ones left is removed. Raises LostError without a draft."""
    if not (draft / FOLDER).is_dir():
        raise LostError
    for attempt in range(1, part.attempt + 1):
        shutil.rmtree(draft / FOLDER / f"{part.number}-{attempt}", ignore_errors=True)
    folder = folder_of(draft, part)
    folder.mkdir()
    return folder


def folders(snapshot: Snapshot, draft: Path) -> list[Path]:
    """Where all parts lie, the outline first."""
    return [folder_of(draft, part) for part in SnapshotShard.objects.filter(snapshot=snapshot).order_by("number")]


def _snapshot(snapshot: Snapshot) -> Any:
    return Snapshot.objects.filter(pk=snapshot.pk, status=Snapshot.Status.BUILDING, attempt=snapshot.attempt)


def _owned(part: SnapshotShard) -> Any:
    return SnapshotShard.objects.filter(
        pk=part.pk, state=State.BUILDING, attempt=part.attempt, snapshot__in=_snapshot(part.snapshot)
    )


def _call(pk: int) -> None:
    """Call for a worker that takes a part of the snapshot."""
    try:
        current_app.send_task(SHARD_TASK, args=[pk], retry=False)
    except BrokerError:
        # The row stands; requeue_stale calls again once the broker answers.
        logger.warning("nobody could be called to help with snapshot %d: the broker does not answer", pk)
