"""Project: one question asked of people; its guidelines and members."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import TransactionNow
from django.db import models
from django.urls import reverse

from annotation.heuristics import HEURISTICS
from annotation.scales import SCALES, Scale

# A comparison's lot, of so many, is its place in the random order times this, which leaves no order in them.
LOTS = 2**31
LOT_FACTOR = 1_540_483_477


# Tags of annotators: what they can be asked about, such as a language or a domain.
TAG_LENGTH, MOST_TAGS = 50, 20


class Project(models.Model):
    """Guidelines, answer scale, overlap and pairing of one question. Only annotation.projects changes the settings."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        PAUSED = "paused", "Paused"
        CLOSED = "closed", "Closed"

    class Order(models.TextChoices):
        FIFO = "fifo", "First in, first out"
        RANDOM = "random", "Random"
        LEAST_JUDGED = "least_judged", "Least judged first"

    class Pairing(models.TextChoices):
        RANDOM = "random", "Random pairs of each prompt"
        ALL_PAIRS = "all_pairs", "All pairs"
        ROUND_ROBIN = "round_robin", "Each output against the next around a circle"
        MODEL_PAIRS = "model_pairs", "Pairs of named models"
        INFORMATIVE = "informative", "Pairs that teach most about the ratings of models"
        NONE = "none", "No comparisons"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.SlugField(max_length=100, unique=True)
    name = models.CharField(max_length=200)
    scale = models.CharField(
        max_length=30, choices=[(scale.key, scale.name) for scale in SCALES.values()], default="plain"
    )
    overlap = models.PositiveSmallIntegerField(default=1, help_text="Judgments wanted for each comparison.")
    overlap_sample_share = models.FloatField(
        default=0, db_default=0, help_text="Share of the comparisons that have another overlap instead, 0 to 1."
    )
    overlap_sample = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Judgments wanted for each of those."
    )
    lease_seconds = models.PositiveIntegerField(default=900, help_text="How long a comparison stays reserved.")
    lease_auto = models.BooleanField(
        default=True,
        db_default=True,
        help_text="That time follows how long a judgment takes: twenty times the median, from 5 minutes to 2 hours.",
    )
    skips_to_lead = models.PositiveSmallIntegerField(
        default=3,
        db_default=3,
        help_text="When so many have skipped a comparison, it goes to the lead instead of to others; 0: never.",
    )
    order = models.CharField(max_length=20, choices=Order.choices, default=Order.FIFO)
    pairing = models.CharField(
        max_length=20, choices=Pairing.choices, default=Pairing.RANDOM,
        help_text="Which outputs of a prompt are compared as it arrives.",
    )  # fmt: skip
    pairing_n = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text="Pairs of each prompt, for “random” and “informative”."
    )
    pairing_models = ArrayField(
        models.CharField(max_length=401), default=list, db_default=[], blank=True,
        help_text="For “model_pairs”: names of models, or names and versions with a space between.",
    )  # fmt: skip
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    requires = ArrayField(
        models.CharField(max_length=TAG_LENGTH), size=MOST_TAGS, default=list, db_default=[], blank=True,
        help_text="Tags that annotators must have to be given anything.",
    )  # fmt: skip
    gold_rate = models.FloatField(
        default=0, db_default=0, help_text="Share of what annotators are given that is a gold, 0 to 0.5."
    )
    repeat_rate = models.FloatField(
        default=0,
        db_default=0,
        help_text="Share that they have judged before, at least 20 comparisons ago, and now see with sides swapped, "
        "0 to 0.5.",
    )
    implicit_rate = models.FloatField(
        default=1, db_default=1, help_text="Share of requests whose implicit signals are kept, above 0 up to 1."
    )
    heuristics = ArrayField(
        models.CharField(max_length=40, choices=[(rule.name, rule.about) for rule in HEURISTICS.values()]),
        default=list, db_default=[], blank=True,
        help_text="Rules that make preferences of implicit signals as these arrive.",
    )  # fmt: skip
    orphan_hours = models.PositiveIntegerField(
        default=24, db_default=24, help_text="Feedback that waits longer for its inference is reported as orphaned."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=models.Q(overlap__range=(1, 100)), name="project_overlap_1_to_100"),
            models.CheckConstraint(
                condition=models.Q(overlap_sample__range=(1, 100), overlap_sample_share__range=(0, 1)),
                name="project_overlap_sample_1_to_100",
            ),
            models.CheckConstraint(
                condition=models.Q(lease_seconds__range=(1, 604_800)), name="project_lease_up_to_a_week"
            ),
            models.CheckConstraint(condition=models.Q(skips_to_lead__lte=100), name="project_skips_to_lead_up_to_100"),
            models.CheckConstraint(
                condition=models.Q(implicit_rate__gt=0, implicit_rate__lte=1), name="project_implicit_rate_0_to_1"
            ),
            models.CheckConstraint(condition=models.Q(gold_rate__range=(0, 0.5)), name="project_gold_rate_up_to_half"),
            models.CheckConstraint(
                condition=models.Q(repeat_rate__range=(0, 0.5)), name="project_repeat_rate_up_to_half"
            ),
            models.CheckConstraint(condition=models.Q(scale__in=list(SCALES)), name="project_scale_is_known"),
            models.CheckConstraint(condition=models.Q(pairing_n__range=(1, 2_016)), name="project_pairing_n_1_to_2016"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("annotate", args=[self.slug])

    @property
    def answer_scale(self) -> Scale:
        return SCALES[self.scale]

    @property
    def sampled_below(self) -> int:
        """Comparisons whose lot is below this have the overlap of the sample."""
        return round(self.overlap_sample_share * LOTS)

    def overlap_of(self, shuffle: int) -> int:
        """The overlap of a comparison by its place in the random order; annotation.projects says the same in SQL."""
        is_sampled = shuffle * LOT_FACTOR % LOTS < self.sampled_below
        return self.overlap_sample if is_sampled else self.overlap

    # What was read along with this row, if anything was.
    guidelines_at_hand: Sequence[GuidelineVersion | None] = ()

    def current_guidelines(self) -> GuidelineVersion | None:
        """The guidelines that hold now; None when none were ever written."""
        for latest in self.guidelines_at_hand:
            return latest
        return self.guideline_versions.order_by("-version").first()


class GuidelineVersion(models.Model):
    """One wording of a project's guidelines; each judgment made on the page names the one that was shown.

    Append-only by trigger.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="guideline_versions")
    event = models.ForeignKey("annotation.Event", on_delete=models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField()
    text = models.TextField(blank=True, help_text="Markdown.")
    salt = models.CharField(max_length=32)
    created_at = models.DateTimeField(db_default=TransactionNow(), help_text="The time of its event.")

    class Meta:
        ordering = ["project", "-version"]
        constraints = [models.UniqueConstraint(fields=["project", "version"], name="guideline_version_once")]

    def __str__(self) -> str:
        return f"{self.project} v{self.version}"


class Member(models.Model):
    """A person's role in a project. A project without annotator members is open to every signed-in annotator."""

    class Role(models.TextChoices):
        ANNOTATOR = "annotator", "Annotator"
        LEAD = "lead", "Lead"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="members")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.ANNOTATOR)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user", "role"], name="member_role_once")]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"
