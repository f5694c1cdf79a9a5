"""The queue: no comparison gets more than its overlap, nobody sees one twice, sides are balanced."""

from __future__ import annotations

import collections
import datetime as dt
import threading
import uuid

import pytest
from django.db import IntegrityError, connection, connections
from django.db.models import F
from django.utils import timezone

from annotation import answers, projects, queue
from annotation.models import Annotator, Assignment, Comparison, Event, Judgment
from annotation.scales import CHOICES
from tests import world

pytestmark = pytest.mark.django_db
State = Assignment.State


def lapse(assignment: Assignment) -> None:
    """Let the time of a lease run out."""
    Assignment.objects.filter(pk=assignment.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))


def test_hold_returns_the_same_leases_until_they_are_judged():
    alice = world.annotator(world.project(comparisons=3), "alice")
    first, second = queue.hold(alice, count=2)
    assert [lease.uid for lease in queue.hold(alice, count=2)] == [first.uid, second.uid]
    answers.judge(alice, first.uid, CHOICES["a"], feedback_id="f1")
    assert queue.hold(alice, count=2)[0].uid == second.uid


def test_two_annotators_never_hold_one_comparison_at_overlap_one():
    project = world.project(comparisons=5)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    held = [lease.comparison_id for lease in queue.hold(alice, count=3) + queue.hold(bob, count=3)]
    assert len(held) == 5
    assert len(set(held)) == 5


def test_order_is_by_priority_and_then_first_in():
    project = world.project(comparisons=4)
    last = Comparison.objects.order_by("-pk").first()
    Comparison.objects.filter(pk=last.pk).update(priority=5)
    leases = queue.hold(world.annotator(project, "alice"), count=4)
    ids = [lease.comparison_id for lease in leases]
    assert ids[0] == last.pk
    assert ids[1:] == sorted(ids[1:])


def test_random_order_is_the_seeded_one():
    project = world.project(comparisons=20, order="random")
    leases = queue.hold(world.annotator(project, "alice"), count=20)
    assert [lease.comparison_id for lease in leases] == list(
        Comparison.objects.order_by("shuffle", "pk").values_list("pk", flat=True)
    )


@pytest.mark.parametrize("status", ["paused", "closed"])
def test_a_project_that_is_not_open_hands_nothing_out(status):
    project = world.project(comparisons=2)
    alice = world.annotator(project, "alice")
    projects.change_project(project, {"status": status}, actor="test")
    assert queue.hold(alice, count=2) == []


def test_skipped_is_not_offered_again_but_goes_to_others():
    project = world.project(comparisons=1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    (lease,) = queue.hold(alice, count=1)
    queue.skip(alice, lease.uid, reason="I do not speak French")
    assert queue.hold(alice, count=1) == []
    assert queue.hold(bob, count=1)[0].comparison_id == lease.comparison_id
    assert Assignment.objects.get(pk=lease.pk).reason == "I do not speak French"


def test_released_is_offered_again():
    alice = world.annotator(world.project(comparisons=1), "alice")
    (lease,) = queue.hold(alice, count=1)
    queue.release(alice, lease.uid)
    (again,) = queue.hold(alice, count=1)
    assert again.comparison_id == lease.comparison_id
    assert again.uid != lease.uid


def test_expired_goes_to_others():
    project = world.project(comparisons=1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    (lease,) = queue.hold(alice, count=1)
    assert queue.hold(bob, count=1) == []
    lapse(lease)
    assert queue.expire() == 1
    assert queue.expire() == 0
    assert len(queue.hold(bob, count=1)) == 1


def test_a_judgment_after_its_lease_went_to_somebody_else_is_surplus():
    project = world.project(comparisons=1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    (lease,) = queue.hold(alice, count=1)
    lapse(lease)
    queue.expire()
    world.judge_next(bob)
    answers.judge(alice, lease.uid, CHOICES["b"], feedback_id="late")
    assert Judgment.objects.get(feedback__feedback_id="late").surplus
    comparison = Comparison.objects.get()
    assert (comparison.taken, comparison.judged) == (1, 1)


def test_a_judgment_after_its_lease_expired_counts_while_the_slot_is_free():
    alice = world.annotator(world.project(comparisons=1), "alice")
    (lease,) = queue.hold(alice, count=1)
    lapse(lease)
    queue.expire()
    answers.judge(alice, lease.uid, CHOICES["b"], feedback_id="late")
    assert not Judgment.objects.get().surplus
    assert Comparison.objects.get().judged == 1


def test_renewing_prolongs_the_lease():
    alice = world.annotator(world.project(comparisons=1, lease_seconds=600), "alice")
    (lease,) = queue.hold(alice, count=1)
    lapse(lease)
    assert queue.renew(alice, lease.uid) > timezone.now() + dt.timedelta(seconds=590)
    assert queue.expire() == 0


@pytest.mark.parametrize("act", [queue.renew, queue.release, queue.skip, queue.flag])
def test_another_annotators_lease_cannot_be_touched(act):
    project = world.project(comparisons=1)
    alice, eve = world.annotator(project, "alice"), world.annotator(project, "eve")
    (lease,) = queue.hold(alice, count=1)
    with pytest.raises(queue.LeaseLostError):
        act(eve, lease.uid)
    with pytest.raises(queue.LeaseLostError):
        act(alice, uuid.uuid4())
    assert Assignment.objects.get().state == State.LEASED


def test_sides_are_balanced_within_a_comparison():
    project = world.project(comparisons=7, overlap=4)
    for name in ("alice", "bob", "carol", "dave"):
        annotator = world.annotator(project, name)
        while world.judge_next(annotator):
            pass
    assert set(Comparison.objects.values_list("taken", "lefts")) == {(4, 2)}
    for comparison in Comparison.objects.all():
        assert comparison.assignments.filter(left=comparison.a).count() == 2


@pytest.mark.parametrize("attempt", range(4))  # of which chance would let one in sixteen pass
def test_a_late_answer_finds_the_other_side_taken_by_whoever_came_after(attempt):
    project = world.project(comparisons=1, overlap=2)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    (late,) = queue.hold(alice, count=1)
    lapse(late)
    queue.expire()
    world.judge_next(bob)
    answers.judge(alice, late.uid, CHOICES["a"], feedback_id="late")
    comparison = Comparison.objects.get()
    assert (comparison.taken, comparison.judged, comparison.lefts) == (2, 2, 1)


def test_sides_are_balanced_within_an_annotators_work():
    project = world.project(comparisons=21)
    alice = world.annotator(project, "alice")
    while world.judge_next(alice):
        lefts = Assignment.objects.filter(left=F("comparison__a")).count()
        assert abs(2 * lefts - Assignment.objects.count()) <= 1


def test_changing_the_overlap_keeps_what_is_done():
    project = world.project(comparisons=3, overlap=2)
    for name in ("alice", "bob"):
        world.judge_next(world.annotator(project, name))
    projects.change_project(project, {"overlap": 1}, actor="test")
    assert list(Comparison.objects.order_by("pk").values_list("overlap", "judged")) == [(2, 2), (1, 0), (1, 0)]
    projects.change_project(project, {"overlap": 3}, actor="test")
    assert set(Comparison.objects.values_list("overlap", flat=True)) == {3}


def test_every_step_of_a_lease_is_an_event():
    project = world.project(comparisons=3)
    alice = world.annotator(project, "alice")
    first, second, third = queue.hold(alice, count=3)
    queue.skip(alice, first.uid)
    queue.release(alice, second.uid)
    queue.flag(alice, third.uid, reason="both cut off")
    lapse(third)
    queue.expire()
    kinds = Event.objects.filter(subject__startswith="lease:").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [
        *["lease.taken"] * 3, "lease.skipped", "lease.released", "comparison.flagged", "lease.expired",
    ]  # fmt: skip
    assert not Event.objects.filter(payload__icontains="cut off").exists(), "texts stand in their row alone"


def test_the_database_refuses_more_than_the_overlap():
    world.project(comparisons=1)
    with pytest.raises(IntegrityError, match="comparison_overlap_holds"):
        Comparison.objects.update(taken=2)


@pytest.mark.django_db(transaction=True)
def test_eight_annotators_at_once_give_every_comparison_exactly_its_overlap():
    project = world.project(comparisons=30, overlap=3)
    annotators = [world.annotator(project, f"annotator{n}") for n in range(8)]
    errors: list[BaseException] = []

    def work(annotator: Annotator) -> None:
        try:
            while world.judge_next(annotator):
                pass
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    # Two threads an annotator: two tabs of one person must not get more than one person either.
    threads = [threading.Thread(target=work, args=(annotator,)) for annotator in annotators for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [error for error in errors if not isinstance(error, queue.LeaseLostError)]
    assert not lost, lost
    for annotator in annotators:  # what a lost race between two tabs left behind
        while world.judge_next(annotator):
            pass
    judged = Judgment.objects.values_list("comparison", "source_id")
    assert len(set(judged)) == len(judged) == 90
    assert set(collections.Counter(comparison for comparison, _ in judged).values()) == {3}
    assert set(Comparison.objects.values_list("taken", "judged")) == {(3, 3)}
    connection.close()
