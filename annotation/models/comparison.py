"""Comparison, the people and programs that judge it, and their leases."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from annotation.models.project import Project
from annotation.models.prompt import Candidate, Prompt


class Comparison(models.Model):
    """Two candidates of one prompt that somebody should judge.

    `taken` counts live leases and counted judgments, `judged` the latter alone, `lefts` those of `taken` that show
    candidate `a` on the left. Only annotation.queue changes them.
    """

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="comparisons", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="comparisons")
    a = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    b = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    overlap = models.PositiveSmallIntegerField()
    priority = models.IntegerField(default=0)
    shuffle = models.IntegerField(help_text="Seeded random number: the place in the random order.")
    taken = models.PositiveSmallIntegerField(default=0)
    judged = models.PositiveSmallIntegerField(default=0)
    lefts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["a", "b"], name="comparison_pair_once"),
            models.CheckConstraint(condition=models.Q(a__lt=models.F("b")), name="comparison_a_before_b"),
            models.CheckConstraint(condition=models.Q(taken__lte=models.F("overlap")), name="comparison_overlap_holds"),
            models.CheckConstraint(
                condition=models.Q(judged__lte=models.F("taken")), name="comparison_judged_is_taken"
            ),
            models.CheckConstraint(condition=models.Q(lefts__lte=models.F("taken")), name="comparison_lefts_are_taken"),
        ]
        indexes = [
            # queue.claim, order fifo
            models.Index(
                models.F("project"),
                models.F("priority").desc(),
                models.F("id"),
                name="comparison_open_fifo",
                condition=models.Q(taken__lt=models.F("overlap")),
            ),
            # queue.claim, order random
            models.Index(
                models.F("project"),
                models.F("priority").desc(),
                models.F("shuffle"),
                models.F("id"),
                name="comparison_open_random",
                condition=models.Q(taken__lt=models.F("overlap")),
            ),
            # change list of the admin and cursor pagination, newest first
            models.Index(fields=["project", "-id"], name="comparison_by_project"),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Annotator(models.Model):
    """One who draws from a project's queue: a signed-in person, or a program by the API under `api:NAME`.

    `side_balance` is the number of leases (live or judged) that showed candidate `a` left, minus the others.
    `page` is the comparison page that was opened last.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="annotators")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="annotators"
    )
    name = models.CharField(max_length=204)
    judged = models.PositiveIntegerField(default=0)
    side_balance = models.IntegerField(default=0)
    page = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="annotator_name_once"),
            models.UniqueConstraint(fields=["project", "user"], name="annotator_user_once"),
        ]

    def __str__(self) -> str:
        return self.name


class Assignment(models.Model):
    """A lease: one annotator holds one comparison until a time, in one presented order. Written by annotation.queue."""

    class State(models.TextChoices):
        LEASED = "leased", "Leased"
        JUDGED = "judged", "Judged"
        SKIPPED = "skipped", "Skipped"
        RELEASED = "released", "Released"
        EXPIRED = "expired", "Expired"
        SURPLUS = "surplus", "Judged too late"

    ANSWERED = (State.JUDGED, State.SURPLUS)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="assignments")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    left = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    right = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.LEASED)
    leased_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was skipped.")

    class Meta:
        verbose_name = "lease"
        constraints = [
            models.UniqueConstraint(
                fields=["comparison", "annotator"],
                name="assignment_once_per_annotator",
                condition=models.Q(state__in=["leased", "judged", "skipped"]),
            ),
            models.CheckConstraint(condition=~models.Q(left=models.F("right")), name="assignment_two_sides"),
        ]
        indexes = [
            # queue.hold: an annotator's live leases, oldest first
            models.Index(fields=["annotator", "id"], name="assignment_live", condition=models.Q(state="leased")),
            # queue.expire
            models.Index(fields=["expires_at"], name="assignment_expiry", condition=models.Q(state="leased")),
            # judging.undo and the count of today
            models.Index(
                fields=["annotator", "ended_at"],
                name="assignment_answered",
                condition=models.Q(state__in=["judged", "surplus"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Flag(models.Model):
    """An annotator's remark that something is wrong with a comparison, for the lead."""

    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="flags")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="flags")
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.reason or "flagged"
