"""What is known of each two models of a project: counts that annotation.pairing.tally carries on along the log."""

from __future__ import annotations

from django.db import models

from annotation.models.project import Project


class Tally(models.Model):
    """How far a project's log has been counted into its pairs of models."""

    project = models.OneToOneField(Project, on_delete=models.PROTECT, primary_key=True, related_name="tally")
    position = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.project} up to {self.position}"


class ModelPair(models.Model):
    """Two models of a project: how often people chose between their outputs, and how often they are asked to.

    `asked` counts comparisons, `answered` those of the judgments that were asked for.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="model_pairs", db_index=False)
    key = models.CharField(max_length=64, help_text="SHA-256 of the four names, which may be long for an index.")
    a_name = models.CharField(max_length=200)
    a_version = models.CharField(max_length=200)
    b_name = models.CharField(max_length=200)
    b_version = models.CharField(max_length=200)
    a_wins = models.BigIntegerField(default=0)
    b_wins = models.BigIntegerField(default=0)
    ties = models.BigIntegerField(default=0)
    both_bad = models.BigIntegerField(default=0)
    asked = models.BigIntegerField(default=0)
    answered = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "key"], name="model_pair_once")]

    def __str__(self) -> str:
        return f"{self.a_name} {self.a_version} / {self.b_name} {self.b_version}"
