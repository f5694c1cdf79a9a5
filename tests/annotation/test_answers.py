"""Judging: one answer is one judgment, whatever is repeated; undo takes it back and shows the same again."""

from __future__ import annotations

import threading
import time
import uuid

import pytest
from django.db import IntegrityError, connections, transaction

from annotation import answers, canonical, judging, projects, queue
from annotation.models import Comparison, Event, Feedback, Judgment, Retraction
from annotation.scales import CHOICES
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db):
    return world.annotator(world.project(comparisons=3, guidelines="Prefer the truthful one."), "alice")


def answer(annotator, lease, value, feedback_id="f1", **extra):
    answers.judge(annotator, lease.uid, CHOICES[value], feedback_id=feedback_id, **extra)


@pytest.mark.parametrize(
    ("value", "outcome", "side"),
    [("a", "chosen", "left"), ("b", "chosen", "right"), ("tie", "tie", None), ("both_bad", "both_bad", None)],
)
def test_a_judgment_names_the_winner_by_candidate_and_what_was_shown(alice, value, outcome, side):
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, value, duration_ms=5400, active_ms=5000)
    judgment = Judgment.objects.get()
    assert judgment.outcome == outcome
    assert judgment.chosen == (getattr(lease, side) if side else None)
    assert (judgment.left, judgment.right) == (lease.left, lease.right)
    assert (judgment.source_type, judgment.source_id) == ("human", "alice")
    assert (judgment.duration_ms, judgment.active_ms) == (5400, 5000)
    assert judgment.guidelines.text == "Prefer the truthful one."
    body = judgment.feedback.body
    assert body["digests"] == {c.output_id: c.digest for c in (lease.left, lease.right)}
    assert body["request_id"] == lease.comparison.prompt.request_id


def test_strength_is_kept(db):
    alice = world.annotator(world.project(comparisons=1, scale="strength7"), "alice")
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, "b3")
    assert Judgment.objects.get().strength == 3
    assert Judgment.objects.get().chosen == lease.right


def test_the_same_answer_twice_is_one_judgment(alice):
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, "a")
    answer(alice, lease, "a")
    assert Judgment.objects.count() == 1
    assert Event.objects.filter(kind="feedback.recorded").count() == 1


def test_another_answer_under_the_same_id_is_refused(alice):
    first, second = queue.hold(alice, count=2)
    answer(alice, first, "a")
    with pytest.raises(answers.FeedbackConflictError):
        answer(alice, first, "b")
    with pytest.raises(answers.FeedbackConflictError):
        answer(alice, second, "a")
    assert Judgment.objects.count() == 1


def test_a_judged_lease_takes_no_second_judgment(alice):
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, "a")
    with pytest.raises(queue.LeaseLostError):
        answer(alice, lease, "b", feedback_id="f2")


def test_undo_gives_the_same_lease_back_with_its_slot(alice):
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, "a")
    again = answers.undo(alice)
    assert (again.uid, again.left, again.right) == (lease.uid, lease.left, lease.right)
    assert queue.hold(alice, count=1)[0].uid == lease.uid
    comparison = Comparison.objects.get(pk=lease.comparison_id)
    assert (comparison.taken, comparison.judged) == (1, 0)
    assert Retraction.objects.get().target.feedback_id == "f1"
    answer(alice, lease, "b", feedback_id="f2")
    current = Judgment.objects.get(feedback__retracted_by=None)
    assert current.chosen == lease.right
    assert Judgment.objects.count() == 2, "the first one stays in the log"


def test_undo_again_goes_one_further_back(alice):
    first, second = queue.hold(alice, count=2)
    answer(alice, first, "a", "f1")
    answer(alice, second, "b", "f2")
    assert answers.undo(alice).uid == second.uid
    assert answers.undo(alice).uid == first.uid
    with pytest.raises(answers.NothingToUndoError):
        answers.undo(alice)


def test_judging_writes_one_event_without_texts_that_commits_to_the_record(alice):
    (lease,) = queue.hold(alice, count=1)
    answer(alice, lease, "a")
    event = Event.objects.get(kind="feedback.recorded")
    feedback = Feedback.objects.get()
    assert event.payload["commitment"] == canonical.commitment(feedback.salt, feedback.body)
    (told,) = event.payload["judgments"]
    assert told["chosen"] == lease.left.output_id
    assert told["lease"] == str(lease.uid)
    assert lease.left.content not in str(event.payload)


def test_guidelines_changed_meanwhile_are_stamped_as_they_hold_now(alice):
    (lease,) = queue.hold(alice, count=1)
    projects.change_project(alice.project, {"guidelines": "Prefer the short one."}, actor="test")
    answer(alice, lease, "a")
    assert Judgment.objects.get().guidelines.version == 2


def test_the_database_refuses_a_winner_that_is_not_of_the_pair(alice):
    first, second = queue.hold(alice, count=2)
    left, right = judging.Output.of(first.left), judging.Output.of(first.right)
    stranger = judging.Output.of(second.left)
    body = {"feedback_id": str(uuid.uuid4()), "request_id": "r0", "kind": "preference", "source": {"type": "human"}}
    verdict = judging.Verdict((left, right), "chosen", stranger)
    entry = judging.NewFeedback(body, first.comparison.prompt_id, [verdict], first.leased_at)
    with pytest.raises(IntegrityError, match="judgment_winner_is_of_the_pair"):
        judging.record(alice.project, [entry], actor="test")


@pytest.mark.django_db(transaction=True)
def test_the_same_answer_from_many_connections_at_once_is_one_judgment():
    alice = world.annotator(world.project(comparisons=1), "alice")
    (lease,) = queue.hold(alice, count=1)
    errors: list[BaseException] = []

    def send() -> None:
        try:
            answer(alice, lease, "a")
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert Judgment.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_undo_locks_no_second_comparison():
    """What no longer fits on the desk is given back once the judgment has been taken back: two cannot deadlock."""
    alice = world.annotator(world.project(comparisons=2), "alice")
    first, second = queue.hold(alice, count=2)
    answer(alice, first, "a")
    thread = threading.Thread(target=undo_elsewhere, args=(alice, first))
    with transaction.atomic():
        Comparison.objects.select_for_update().get(pk=second.comparison_id)
        thread.start()
        deadline = time.monotonic() + 30
        while not Retraction.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert Retraction.objects.exists(), "the other comparison is waited for only afterwards"
    thread.join()
    assert [lease.uid for lease in queue.hold(alice, count=1)] == [first.uid]
    second.refresh_from_db()
    assert second.state == second.State.RELEASED


def undo_elsewhere(annotator, lease):
    answers.undo(annotator, meant=lease.uid, room=1)
    connections.close_all()
