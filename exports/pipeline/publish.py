"""Publish: the life of a snapshot from asked-for to ready, failed or cancelled. The only writer of its state.

An attempt owns the snapshot while the row is `building` under its number: every step of it says the number, so an
attempt that was given up can change nothing any more. Each attempt has folders of its own.
"""

from __future__ import annotations

import datetime as dt
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from annotation import log
from annotation.models import Project
from exports import storage, webhooks
from exports.models import Recipe, Snapshot, SnapshotFile, SnapshotShard
from exports.pipeline import tables
from exports.pipeline.erasures import last_erasure
from exports.pipeline.manifest import MANIFEST_VERSION
from exports.pipeline.recipe import RecipeBody, resolved
from exports.pipeline.write import WrittenFile, sync

logger = logging.getLogger(__name__)

BUILD_TASK = "exports.build"
# Folders whose rows are no data of the set.
NO_CONFIGS = ("dropped/", "changes/", "index/")
STALE_SECONDS = 15
ATTEMPTS = 3
GIVEN_UP = f"Building it was broken off {ATTEMPTS} times (a worker or the database went away). Ask for a new version."
Status = Snapshot.Status


class ConflictError(Exception):
    """The idempotency key stands for another request, or the snapshot is in another state."""


class ErasedMeanwhileError(Exception):
    """Records were erased while the snapshot was built: it may hold them, or half of them."""


class LostError(Exception):
    """This attempt no longer owns the snapshot: it was cancelled, or another attempt took over."""


@dataclass(frozen=True)
class Request:
    """What is asked for: a recipe, by whom, and what makes asking twice the same (`digest`: of what was sent)."""

    recipe: RecipeBody
    actor: str
    named: Recipe | None = None
    key: str | None = None
    digest: str = ""


def request(project: Project, wanted: Request, *, enqueue: bool = True) -> Snapshot:
    """A new queued snapshot that will contain everything committed before this call; a worker is told after commit.

    The same key and digest again give the same snapshot; ConflictError for the same key with another digest.
    `enqueue=False` leaves the building to the caller.
    """
    if earlier := _earlier(project, wanted):
        return earlier
    try:
        with transaction.atomic():
            # Single-file for one project, so that versions are dense and a later one never has an earlier watermark.
            Project.objects.select_for_update(no_key=True).get(pk=project.pk)
            head = log.seal(project)
            latest = Snapshot.objects.filter(project=project).aggregate(latest=Max("version"))["latest"] or 0
            snapshot = Snapshot.objects.create(
                project=project, version=latest + 1, recipe=resolved(wanted.recipe), named_recipe=wanted.named,
                watermark=head.position, watermark_hash=head.hash, parent=_parent(project, wanted.recipe),
                created_by=wanted.actor,
                idempotency_key=wanted.key, request_digest=wanted.digest,
            )  # fmt: skip
            _tell_log(snapshot, "requested", wanted.actor, {"watermark": _watermark(snapshot)})
            if enqueue:
                _tell_worker(snapshot.pk)
    except IntegrityError:
        # Somebody asked with the same key at the same time.
        if earlier := _earlier(project, wanted):
            return earlier
        raise
    return snapshot


def _parent(project: Project, recipe: RecipeBody) -> Snapshot | None:
    """What an increment builds on: the newest ready snapshot of the same recipe, itself an increment or not."""
    if not recipe.incremental:
        return None
    same = [resolved(recipe.model_copy(update={"incremental": incremental})) for incremental in (False, True)]
    ready = Snapshot.objects.filter(project=project, status=Status.READY, manifest__manifest__gte=MANIFEST_VERSION,
                                    removal=None)  # fmt: skip
    return ready.filter(recipe__in=same).order_by("-version").first()


def _earlier(project: Project, wanted: Request) -> Snapshot | None:
    if wanted.key is None:
        return None
    earlier = Snapshot.objects.filter(project=project, idempotency_key=wanted.key).first()
    if earlier and earlier.request_digest != wanted.digest:
        raise ConflictError(f"The idempotency key already stands for another request, version {earlier.version}.")
    return earlier


def _tell_worker(pk: int) -> None:
    transaction.on_commit(partial(_send, pk))


def _send(pk: int) -> None:
    try:
        current_app.send_task(BUILD_TASK, args=[pk], retry=False)
    except BrokerError:
        # The row stands; requeue_stale tells a worker once the broker answers again.
        logger.warning("snapshot %d could not be queued: the broker does not answer", pk)


def claim(pk: int) -> Snapshot | None:
    """Take a queued snapshot as a new attempt; None when it is not queued (any more)."""
    with transaction.atomic():
        taken = Snapshot.objects.filter(pk=pk, status=Status.QUEUED).update(
            status=Status.BUILDING, attempt=F("attempt") + 1, progress=0, started_at=Now(), heartbeat_at=Now()
        )
        if not taken:
            return None
        SnapshotShard.objects.filter(snapshot=pk).delete()  # of the attempt before
    snapshot = find_building(pk)
    if snapshot:
        snapshot.erasure_seen = last_erasure(snapshot.project)
        _owned(snapshot).update(erasure_seen=snapshot.erasure_seen)
    return snapshot


def find_building(pk: int) -> Snapshot | None:
    """A snapshot that is being built, with what its building reads."""
    building = Snapshot.objects.filter(pk=pk, status=Status.BUILDING)
    return building.select_related("project", "named_recipe", "parent").first()


def _owned(snapshot: Snapshot) -> Any:
    return Snapshot.objects.filter(pk=snapshot.pk, status=Status.BUILDING, attempt=snapshot.attempt)


def is_owned(snapshot: Snapshot) -> bool:
    """Whether the attempt still owns the snapshot: it was not cancelled, and no other took over."""
    return bool(_owned(snapshot).exists())


def beat(snapshot: Snapshot, progress: float) -> bool:
    """Say that the attempt lives and how far it is; False when it no longer owns the snapshot."""
    return bool(_owned(snapshot).update(heartbeat_at=Now(), progress=min(max(progress, 0.0), 1.0)))


def fail(snapshot: Snapshot, reason: str) -> None:
    """End the attempt's snapshot as failed, for a reason that people can read."""
    with transaction.atomic():
        failed = _owned(snapshot).update(status=Status.FAILED, error=reason, ended_at=timezone.now())
        if failed:
            _tell_log(snapshot, "failed", "system")
            webhooks.announce(snapshot.project, "snapshot.failed", {"version": snapshot.version, "error": reason})
    if failed:
        clean(snapshot)


def begin_again(snapshot: Snapshot) -> bool:
    """Queue what this attempt builds from the start; False when it does not own the snapshot."""
    begun = bool(_owned(snapshot).update(status=Status.QUEUED, heartbeat_at=Now()))
    clean(snapshot)
    return begun


def cancel(snapshot: Snapshot, *, actor: str) -> None:
    """Give up a queued or building snapshot; a living attempt notices. Raises ConflictError for one that has ended."""
    unfinished = Snapshot.objects.filter(pk=snapshot.pk, status__in=[Status.QUEUED, Status.BUILDING])
    with transaction.atomic():
        if unfinished.update(status=Status.CANCELLED, ended_at=timezone.now()):
            _tell_log(snapshot, "cancelled", actor)
    snapshot.refresh_from_db()
    if snapshot.status != Status.CANCELLED:
        raise ConflictError(f"Version {snapshot.version} is {snapshot.status} and cannot be cancelled.")
    remove_drafts(snapshot)


def requeue_stale() -> int:
    """Tell a worker again of every unfinished snapshot without a sign of life; return how many.

    One that was broken off too often fails. Those whose parts are being written are for exports.pipeline.shards.
    """
    # By the database's clock, as the heartbeats are: machines differ.
    before = Now() - dt.timedelta(seconds=STALE_SECONDS)
    parts = SnapshotShard.objects.filter(snapshot=OuterRef("pk")).exclude(state=SnapshotShard.State.DONE)
    stale = Snapshot.objects.filter(heartbeat_at__lt=before).filter(
        Q(status=Status.QUEUED) | Q(status=Status.BUILDING) & ~Exists(parts)
    )
    requeued = 0
    for snapshot in stale.select_related("project").order_by("pk")[:100]:
        if snapshot.status == Status.BUILDING and snapshot.attempt >= ATTEMPTS:
            fail(snapshot, GIVEN_UP)
            continue
        with transaction.atomic():
            # Unless it moved since it was listed. The heartbeat spaces out further tries.
            same = stale.filter(pk=snapshot.pk, attempt=snapshot.attempt)
            if same.update(status=Status.QUEUED, heartbeat_at=Now()):
                _tell_worker(snapshot.pk)
                requeued += 1
    return requeued


def draft_folder(snapshot: Snapshot) -> Path:
    """The empty folder that this attempt writes in; what earlier attempts left is removed."""
    remove_drafts(snapshot)
    draft = draft_of(snapshot)
    draft.mkdir(parents=True)
    return draft


def draft_of(snapshot: Snapshot) -> Path:
    """The folder that this attempt writes in."""
    return _folder_of_project(snapshot) / f".{_name(snapshot)}"


def clean(snapshot: Snapshot) -> None:
    """Remove what an attempt leaves that does not build any more: its folders and its tables."""
    if not is_owned(snapshot):
        remove_drafts(snapshot)
        tables.drop_leftovers()


def remove_drafts(snapshot: Snapshot) -> None:
    """Remove the folders of this attempt and those before it, save one that was published."""
    folder = _folder_of_project(snapshot)
    for attempt in range(1, snapshot.attempt + 1):
        name = f"v{snapshot.version}-{attempt}"
        shutil.rmtree(folder / f".{name}", ignore_errors=True)
        if not Snapshot.objects.filter(folder=_below_root(folder / name)).exists():
            storage.discard(_below_root(folder / name))


def publish(snapshot: Snapshot, draft: Path, files: Sequence[WrittenFile], manifest: dict[str, Any]) -> None:
    """Make the written folder the snapshot, at once and for good.

    Raises LostError when the attempt owns it no more, and ErasedMeanwhileError when there was another erasure than
    `erasure_seen`.
    """
    sync({draft, *((draft / file.path).parent for file in files)})
    folder = _below_root(draft.parent / _name(snapshot))
    storage.store().stage(draft, folder)
    try:
        _make_ready(snapshot, draft, folder, files, manifest)
    except (LostError, ErasedMeanwhileError):
        remove_drafts(snapshot)
        raise


def _make_ready(
    snapshot: Snapshot, draft: Path, folder: str, files: Sequence[WrittenFile], manifest: dict[str, Any]
) -> None:
    with transaction.atomic():
        # An erasure holds this row against it, and so comes before or after all of this.
        Project.objects.select_for_update(no_key=True).get(pk=snapshot.project_id)
        if last_erasure(snapshot.project) != snapshot.erasure_seen:
            raise ErasedMeanwhileError
        if not _owned(snapshot).select_for_update().exists():
            raise LostError
        storage.store().settle(draft, folder)
        SnapshotFile.objects.bulk_create(
            SnapshotFile(snapshot=snapshot, path=f.path, bytes=f.bytes, sha256=f.sha256, rows=f.rows) for f in files
        )
        rows = sum(file.rows or 0 for file in files if not file.path.startswith(NO_CONFIGS))
        size = sum(file.bytes for file in files)
        _owned(snapshot).update(
            status=Status.READY, progress=1, rows=rows, bytes=size, manifest=manifest, folder=folder,
            heartbeat_at=Now(), ended_at=timezone.now(), erasure_seen=snapshot.erasure_seen,
        )  # fmt: skip
        sha256 = next(file.sha256 for file in files if file.path == "manifest.json")
        told = {"watermark": _watermark(snapshot), "manifest_sha256": sha256, "rows": rows}
        _tell_log(snapshot, "published", snapshot.created_by, told)
        webhooks.announce(
            snapshot.project, "snapshot.ready", {"version": snapshot.version, "rows": rows, "bytes": size}
        )


def _tell_log(snapshot: Snapshot, what: str, actor: str, told: dict[str, Any] | None = None) -> None:
    payload = {"version": snapshot.version, **(told or {})}
    log.append(snapshot.project, [log.NewEvent(f"snapshot.{what}", actor, f"snapshot:{snapshot.version}", payload)])


def _watermark(snapshot: Snapshot) -> dict[str, Any]:
    return {"position": snapshot.watermark, "hash": snapshot.watermark_hash}


def _folder_of_project(snapshot: Snapshot) -> Path:
    return Path(settings.SNAPSHOT_DIR) / str(snapshot.project.uid)


def _name(snapshot: Snapshot) -> str:
    return f"v{snapshot.version}-{snapshot.attempt}"


def _below_root(folder: Path) -> str:
    return folder.relative_to(settings.SNAPSHOT_DIR).as_posix()
