"""Feedback as received, the judgments made of it, and retractions. Append-only by trigger.

Foreign keys that cannot go wrong are not checked by the database (see annotation.models.prompt). It does check (first,
prompt) and (second, prompt) against the candidates, and the other four candidates of a judgment against these two.
"""

from __future__ import annotations

import uuid

from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import IsNull

from annotation.models.comparison import Assignment, Comparison
from annotation.models.event import Event
from annotation.models.project import GuidelineVersion, Project
from annotation.models.prompt import Candidate, Prompt, erased_rows, erasure_field, of_user


class SourceType(models.TextChoices):
    HUMAN = "human", "Human"
    END_USER = "end_user", "End user"
    REWARD_MODEL = "reward_model", "Reward model"
    AI_CRITIC = "ai_critic", "AI critic"
    HEURISTIC = "heuristic", "Heuristic"


class Feedback(models.Model):
    """One record of who preferred what, as received: the idempotency key and the only place of its texts."""

    class Kind(models.TextChoices):
        PREFERENCE = "preference", "Preference"
        SCORE = "score", "Score"
        RANKING = "ranking", "Ranking"
        RATING = "rating", "Rating"
        EDIT = "edit", "Edit"
        IMPLICIT = "implicit", "Implicit signals"
        RETRACTION = "retraction", "Retraction"

    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="feedback", db_constraint=False, db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    feedback_id = models.CharField(max_length=200)
    request_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    source_type = models.CharField(max_length=20, choices=SourceType.choices)
    source_id = models.CharField(max_length=200)
    source_version = models.CharField(max_length=200)
    body = models.JSONField(help_text="The record as received.")
    record_digest = models.CharField(max_length=64, help_text="SHA-256 of the record as received (RFC 8785).")
    salt = models.CharField(max_length=32)
    propensity = models.FloatField(
        default=1,
        db_default=1,
        help_text="The chance that a record like this was kept; below 1 where signals are sampled.",
    )
    received_at = models.DateTimeField(db_default=TransactionNow(), help_text="The time of its event.")
    erasure = erasure_field()

    class Meta:
        verbose_name_plural = "feedback"
        constraints = [
            models.UniqueConstraint(fields=["project", "feedback_id"], name="feedback_id_once"),
            models.CheckConstraint(condition=Q(propensity__gt=0, propensity__lte=1), name="feedback_propensity_0_to_1"),
        ]
        indexes = [
            models.Index(fields=["project", "request_id"], name="feedback_by_request"),
            # erasure: what a user said, by the source and by the metadata of the record
            models.Index(
                fields=["project", "source_id", "id"],
                name="feedback_by_end_user",
                condition=Q(source_type="end_user"),
            ),
            models.Index(
                "project",
                of_user("body__metadata__user_id"),
                "id",
                name="feedback_by_user",
                condition=Q(IsNull(of_user("body__metadata__user_id"), False)),
            ),
            erased_rows("feedback_erased"),
        ]

    def __str__(self) -> str:
        return self.feedback_id


class WaitingFeedback(models.Model):
    """Feedback that is kept but has no judgments yet: what it refers to has not come, or does not fit it.

    Written by annotation.intake.joining; the row goes when the record is joined.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ORPHANED = "orphaned", "Orphaned"
        MISMATCHED = "mismatched", "Mismatched"

    feedback = models.OneToOneField(Feedback, on_delete=models.PROTECT, primary_key=True, related_name="waiting")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    awaited_request = models.CharField(
        max_length=200, help_text="The request_id of an inference; empty for retractions."
    )
    awaited_feedback = models.CharField(max_length=200, help_text="The feedback_id that a retraction takes back.")
    manages = models.BooleanField(default=False, help_text="It came with the right to retract any source's feedback.")
    problems = models.JSONField(default=list, help_text="Why it cannot be joined: pointers and details.")
    since = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "waiting feedback"
        constraints = [
            models.CheckConstraint(condition=Q(awaited_request="") ^ Q(awaited_feedback=""), name="waiting_for_one"),
        ]
        indexes = [
            # joining: what waits for these requests, for these records
            models.Index(fields=["project", "awaited_request"], name="waiting_for_request"),
            models.Index(fields=["project", "awaited_feedback"], name="waiting_for_feedback"),
            # joining.report_orphans, and counts by state
            models.Index(fields=["state", "since"], name="waiting_since"),
        ]

    def __str__(self) -> str:
        return f"{self.feedback} waits for {self.awaited_request or self.awaited_feedback}"


class Judgment(models.Model):
    """One source's preference on one pair, or its rating of one output (then `second` is empty).

    The winner is stored by candidate; the side is metadata. `first` and `second` are the pair in the order of their
    ids; `left` and `right` are what was shown, when known.
    """

    class Outcome(models.TextChoices):
        CHOSEN = "chosen", "Chosen"
        TIE = "tie", "Tie"
        BOTH_BAD = "both_bad", "Both bad"
        RATED = "rated", "Rated"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="judgments", db_constraint=False, db_index=False
    )
    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_constraint=False)
    # Found by the index of judgment_once_per_pair.
    feedback = models.ForeignKey(Feedback, on_delete=models.PROTECT, related_name="judgments", db_index=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="judgments", db_constraint=False)
    comparison = models.ForeignKey(
        Comparison, on_delete=models.PROTECT, null=True, related_name="judgments", db_index=False,
        help_text="The comparison it was asked for; empty for votes that came without being asked.",
    )  # fmt: skip
    assignment = models.ForeignKey(
        Assignment, on_delete=models.PROTECT, null=True, related_name="judgments", db_index=False,
        help_text="The lease it answers.",
    )  # fmt: skip
    guidelines = models.ForeignKey(GuidelineVersion, on_delete=models.PROTECT, null=True, db_index=False)
    source_type = models.CharField(max_length=20, choices=SourceType.choices)
    source_id = models.CharField(max_length=200)
    source_version = models.CharField(max_length=200)
    first = models.ForeignKey(Candidate, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    second = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    left = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    right = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    chosen = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    rejected = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    strength = models.PositiveSmallIntegerField(null=True, help_text="1 slightly, 2 better, 3 much better.")
    value = models.FloatField(null=True, help_text="A rating of one output, from -1 to 1.")
    scores = models.JSONField(null=True, help_text="Scores by output id, from a reward model or critic.")
    criteria = models.JSONField(null=True, help_text="Outcome by criterion.")
    confidence = models.FloatField(null=True)
    duration_ms = models.PositiveIntegerField(null=True, help_text="Milliseconds from shown to judged.")
    active_ms = models.PositiveIntegerField(null=True, help_text="Those of them in which the page was in use.")
    judged_at = models.DateTimeField()
    surplus = models.BooleanField(default=False, help_text="Came after its lease was lost; kept, but not counted.")
    erasure = erasure_field()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["feedback", "first", "second"], name="judgment_once_per_pair", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(outcome="rated", second=None, value__range=(-1, 1))
                | Q(outcome__in=["chosen", "tie", "both_bad"], first__lt=F("second"), second__isnull=False, value=None),
                name="judgment_of_a_pair_or_an_output",
            ),
            models.CheckConstraint(
                condition=Q(outcome="chosen", chosen=F("first"), rejected=F("second"))
                | Q(outcome="chosen", chosen=F("second"), rejected=F("first"))
                | Q(outcome__in=["tie", "both_bad", "rated"], chosen=None, rejected=None),
                name="judgment_winner_is_of_the_pair",
            ),
            models.CheckConstraint(
                condition=Q(left=None, right=None)
                | Q(second__isnull=False, left=F("first"), right=F("second"))
                | Q(second__isnull=False, left=F("second"), right=F("first")),
                name="judgment_presented_is_the_pair",
            ),
            models.CheckConstraint(
                condition=Q(strength=None) | Q(strength__range=(1, 3), outcome="chosen"),
                name="judgment_strength_1_to_3",
            ),
        ]
        indexes = [
            # judgments API and change list, newest first; counts by source
            models.Index(fields=["project", "-id"], name="judgment_by_project"),
            models.Index(fields=["project", "source_type", "source_id"], name="judgment_by_source"),
            # of a comparison, of a lease; most judgments of programs have neither
            models.Index(fields=["comparison"], name="judgment_of_comparison", condition=Q(comparison__isnull=False)),
            models.Index(fields=["assignment"], name="judgment_of_lease", condition=Q(assignment__isnull=False)),
            erased_rows("judgment_erased"),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Retraction(models.Model):
    """Takes a feedback record and all judgments made of it back; both stay in the log."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="+", db_index=False)
    feedback = models.OneToOneField(
        Feedback, on_delete=models.PROTECT, related_name="retracts", help_text="The record that retracts."
    )
    target = models.OneToOneField(
        Feedback, on_delete=models.PROTECT, related_name="retracted_by", help_text="The record that is retracted."
    )

    def __str__(self) -> str:
        return f"{self.feedback} retracts {self.target}"
