"""Golds: made of what nobody was given yet, once, and told in the log."""

from __future__ import annotations

import pytest

from annotation import golds, queue
from annotation.models import Comparison, Event, Project
from annotation.progress import project_progress
from tests import world

pytestmark = pytest.mark.django_db
PAIR = {"request_id": "r0", "outputs": ["r0-0", "r0-1"]}


@pytest.fixture
def project() -> Project:
    return world.project(comparisons=2)


def test_a_comparison_that_nobody_was_given_becomes_a_gold(project: Project) -> None:
    gold = golds.make(project, **PAIR, chosen="r0-1", actor="lena")
    assert Comparison.objects.get(kind="gold") == gold
    assert gold.gold_chosen
    assert (gold.gold_chosen.output_id, gold.overlap) == ("r0-1", 0)
    event = Event.objects.get(kind="comparison.made_gold")
    assert (event.actor, event.subject, event.payload) == ("lena", f"comparison:{gold.uid}", {"chosen": "r0-1"})


def test_a_pair_without_a_comparison_gets_one(project: Project) -> None:
    other = world.project("other", pairing="none")
    world.add_comparisons(other, 1)
    Comparison.objects.filter(project=other).delete()
    gold = golds.make(other, **PAIR, chosen="r0-0", actor="lena")
    assert (gold.kind, gold.project_id) == ("gold", other.pk)


def test_twice_is_once(project: Project) -> None:
    first, second = (golds.make(project, **PAIR, chosen="r0-1", actor="lena") for _ in range(2))
    assert first == second
    assert Event.objects.filter(kind="comparison.made_gold").count() == 1
    with pytest.raises(golds.GoldError, match="other output is right"):
        golds.make(project, **PAIR, chosen="r0-0", actor="lena")


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({"chosen": "r1-0"}, "chosen"),
        ({"outputs": ["r0-0"]}, "outputs"),
        ({"outputs": ["r0-0", "r0-0"]}, "outputs"),
        ({"outputs": ["r0-0", "r1-0"]}, "outputs"),
        ({"request_id": "nobody"}, "request_id"),
    ],
)
def test_what_cannot_be_a_gold_is_named(project: Project, asked: dict[str, object], part: str) -> None:
    with pytest.raises(golds.GoldError) as caught:
        golds.make(project, **{**PAIR, "chosen": "r0-0", **asked}, actor="lena")
    assert caught.value.part == part
    assert not Comparison.objects.filter(kind="gold").exists()


def test_another_projects_outputs_are_unknown(project: Project) -> None:
    other = world.project("other")
    with pytest.raises(golds.GoldError, match="no logged inference"):
        golds.make(other, **PAIR, chosen="r0-0", actor="lena")


@pytest.mark.parametrize("act", [None, queue.release, queue.skip])
def test_what_somebody_was_given_cannot_become_a_gold(project: Project, act: object) -> None:
    alice = world.annotator(project, "alice")
    for lease in queue.hold(alice, count=2):
        if act:
            act(alice, lease.uid)
    with pytest.raises(golds.GoldError, match="was given this comparison already"):
        golds.make(project, **PAIR, chosen="r0-0", actor="lena")
    assert not Comparison.objects.filter(kind="gold").exists()


def test_golds_are_no_part_of_the_work(project: Project) -> None:
    golds.make(project, **PAIR, chosen="r0-0", actor="lena")
    now = project_progress(project)
    assert (now.comparisons, now.open, now.leased, now.done) == (1, 1, 0, 0)
    assert len(queue.hold(world.annotator(project, "alice"), count=3)) == 1
