"""Recipe, Snapshot, SnapshotFile: what to select and how, and the immutable dataset versions built of it.

Retention and Removal say how long their files are kept, Schedule when they are built, Webhook who is told.
"""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from annotation.models import Project


class Recipe(models.Model):
    """A named recipe of a project. A change of the body is a new version; rows are never changed (trigger)."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="recipes")
    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    body = models.JSONField(help_text="The recipe as given, without the defaults.")
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["project", "name", "-version"]
        constraints = [models.UniqueConstraint(fields=["project", "name", "version"], name="recipe_version_once")]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class Snapshot(models.Model):
    """One version of a dataset. Its state is written by exports.pipeline.publish alone; an ended one never changes.

    Readers see its files only when it is ready. `attempt` fences publishing: only the attempt that the row names may
    publish. `heartbeat_at` says when somebody last worked on it, or queued it.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="snapshots", db_index=False)
    version = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.QUEUED)
    progress = models.FloatField(default=0, help_text="0 to 1.")
    recipe = models.JSONField(help_text="The resolved recipe: every key with its value.")
    named_recipe = models.ForeignKey(
        Recipe, on_delete=models.PROTECT, null=True, blank=True, related_name="snapshots",
        help_text="The named recipe it was asked for with, if any.",
    )  # fmt: skip
    watermark = models.BigIntegerField(help_text="The log position up to which it has seen everything.")
    watermark_hash = models.CharField(max_length=64)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    rows = models.BigIntegerField(default=0, help_text="Rows of all data files together.")
    bytes = models.BigIntegerField(default=0, help_text="Bytes of all files together.")
    error = models.TextField(blank=True)
    manifest = models.JSONField(null=True, blank=True)
    folder = models.CharField(max_length=300, blank=True, help_text="In the store, once ready.")
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  (NULLs are distinct)
    request_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of what was asked for.")
    erasure_seen = models.BigIntegerField(
        null=True, blank=True, editable=False,
        help_text="The last erasure that it was built after, by the id of its event; what came later it may hold.",
    )  # fmt: skip
    attempt = models.PositiveSmallIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True, help_text="When the last attempt began.")
    heartbeat_at = models.DateTimeField(db_default=Now())
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "version"], name="snapshot_version_once"),
            models.UniqueConstraint(fields=["project", "idempotency_key"], name="snapshot_idempotency_key_once"),
            models.CheckConstraint(condition=Q(version__gte=1), name="snapshot_version_from_1"),
            models.CheckConstraint(condition=Q(progress__range=(0, 1)), name="snapshot_progress_0_to_1"),
            models.CheckConstraint(
                condition=~Q(status="ready") | (Q(manifest__isnull=False) & ~Q(folder="")),
                name="snapshot_ready_has_files",
            ),
            models.CheckConstraint(condition=~Q(status="failed") | ~Q(error=""), name="snapshot_failed_has_reason"),
            models.CheckConstraint(condition=Q(parent=None) | ~Q(parent=F("id")), name="snapshot_not_its_own_parent"),
        ]
        indexes = [
            # the list of a project, newest first, and `latest`
            models.Index(fields=["project", "-id"], name="snapshot_by_project"),
            # publish.requeue_stale
            models.Index(
                fields=["heartbeat_at"], name="snapshot_unfinished", condition=Q(status__in=["queued", "building"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} v{self.version}"

    @property
    def path(self) -> Path:
        """The folder of a ready snapshot, in a local store."""
        return settings.SNAPSHOT_DIR / self.folder


class SnapshotShard(models.Model):
    """A part of a snapshot that is being built: the outline (number 0) or a shard of its rows.

    Its state is written by exports.pipeline.shards alone. `attempt` fences it as it does a snapshot; the rows are those
    of the snapshot's own attempt and go with it.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        BUILDING = "building", "Building"
        DONE = "done", "Done"

    snapshot = models.ForeignKey(Snapshot, on_delete=models.CASCADE, related_name="shards", db_index=False)
    number = models.PositiveIntegerField(help_text="0 is the outline: what is told of the selection as a whole.")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    progress = models.FloatField(default=0, help_text="0 to 1.")
    rows = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    heartbeat_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["snapshot", "number"]
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "number"], name="snapshotshard_once"),
            models.CheckConstraint(condition=Q(progress__range=(0, 1)), name="snapshotshard_progress_0_to_1"),
        ]
        indexes = [
            # shards.requeue_stale
            models.Index(
                fields=["heartbeat_at"], name="snapshotshard_unfinished", condition=Q(state__in=["queued", "building"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.snapshot}, part {self.number}"


class SnapshotFile(models.Model):
    """One file of a ready snapshot. Added while it is published, never changed (trigger)."""

    snapshot = models.ForeignKey(Snapshot, on_delete=models.PROTECT, related_name="files", db_index=False)
    path = models.CharField(max_length=300, help_text="Below the snapshot's folder, with forward slashes.")
    bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    rows = models.BigIntegerField(null=True, help_text="Empty for files that are no data.")

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["snapshot", "path"], name="snapshotfile_path_once")]

    def __str__(self) -> str:
        return self.path

    @property
    def location(self) -> Path:
        """Where it lies on disk, in a local store."""
        return self.snapshot.path / self.path

    @property
    def stored_name(self) -> str:
        """Its name in the store."""
        return f"{self.snapshot.folder}/{self.path}"


class Retention(models.Model):
    """How long a project keeps the files of its snapshots. Written by exports.retention."""

    project = models.OneToOneField(Project, on_delete=models.PROTECT, related_name="retention")
    keep_last = models.PositiveSmallIntegerField(
        "keep the newest", default=3, validators=[MinValueValidator(1)],
        help_text="So many snapshots of each recipe keep their files however old they are.",
    )  # fmt: skip
    keep_days = models.PositiveSmallIntegerField(
        "keep for days", default=30, help_text="Younger snapshots keep their files however many they are."
    )

    class Meta:
        ordering = ["pk"]
        constraints = [models.CheckConstraint(condition=Q(keep_last__gte=1), name="retention_keeps_one")]

    def __str__(self) -> str:
        return f"{self.project}: the newest {self.keep_last}, and {self.keep_days} days"


class Removal(models.Model):
    """The files of a snapshot are gone, save for its card and its manifest. Written by exports.retention."""

    snapshot = models.OneToOneField(Snapshot, on_delete=models.PROTECT, related_name="removal")
    removed_at = models.DateTimeField(db_default=Now())
    removed_by = models.CharField(max_length=300)
    bytes = models.BigIntegerField(help_text="How many went.")
    is_complete = models.BooleanField(default=False, help_text="The storage has removed them all.")

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["id"], name="removal_unfinished", condition=Q(is_complete=False)),
        ]

    def __str__(self) -> str:
        return f"files of {self.snapshot}"


class Schedule(models.Model):
    """A recipe that is built again at a time of day, if there is anything new. Written by exports.schedules."""

    class Day(models.TextChoices):
        """As cron counts days of the week."""

        EVERY = "*", "Every day"
        WORKDAYS = "1-5", "Monday to Friday"
        MONDAY = "1", "Mondays"
        TUESDAY = "2", "Tuesdays"
        WEDNESDAY = "3", "Wednesdays"
        THURSDAY = "4", "Thursdays"
        FRIDAY = "5", "Fridays"
        SATURDAY = "6", "Saturdays"
        SUNDAY = "0", "Sundays"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="schedules")
    recipe_name = models.CharField("recipe", max_length=100, help_text="Its newest version is built.")
    day = models.CharField("on", max_length=3, choices=Day.choices, default=Day.EVERY)
    at = models.TimeField("at", default=dt.time(2), help_text="UTC.")
    enabled = models.BooleanField(default=True)
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.recipe_name}, {self.get_day_display().lower()} at {self.at:%H:%M}"


class Webhook(models.Model):
    """An address that is told when a snapshot of the project is ready or has failed. Written by exports.webhooks."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="webhooks")
    url = models.URLField(max_length=500)
    active = models.BooleanField(default=True, help_text="An address that answers 410 is told nothing more.")
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["project", "url"], name="webhook_url_once")]

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One message to one webhook: tried at `next_at`, until it was taken or given up, when that is empty."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    body = models.JSONField()
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, db_default=Now())
    delivered_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, help_text="What the last attempt ended in.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["next_at"], name="delivery_due", condition=Q(next_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.uid)
