"""Golds: made of what nobody was given yet, once, and told in the log."""

from __future__ import annotations

import pytest

from annotation import golds, queue
from annotation.models import Comparison, Event, Project
from annotation.pairing import Terms
from annotation.progress import project_progress
from tests import world

pytestmark = pytest.mark.django_db
PAIR = ("r0", ["r0-0", "r0-1"])
LENA = Terms("lena")


@pytest.fixture
def project() -> Project:
    return world.project(comparisons=2)


def test_a_comparison_that_nobody_was_given_becomes_a_gold(project: Project) -> None:
    made, is_new = golds.make(project, *PAIR, chosen="r0-1", terms=LENA)
    gold = Comparison.objects.get(kind="gold")
    assert (gold.uid, is_new) == (made.uid, False)
    assert gold.gold_chosen
    assert (gold.gold_chosen.output_id, gold.overlap) == ("r0-1", 0)
    event = Event.objects.get(kind="comparison.made_gold")
    assert (event.actor, event.subject, event.payload) == ("lena", f"comparison:{gold.uid}", {"chosen": "r0-1"})


def test_a_pair_without_a_comparison_gets_one(project: Project) -> None:
    Comparison.objects.filter(project=project).delete()
    made, is_new = golds.make(project, *PAIR, chosen="r0-0", terms=LENA)
    gold = Comparison.objects.get()
    assert (gold.uid, gold.kind, is_new) == (made.uid, "gold", True)


def test_twice_is_once(project: Project) -> None:
    first, second = (golds.make(project, *PAIR, chosen="r0-1", terms=LENA)[0] for _ in range(2))
    assert first == second
    assert Event.objects.filter(kind="comparison.made_gold").count() == 1
    with pytest.raises(golds.NoGoldError, match="other output is right"):
        golds.make(project, *PAIR, chosen="r0-0", terms=LENA)


@pytest.mark.parametrize(
    ("request_id", "outputs", "chosen", "part"),
    [
        ("r0", ["r0-0", "r0-1"], "r1-0", "chosen"),
        ("r0", ["r0-0", "r0-0"], "r0-0", "outputs"),
        ("r0", ["r0-0", "r1-0"], "r0-0", "outputs"),
        ("nobody", ["r0-0", "r0-1"], "r0-0", "request_id"),
    ],
)
def test_what_cannot_be_a_gold_is_named(
    project: Project, request_id: str, outputs: list[str], chosen: str, part: str
) -> None:
    with pytest.raises(golds.GoldError) as caught:
        golds.make(project, request_id, outputs, chosen=chosen, terms=LENA)
    assert caught.value.part == part
    assert not Comparison.objects.filter(kind="gold").exists()


def test_another_projects_outputs_are_unknown(project: Project) -> None:
    with pytest.raises(golds.GoldError, match="no logged inference"):
        golds.make(world.project("other"), *PAIR, chosen="r0-0", terms=LENA)


@pytest.mark.parametrize("act", [None, queue.release, queue.skip])
def test_what_somebody_was_given_cannot_become_a_gold(project: Project, act: object) -> None:
    alice = world.annotator(project, "alice")
    for lease in queue.hold(alice, count=2):
        if act:
            act(alice, lease.uid)
    with pytest.raises(golds.NoGoldError, match="somebody was given it already"):
        golds.make(project, *PAIR, chosen="r0-0", terms=LENA)
    assert not Comparison.objects.filter(kind="gold").exists()


def test_golds_are_no_part_of_the_work(project: Project) -> None:
    golds.make(project, *PAIR, chosen="r0-0", terms=LENA)
    now = project_progress(project)
    assert (now.comparisons, now.open, now.leased, now.done) == (1, 1, 0, 0)
    assert len(queue.hold(world.annotator(project, "alice"), count=3)) == 1
