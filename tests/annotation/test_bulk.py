"""Rows that are copied in come back as they were, whatever their columns hold and wherever they hold nothing."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from annotation.bulk import ROWS_AT_ONCE, Same, copy_columns, copy_rows
from annotation.models import Assignment, Comparison, Event
from tests import world

pytestmark = pytest.mark.django_db

COUNT = 2 * ROWS_AT_ONCE + 1
NOW = dt.datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=dt.UTC)
BODIES = [None, False, 0, "", "é 𝄞 \u2028", [1, 2.5, {"a": None}], {"ü": 2**70}, -(2**63), 1e-300]


def back(model, *fields):
    return list(model.objects.order_by("pk").values_list(*fields))


def test_every_kind_of_json_and_text():
    world.project()
    before = Event.objects.count()
    rows = [(uuid.uuid4(), f"kind-{n}", "actor", "é" * n, BODIES[n % len(BODIES)] or {}) for n in range(COUNT)]
    copy_rows(Event, ["uid", "kind", "actor", "subject", "payload"], rows)
    assert back(Event, "uid", "kind", "actor", "subject", "payload")[before:] == rows


@pytest.mark.parametrize("missing", [0, 1, COUNT // 2, COUNT - 1])
def test_what_is_null_and_what_is_not(missing):
    project = world.project(comparisons=1)
    comparison, annotator = Comparison.objects.get(), world.annotator(project, "alice")
    ended = [None if n == missing else NOW + dt.timedelta(microseconds=n) for n in range(COUNT)]
    copy_columns(
        Assignment,
        {
            "uid": [uuid.uuid4() for _ in range(COUNT)],
            "comparison": Same(comparison.pk),
            "annotator": Same(annotator.pk),
            "left": Same(comparison.a_id),
            "right": Same(comparison.b_id),
            "state": Same("released"),
            "is_mixed_in": [n % 2 == 0 for n in range(COUNT)],
            "leased_at": Same(NOW),
            "expires_at": Same(NOW),
            "ended_at": ended,
            "reason": [str(n) for n in range(COUNT)],
        },
    )
    expected = [(moment, n % 2 == 0, str(n)) for n, moment in enumerate(ended)]
    assert back(Assignment, "ended_at", "is_mixed_in", "reason") == expected


def test_numbers_of_every_width():
    project = world.project(comparisons=3)
    before = list(Comparison.objects.order_by("pk").values_list("prompt", "a", "b"))
    Comparison.objects.all().delete()
    prompts, firsts, seconds = zip(*before, strict=True)
    numbers = {
        "priority": [0, -(2**31) + 1, 2**31 - 1],
        "shuffle": [0, 1, 2**31 - 1],
        "propensity": [1.0, 0.1, 5e-324],
        "overlap": [1, 2, 100],
    }
    copy_columns(
        Comparison,
        numbers
        | {"uid": [uuid.uuid4() for _ in range(3)], "project": Same(project.pk)}
        | {"prompt": prompts, "a": firsts, "b": seconds, "gold_chosen": Same(None)}
        | {"taken": Same(0), "judged": Same(0), "lefts": Same(0), "own_overlap": Same(True)},
    )
    assert back(Comparison, *numbers, "gold_chosen") == list(zip(*numbers.values(), [None] * 3, strict=True))


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match=r"\[1, 2\]"):
        copy_columns(Event, {"kind": ["a"], "actor": ["b", "c"]})
