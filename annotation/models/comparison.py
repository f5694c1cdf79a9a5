"""Comparison, the people and programs that judge it, and their leases."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Cast, Now

from annotation.models.project import MOST_TAGS, TAG_LENGTH, Project
from annotation.models.prompt import Candidate, Prompt

WANTED = models.Q(taken__lt=F("overlap"))
DONE = models.Q(kind="plain", judged=F("overlap"), withheld=0, closed=False)
WITH_LEAD = models.Q(withheld__gt=0, closed=False)
# A higher priority is a lower rank, so that every order of the queue ascends and a place in it is one row comparison.
RANK = Value(0) - F("priority")
THIS_TRANSACTION = Cast(Cast(models.Func(function="pg_current_xact_id"), models.TextField()), models.BigIntegerField())


class Comparison(models.Model):
    """Two candidates of one prompt that somebody should judge.

    `taken` counts live leases and counted judgments, `judged` the latter alone, `lefts` those of `taken` that show
    candidate `a` on the left. Only annotation.queue changes them. A done one has as many `lefts` as others, or
    one more or less, unless an answer came late, with a side that the others could not be sure to have beside them.
    `opened` is the transaction that last made it open to somebody who may have walked past it; a trigger keeps it.
    `withheld` is what was taken off the overlap, since too many skipped it, until the lead offers it again. It goes to
    annotators who have all tags that it `requires`, or to the one whom it is `reserved_for`. A `closed` one has, by
    another trigger, an overlap of what is taken, so that it never wants anybody.

    A gold has a right answer, `gold_chosen`; a repeat asks one annotator again what it `repeats`, sides swapped.
    Neither has an overlap or counts: who judges them is decided by annotation.mixing.
    """

    class Kind(models.TextChoices):
        PLAIN = "plain", "Plain"
        GOLD = "gold", "Gold"
        REPEAT = "repeat", "Repeat"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # The database checks (a, prompt) and (b, prompt) against the candidates, which says all that these four would.
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="comparisons", db_constraint=False, db_index=False
    )
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="comparisons", db_constraint=False)
    a = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    b = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.PLAIN, db_default=Kind.PLAIN.value)
    gold_chosen = models.ForeignKey(
        Candidate, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    # Found by the index of comparison_repeated_once.
    repeats = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="repeated_by", db_index=False)
    for_annotator = models.ForeignKey(
        "annotation.Annotator", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    overlap = models.PositiveSmallIntegerField()
    own_overlap = models.BooleanField(
        default=False, db_default=False, help_text="Set for it alone: a change of the project’s leaves it."
    )
    priority = models.IntegerField(default=0)
    shuffle = models.IntegerField(help_text="Seeded random number: the place in the random order.")
    taken = models.PositiveSmallIntegerField(default=0)
    judged = models.PositiveSmallIntegerField(default=0)
    lefts = models.PositiveSmallIntegerField(default=0)
    withheld = models.PositiveSmallIntegerField(default=0, db_default=0)
    # NULL is none: it takes no room in a row.
    requires = ArrayField(models.CharField(max_length=TAG_LENGTH), size=MOST_TAGS, null=True)
    reserved_for = models.ForeignKey(
        "annotation.Annotator", on_delete=models.PROTECT, null=True, related_name="reserved", db_index=False
    )
    propensity = models.FloatField(
        default=1, db_default=1, help_text="The chance with which this pair was taken; below 1 where pairs are drawn."
    )
    opened = models.BigIntegerField(db_default=THIS_TRANSACTION, editable=False)
    closed = models.BooleanField(default=False, db_default=False, help_text="Nobody is asked about it any more.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["a", "b"], name="comparison_pair_once", condition=~models.Q(kind="repeat")),
            models.UniqueConstraint(
                fields=["repeats", "for_annotator"],
                name="comparison_repeated_once",
                condition=models.Q(kind="repeat"),
            ),
            models.CheckConstraint(
                condition=models.Q(kind="plain", gold_chosen=None, repeats=None)
                | models.Q(kind="gold", gold_chosen__isnull=False, repeats=None, overlap=0)
                | models.Q(kind="repeat", gold_chosen=None, repeats__isnull=False, overlap=0)
                & models.Q(for_annotator__isnull=False),
                name="comparison_is_of_its_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(gold_chosen=F("a")) | models.Q(gold_chosen=F("b")),
                name="comparison_gold_is_of_the_pair",
            ),
            models.CheckConstraint(condition=models.Q(a__lt=models.F("b")), name="comparison_a_before_b"),
            models.CheckConstraint(condition=models.Q(taken__lte=models.F("overlap")), name="comparison_overlap_holds"),
            models.CheckConstraint(
                condition=models.Q(judged__lte=models.F("taken")), name="comparison_judged_is_taken"
            ),
            models.CheckConstraint(condition=models.Q(lefts__lte=models.F("taken")), name="comparison_lefts_are_taken"),
            models.CheckConstraint(condition=models.Q(priority__gt=-(2**31)), name="comparison_priority_has_a_rank"),
            models.CheckConstraint(
                condition=models.Q(propensity__gt=0, propensity__lte=1), name="comparison_propensity_0_to_1"
            ),
        ]
        indexes = [
            # claiming, one for each order
            models.Index(F("project"), RANK, F("id"), name="comparison_by_age", condition=WANTED),
            models.Index(F("project"), RANK, F("shuffle"), F("id"), name="comparison_by_chance", condition=WANTED),
            models.Index(F("project"), RANK, F("taken"), F("id"), name="comparison_by_need", condition=WANTED),
            # claiming: what was opened behind an annotator's place
            models.Index(fields=["project", "opened"], name="comparison_opened", condition=WANTED),
            # mixing: a gold by chance
            models.Index(fields=["project", "shuffle"], name="comparison_golds", condition=models.Q(kind="gold")),
            # change list of the admin and cursor pagination, newest first
            models.Index(fields=["project", "-id"], name="comparison_by_project"),
        ]

    def __str__(self) -> str:
        return str(self.uid)


class Annotator(models.Model):
    """One who draws from a project's queue: a signed-in person, or a program by the API under `api:NAME`.

    `side_balance` is the number of leases (live or judged) that showed candidate `a` left, minus the others. `walk` is
    how far this annotator has come through the queue (annotation.claiming); empty is the beginning. `page` is the
    comparison page that was opened last. `interrupted`: a gold or a repeat was given back, and is to come again before
    others (annotation.mixing). `tags` say what this annotator can be asked about; only annotation.routing
    changes them.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="annotators")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="annotators"
    )
    name = models.CharField(max_length=204)
    tags = ArrayField(models.CharField(max_length=TAG_LENGTH), size=MOST_TAGS, default=list, db_default=[], blank=True)
    judged = models.PositiveIntegerField(default=0)
    side_balance = models.IntegerField(default=0)
    page = models.UUIDField(null=True, editable=False)
    interrupted = models.BooleanField(default=False, db_default=False, editable=False)
    walk = models.JSONField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="annotator_name_once"),
            models.UniqueConstraint(fields=["project", "user"], name="annotator_user_once"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def qualifies(self) -> bool:
        """Whether this annotator has every tag that the project requires."""
        return set(self.project.requires) <= set(self.tags)


class Assignment(models.Model):
    """A lease: one annotator holds one comparison until a time, in one presented order. Written by annotation.queue.

    `is_mixed_in`: its comparison is a gold or a repeat.
    """

    class State(models.TextChoices):
        LEASED = "leased", "Leased"
        JUDGED = "judged", "Judged"
        SKIPPED = "skipped", "Skipped"
        RELEASED = "released", "Released"
        EXPIRED = "expired", "Expired"
        SURPLUS = "surplus", "Judged too late"
        ERASED = "erased", "Erased"

    ANSWERED = (State.JUDGED, State.SURPLUS)

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    comparison = models.ForeignKey(Comparison, on_delete=models.PROTECT, related_name="assignments")
    annotator = models.ForeignKey(Annotator, on_delete=models.PROTECT, related_name="assignments", db_index=False)
    left = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    right = models.ForeignKey(Candidate, on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.LEASED)
    is_mixed_in = models.BooleanField(default=False, db_default=False, editable=False)
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
            # answers.undo and the count of today
            models.Index(
                fields=["annotator", "ended_at"],
                name="assignment_answered",
                condition=models.Q(state__in=["judged", "surplus"]),
            ),
            # mixing.count_mixed_in, and how golds and repeats were judged, latest first
            models.Index(
                fields=["annotator", "state", "ended_at"],
                name="assignment_mixed_in",
                condition=models.Q(is_mixed_in=True),
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
