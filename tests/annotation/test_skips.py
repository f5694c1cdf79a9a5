"""What many skip goes to the lead: nobody else is offered it until the lead says so."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from annotation import answers, projects, queue
from annotation.models import Annotator, Assignment, Comparison, Event, Flag, Judgment, Project
from annotation.progress import project_progress
from annotation.scales import CHOICES
from tests import world

pytestmark = pytest.mark.django_db
NAMES = ("alice", "bob", "carol", "dave", "erin")


def people(project: Project) -> list[Annotator]:
    return [world.annotator(project, name) for name in NAMES]


def skip_next(annotator: Annotator, reason: str = "") -> Assignment:
    (lease,) = queue.hold(annotator, count=1)
    queue.skip(annotator, lease.uid, reason=reason)
    return lease


def counts() -> tuple[int, int, int]:
    return Comparison.objects.values_list("taken", "overlap", "withheld").get()


def test_what_three_have_skipped_is_offered_to_nobody_else() -> None:
    project = world.project(comparisons=1, overlap=2)
    alice, bob, carol, dave, _ = people(project)
    for annotator in (alice, bob):
        skip_next(annotator)
        assert counts() == (0, 2, 0)
    skip_next(carol)
    assert counts() == (0, 0, 2)
    assert queue.hold(dave, count=1) == []
    flag = Flag.objects.get()
    assert (flag.annotator, flag.reason) == (carol, "Skipped by 3 people")
    event = Event.objects.get(kind="comparison.withheld")
    assert (event.actor, event.payload) == ("system", {"skips": 3, "withheld": 2})
    now = project_progress(project)
    assert (now.comparisons, now.open, now.leased, now.done, now.with_lead) == (1, 0, 0, 0, 1)


def test_the_lead_offers_it_again_and_the_next_two_skips_change_nothing() -> None:
    project = world.project(comparisons=1)
    alice, bob, carol, dave, erin = people(project)
    for annotator in (alice, bob, carol):
        skip_next(annotator)
    comparison = Comparison.objects.get()
    assert queue.offer_again(comparison, actor="user:lena")
    assert not queue.offer_again(comparison, actor="user:lena")
    assert Event.objects.filter(kind="comparison.offered").count() == 1
    skip_next(dave)
    assert counts() == (0, 1, 0)
    assert world.judge_next(erin)
    assert project_progress(project).done == 1


def test_it_never_goes_to_the_lead_when_the_project_says_so() -> None:
    project = world.project(comparisons=1, skips_to_lead=0)
    for annotator in people(project):
        skip_next(annotator)
    assert counts() == (0, 1, 0)
    assert not Flag.objects.exists()


def test_who_holds_it_may_finish_and_what_comes_back_is_withheld_too() -> None:
    project = world.project(comparisons=1, overlap=4, skips_to_lead=2)
    alice, bob, carol, dave, erin = people(project)
    held = {annotator: queue.hold(annotator, count=1)[0] for annotator in (alice, bob)}
    for annotator in (carol, dave):
        skip_next(annotator)
    assert counts() == (2, 2, 2)
    world.judge_next(alice)
    queue.release(bob, held[bob].uid)
    assert counts() == (1, 1, 3)
    assert queue.hold(erin, count=1) == []
    queue.offer_again(Comparison.objects.get(), actor="user:lena")
    assert counts() == (1, 4, 0)


def test_an_answer_that_comes_late_to_what_is_with_the_lead_is_surplus() -> None:
    project = world.project(comparisons=1, overlap=2, skips_to_lead=1)
    alice, bob, *_ = people(project)
    (lease,) = queue.hold(alice, count=1)
    Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()
    skip_next(bob)
    answers.judge(alice, lease.uid, CHOICES["a"], feedback_id="late")
    assert Judgment.objects.get().surplus
    assert counts() == (0, 0, 2)


def test_a_new_overlap_leaves_it_with_the_lead() -> None:
    project = world.project(comparisons=1, overlap=2, skips_to_lead=1)
    alice, bob, carol, *_ = people(project)
    world.judge_next(alice)
    skip_next(bob)
    assert counts() == (1, 1, 1)
    projects.change_project(project, {"overlap": 3}, actor="lena")
    assert counts() == (1, 1, 2)
    assert queue.hold(carol, count=1) == []
    queue.offer_again(Comparison.objects.get(), actor="user:lena")
    assert counts() == (1, 3, 0)


def test_retracted_answers_and_skipped_golds_are_no_such_skips() -> None:
    project = world.project(comparisons=2, skips_to_lead=1, gold_rate=0.5)
    alice, *_ = people(project)
    lease = world.judge_next(alice)
    assert lease
    queue.withdraw(alice, lease.uid)
    assert not Flag.objects.exists()
    assert Assignment.objects.get(pk=lease.pk).state == Assignment.State.SKIPPED
