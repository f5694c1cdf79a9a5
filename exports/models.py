"""Recipe, Snapshot, SnapshotFile: what to select and how, and the immutable dataset versions built of it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
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
    folder = models.CharField(max_length=300, blank=True, help_text="Below SNAPSHOT_DIR, once ready.")
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  (NULLs are distinct)
    request_digest = models.CharField(max_length=64, blank=True, help_text="SHA-256 of what was asked for.")
    erasure_seen = models.BigIntegerField(
        null=True, blank=True, editable=False,
        help_text="The last erasure that it was built after, by the id of its event; what came later it may hold.",
    )  # fmt: skip
    attempt = models.PositiveSmallIntegerField(default=0)
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
        """The folder of a ready snapshot."""
        return settings.SNAPSHOT_DIR / self.folder


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
        """Where it lies on disk."""
        return self.snapshot.path / self.path
