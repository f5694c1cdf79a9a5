"""CriticRun: a model that works through a project's queue as an annotator, and how far it is."""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from annotation.models.project import Project


class CriticRun(models.Model):
    """One order to an AI critic: whom to ask, how, and what became of it. Only annotation.critic.runs writes it.

    Its annotator is `api:` and `name`. The key of the endpoint is in no row: `key_variable` names the environment
    variable that holds it. `attempt` fences: only the attempt that the row names works on. `heartbeat_at` says when
    somebody last worked on it, or queued it; `broken_off` how often in a row that ended without a word.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    UNFINISHED = (State.QUEUED, State.RUNNING)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="critic_runs", db_index=False)
    name = models.CharField(max_length=196, help_text="The annotator’s name, without “api:”.")
    endpoint = models.CharField(max_length=500, help_text="Base URL of the API, without /chat/completions.")
    model = models.CharField(max_length=150)
    key_variable = models.CharField(max_length=100, blank=True)
    principles = ArrayField(
        models.TextField(), default=list, blank=True, help_text="Empty: the project’s guidelines, as they are then."
    )
    parameters = models.JSONField(default=dict, help_text="Of each request, such as temperature.")
    parallel = models.PositiveSmallIntegerField(default=4, help_text="Comparisons asked about at once.")
    per_minute = models.PositiveIntegerField(default=0, help_text="Requests a minute at most; 0: no limit.")
    most = models.PositiveIntegerField(null=True, help_text="Comparisons to take at most; empty: all that there are.")
    price_in = models.DecimalField(max_digits=12, decimal_places=6, default=0, help_text="Of a million tokens read.")
    price_out = models.DecimalField(
        max_digits=12, decimal_places=6, default=0, help_text="Of a million tokens written."
    )

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    broken_off = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(db_default=Now())
    judged = models.PositiveIntegerField(default=0)
    disagreed = models.PositiveIntegerField(
        default=0, help_text="Of those judged: ties because the two orders gave different answers."
    )
    skipped = models.PositiveIntegerField(default=0, help_text="Refused by the model, or not understood.")
    skips_in_a_row = models.PositiveIntegerField(default=0, help_text="Since it last judged one.")
    lost = models.PositiveIntegerField(default=0, help_text="Answered after the lease had ended otherwise.")
    requests = models.PositiveBigIntegerField(default=0)
    retries = models.PositiveBigIntegerField(default=0, help_text="Of those requests: asked again after an error.")
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    error = models.TextField(blank=True)
    created_by = models.CharField(max_length=300)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Two at work as one annotator would hold the same leases.
            models.UniqueConstraint(
                fields=["project", "name"],
                name="critic_run_one_at_work",
                condition=Q(state__in=["queued", "running"]),
            ),
            models.CheckConstraint(condition=~Q(state="failed") | ~Q(error=""), name="critic_run_failed_has_reason"),
        ]
        indexes = [
            # the list of the admin, newest first
            models.Index(fields=["project", "-id"], name="critic_run_by_project"),
            # runs.requeue_stale
            models.Index(
                fields=["heartbeat_at"], name="critic_run_unfinished", condition=Q(state__in=["queued", "running"])
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} in {self.project}"

    @property
    def taken(self) -> int:
        """Comparisons that it is through with."""
        return self.judged + self.skipped + self.lost

    @property
    def cost(self) -> Decimal:
        """What it has cost so far, in the money of the prices."""
        return (self.tokens_in * self.price_in + self.tokens_out * self.price_out) / 1_000_000
