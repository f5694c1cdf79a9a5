"""The log: events in the transaction of what they tell, and the seals that give them their final order.

Their foreign keys are not checked by the database: events and projects are never deleted, and who refers to an event
here has just read or written it.
"""

from __future__ import annotations

import uuid

from django.contrib.postgres.functions import TransactionNow
from django.db import models

from annotation.models.project import Project

# The kinds of events that tell a project's settings.
SETTING_KINDS = ["project.created", "project.changed"]


class Event(models.Model):
    """One entry of the log: ids, outcomes and salted commitments, never texts. Append-only by trigger."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, related_name="events", db_constraint=False, db_index=False,
        help_text="Empty for the chain of the whole instance.",
    )  # fmt: skip
    kind = models.CharField(max_length=50)
    # When its transaction began, as of every fact of the transaction: so that a fact's own time can be checked.
    at = models.DateTimeField(db_default=TransactionNow())
    actor = models.CharField(max_length=300)
    subject = models.CharField(max_length=300)
    payload = models.JSONField()

    class Meta:
        indexes = [
            # snapshots: what a project's settings were
            models.Index(fields=["project"], name="event_of_settings", condition=models.Q(kind__in=SETTING_KINDS)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class UnsealedEvent(models.Model):
    """An event that waits for its position. A trigger writes the row with the event, sealing deletes it."""

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="+", db_constraint=False
    )
    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False)


class Seal(models.Model):
    """The final place of one event in its chain. Append-only by trigger.

    hash = SHA-256 of the previous hash and the RFC 8785 form of the event with its position.
    """

    event = models.OneToOneField(
        Event, on_delete=models.PROTECT, primary_key=True, related_name="seal", db_constraint=False
    )
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "position"], name="seal_position_once", nulls_distinct=False),
            models.CheckConstraint(condition=models.Q(position__gte=1), name="seal_position_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.hash}@{self.position}"


class Chain(models.Model):
    """The head of one chain; its row lock makes sealing single-file."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, null=True, related_name="+")
    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project"], name="chain_once", nulls_distinct=False)]

    def __str__(self) -> str:
        return f"{self.hash}@{self.position}"
