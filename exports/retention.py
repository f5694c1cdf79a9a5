"""Retention: which snapshots' files are kept how long. The only remover of the files of ready snapshots.

What goes are the data; the row, the manifest and the card stay and say so. The parent of a living increment keeps its
files, for the increment is nothing without it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import canonical, log
from annotation.models import Project
from exports.models import Removal, Retention, Snapshot
from exports.storage import StorageError, store

logger = logging.getLogger(__name__)

KEPT = ("README.md", "manifest.json")
Status = Snapshot.Status


class KeptError(Exception):
    """The files of a snapshot cannot go, and why."""


def set_rule(project: Project, *, keep_last: int, keep_days: int, actor: str) -> Retention:
    """Remove the files of snapshots that are not among the newest of their recipe and older than that, from now on."""
    rule = {"keep_last": keep_last, "keep_days": keep_days}
    with transaction.atomic():
        log.append(project, [log.NewEvent("retention.set", actor, f"project:{project.uid}", dict(rule))])
        return Retention.objects.update_or_create(project=project, defaults=rule)[0]


@transaction.atomic
def drop_rule(rule: Retention, *, actor: str) -> None:
    """Keep everything from now on."""
    log.append(rule.project, [log.NewEvent("retention.dropped", actor, f"project:{rule.project.uid}", {})])
    rule.delete()


def remove_files(snapshot: Snapshot, *, actor: str) -> Removal:
    """Remove the data of a ready snapshot for good. Raises KeptError."""
    with transaction.atomic():
        # Whoever asks for an increment holds this row as well, so that no parent is lost between.
        Project.objects.select_for_update(no_key=True).get(pk=snapshot.project_id)
        if snapshot.status != Status.READY:
            raise KeptError(f"Version {snapshot.version} is {snapshot.status} and has no files.")
        if Removal.objects.filter(snapshot=snapshot).exists():
            raise KeptError(f"The files of version {snapshot.version} are gone already.")
        if child := living_children(snapshot).first():
            raise KeptError(f"Version {child.version} builds on version {snapshot.version}.")
        freed = sum(size for path, size in snapshot.files.values_list("path", "bytes") if path not in KEPT)
        removal = Removal.objects.create(snapshot=snapshot, removed_by=actor, bytes=freed)
        payload = {"version": snapshot.version, "bytes": freed}
        subject = f"snapshot:{snapshot.version}"
        log.append(snapshot.project, [log.NewEvent("snapshot.files_removed", actor, subject, payload)])
    _finish(removal)
    return removal


def living_children(snapshot: Snapshot) -> Any:
    """The increments that build on a snapshot and have their files, or will have them."""
    return snapshot.children.filter(status__in=[Status.QUEUED, Status.BUILDING, Status.READY], removal=None).order_by(
        "version"
    )


def apply_rules() -> int:
    """Remove what the projects' rules let go, and what an earlier removal left behind; return how many went."""
    for removal in Removal.objects.filter(is_complete=False).select_related("snapshot")[:100]:
        _finish(removal)
    removed = 0
    for rule in Retention.objects.select_related("project").order_by("pk"):
        for snapshot in list(_due(rule)):
            try:
                remove_files(snapshot, actor="system:retention")
                removed += 1
            except KeptError:
                continue  # an increment was asked for, or somebody was faster
    return removed


def _due(rule: Retention) -> Iterator[Snapshot]:
    """What a rule lets go, newest first, so that an increment is looked at before its parent."""
    before = timezone.now() - dt.timedelta(days=rule.keep_days)
    mine = Snapshot.objects.filter(project=rule.project)
    unfinished = mine.filter(status__in=[Status.QUEUED, Status.BUILDING], parent__isnull=False)
    needed = set(unfinished.values_list("parent_id", flat=True))
    newer: Counter[str] = Counter()
    for snapshot in mine.filter(status=Status.READY, removal=None).defer("manifest").order_by("-version"):
        recipe = canonical.digest({**snapshot.recipe, "incremental": False})
        newer[recipe] += 1
        is_young = snapshot.ended_at is None or snapshot.ended_at >= before
        is_frozen = snapshot.recipe.get("kind") == "golden"
        if is_frozen or is_young or newer[recipe] <= rule.keep_last or snapshot.pk in needed:
            needed.add(snapshot.parent_id or 0)
        else:
            yield snapshot


def _finish(removal: Removal) -> None:
    """Remove the files themselves; what the storage refuses is tried again by the next round."""
    try:
        store().remove(removal.snapshot.folder, keep=KEPT)
    except (StorageError, OSError) as error:
        logger.warning("the files of %s stay for now: %s", removal.snapshot, error)
        return
    Removal.objects.filter(pk=removal.pk).update(is_complete=True)
