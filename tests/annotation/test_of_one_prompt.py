"""Outputs have their prompt and pairs are of one prompt: the database refuses everything else."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction

from annotation.models import Candidate, Comparison, Judgment, Prompt
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_judged_prompts() -> None:
    project = world.project(comparisons=2)
    alice = world.annotator(project, "alice")
    assert world.judge_next(alice)
    assert world.judge_next(alice)


def again(row: Candidate | Comparison | Judgment, **changed: object) -> None:
    """Write a row once more, with some fields changed."""
    row.pk = None
    for name, value in changed.items():
        setattr(row, name, value)
    with transaction.atomic():
        row.save(force_insert=True)


def test_an_output_needs_its_prompt() -> None:
    last = Prompt.objects.latest("pk").pk
    again(Candidate.objects.latest("pk"), output_id="new", index=7, prompt_id=last)
    with pytest.raises(IntegrityError, match="not of one prompt"):
        again(Candidate.objects.latest("pk"), output_id="newer", index=8, prompt_id=last + 1)


def test_a_comparison_is_of_one_prompt() -> None:
    first, second = Comparison.objects.order_by("pk")
    for pair in (first.a_id, second.b_id), (first.b_id, second.a_id):
        for prompt in first.prompt_id, second.prompt_id:
            with pytest.raises(IntegrityError, match="not of one prompt"):
                again(Comparison.objects.latest("pk"), uid=uuid.uuid4(), prompt_id=prompt, a_id=pair[0], b_id=pair[1])


def test_a_comparison_stays_of_its_prompt() -> None:
    first, second = Comparison.objects.order_by("pk")
    with pytest.raises(IntegrityError, match="append-only"):
        Comparison.objects.filter(pk=first.pk).update(prompt=second.prompt_id, a=second.a_id, b=second.b_id)


def test_a_judgment_is_of_one_prompt() -> None:
    first, second = Comparison.objects.order_by("pk")
    bare = {"outcome": "tie", "chosen_id": None, "rejected_id": None, "left_id": None, "right_id": None}
    for pair in (first.a_id, second.b_id), (first.a_id, second.a_id), (second.a_id, None):
        changed = {**bare, "prompt_id": first.prompt_id, "first_id": pair[0], "second_id": pair[1]}
        if pair[1] is None:
            changed |= {"outcome": "rated", "value": 1.0}
        with pytest.raises(IntegrityError, match="not of one prompt"):
            again(Judgment.objects.latest("pk"), uid=uuid.uuid4(), **changed)
    rated = {**bare, "prompt_id": first.prompt_id, "first_id": first.a_id, "second_id": None}
    again(Judgment.objects.latest("pk"), uid=uuid.uuid4(), **rated | {"outcome": "rated", "value": 1.0})
