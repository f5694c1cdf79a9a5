"""Erasing a person: what goes, what stays, and what becomes of it everywhere else."""

from __future__ import annotations

import re

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from annotation import answers, erasure, log, mixing, progress, projects, queue, verification
from annotation.erased import Erased
from annotation.intake.answering import answer_lease
from annotation.models import Assignment, Candidate, Comparison, Event, Feedback, Flag, Judgment, Prompt
from annotation.replay import replay
from annotation.scales import CHOICES
from tests import world
from tests.annotation.person import (
    OTHER,
    SECRET,
    SPOKEN,
    USER,
    edit,
    give_feedback,
    inference,
    live,
    log_inferences,
    preference,
    remains,
)
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = Erased(inferences=3, outputs=8, feedback=10, judgments=7)


@pytest.fixture
def project(transactional_db):
    made = world.project(heuristics="copied_over_not")
    live(made)
    return made


def erase(project, user=USER, **options):
    return erasure.erase(project, user, actor="test", **options)


def test_nothing_of_the_person_remains_anywhere(project):
    assert len(remains(*SPOKEN)) > 10
    digests = list(Prompt.objects.filter(request_id__startswith="p").values_list("digest", flat=True))
    erase(project)
    assert remains(*SPOKEN, *digests) == []


def test_what_is_erased_is_counted_before_and_after(project):
    assert erasure.count_records(project, USER) == EVERYTHING
    told = []
    assert erase(project, tell=told.append) == EVERYTHING
    assert sum(told, Erased()) == EVERYTHING
    assert erasure.count_records(project, USER) == Erased()


def test_the_chain_still_verifies_and_the_log_gives_the_same_judgments(project):
    before = log.seal(project)
    judgments = replay(project).judgments
    erase(project)
    verification.verify(project, expect=before)
    again = replay(project)
    assert (again.differences, again.judgments) == ([], judgments)


def test_what_others_said_and_were_told_stays(project):
    others = Prompt.objects.filter(metadata__user_id=OTHER)
    before = list(others.order_by("pk").values())
    erase(project)
    assert list(others.order_by("pk").values()) == before
    assert Feedback.objects.get(feedback_id="f-of-other").body["rationale"] == "Because of the rhinoceros."
    assert Candidate.objects.filter(prompt__in=others, edit_event=None, erasure=None).count() == 4
    assert Judgment.objects.filter(erasure=None).values_list("feedback__feedback_id", flat=True).get() == "f-of-other"


def test_erasing_is_an_event_that_tells_ids_and_never_the_person(project):
    erase(project, reason="ticket 7")
    events = Event.objects.filter(kind="records.erased")
    named = [event.payload for event in events.order_by("pk")]
    assert {request for one in named for request in one["requests"]} == {"p0", "p1", "p2"}
    assert {record for one in named for record in one["feedback"]} >= {"f-own", "f-edit", "f-waits", "f-of-model"}
    assert {(event.actor, event.payload["reason"]) for event in events} == {("test", "ticket 7")}
    assert USER not in str(named)


@pytest.mark.parametrize("reason", [f"asked by {USER}", "x" * 201])
def test_a_reason_that_cannot_stand_in_the_log_is_refused(project, reason):
    with pytest.raises(erasure.ReasonError):
        erase(project, reason=reason)
    assert erasure.count_records(project, USER) == EVERYTHING


def test_erasing_again_finds_nothing_and_writes_nothing(project):
    erase(project)
    events = Event.objects.count()
    assert erase(project) == Erased()
    assert Event.objects.count() == events


def test_another_project_of_the_same_person_stays(project):
    other = world.project("other")
    live(other)
    erase(project)
    assert erasure.count_records(other, USER).inferences == 3


def test_it_goes_in_batches_and_what_was_done_stays_when_it_is_broken_off(project, monkeypatch):
    monkeypatch.setattr(erasure, "REQUESTS", 1)
    monkeypatch.setattr(erasure, "RECORDS", 2)

    def break_off(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erase(project, tell=break_off)
    verification.verify(project)
    left = erasure.count_records(project, USER)
    assert Erased() != left != EVERYTHING
    erase(project)
    verification.verify(project)
    assert remains(*SPOKEN) == []
    assert Event.objects.filter(kind="records.erased").count() > 3


class TestQueue:
    """What becomes of the comparisons of an erased inference."""

    @pytest.fixture
    def queue_of(self, project):
        projects.change_project(project, {"overlap": 2}, actor="test")
        return project

    def test_an_erased_comparison_is_never_offered(self, queue_of):
        erase(queue_of)
        leases = queue.hold(world.annotator(queue_of, "alice"), count=10)
        assert {lease.comparison.prompt.request_id for lease in leases} == {"o0", "o1"}
        projects.change_project(queue_of, {"overlap": 3}, actor="test")
        for lease in leases:
            queue.skip(lease.annotator, lease.uid)
        assert queue.hold(world.annotator(queue_of, "bob"), count=10)[2:] == []

    def test_leases_on_it_end(self, queue_of):
        alice = world.annotator(queue_of, "alice")
        held = queue.hold(alice, count=5)
        erase(queue_of)
        states = {
            lease.comparison.prompt.request_id: lease for lease in Assignment.objects.select_related("comparison")
        }
        assert {request: lease.state for request, lease in states.items()} == {
            "p0": "erased", "p1": "erased", "p2": "erased", "o0": "leased", "o1": "leased",
        }  # fmt: skip
        assert Event.objects.filter(kind="lease.erased", actor="system").count() == 3
        assert set(Comparison.objects.filter(closed=True).values_list("taken", "overlap")) == {(0, 0)}
        gone = next(lease for lease in held if lease.comparison.prompt.request_id == "p0")
        with pytest.raises(queue.LeaseLostError):
            judge(alice, gone)
        alice.refresh_from_db()
        assert alice.side_balance in {-2, 0, 2}

    def test_golds_and_repeats_of_it_end_as_well(self, queue_of, monkeypatch):
        monkeypatch.setattr(mixing, "APART", 0)
        world.add_gold(queue_of, "p0")
        projects.change_project(queue_of, RATES, actor="test")
        alice, bob = world.annotator(queue_of, "alice"), world.annotator(queue_of, "bob")
        with drawn(NEITHER):
            while queue.hold(alice, count=1)[0].comparison.prompt.request_id != "p1":
                world.judge_next(alice)
            world.judge_next(alice)
        with drawn(REPEAT):
            while (repeat := queue.hold(alice, count=1)[0]).comparison.prompt.request_id != "p1":
                world.judge_next(alice)
        with drawn(GOLD):
            (gold,) = queue.hold(bob, count=1)
        assert {lease.comparison.kind for lease in (gold, repeat)} == {"gold", "repeat"}
        erase(queue_of)
        live = Assignment.objects.filter(state="leased").values_list("comparison__prompt__request_id", flat=True)
        assert set(live) <= {"o0", "o1"}
        with drawn(GOLD):
            held = queue.hold(bob, count=5)
        assert {lease.comparison.prompt.request_id for lease in held} == {"o0", "o1"}
        verification.verify(queue_of)

    def test_a_late_answer_to_an_expired_lease_is_not_taken(self, queue_of):
        alice = world.annotator(queue_of, "alice")
        (lease,) = queue.hold(alice, count=1)
        Assignment.objects.update(expires_at="2026-01-01T00:00:00Z")
        queue.expire()
        erase(queue_of)
        with pytest.raises(queue.LeaseLostError):
            judge(alice, lease)
        assert not Judgment.objects.filter(source_type="human", source_id="alice").exists()

    def test_a_judgment_of_it_cannot_be_undone_and_the_one_before_can(self, queue_of):
        alice = world.annotator(queue_of, "alice")
        leases = sorted(queue.hold(alice, count=5), key=lambda lease: lease.comparison.prompt.request_id)
        for lease in leases:  # those of the person come last
            judge(alice, lease)
        erase(queue_of)
        assert answers.undo(alice).comparison.prompt.request_id == "o1"
        with pytest.raises(answers.NothingToUndoError):
            answers.undo(alice, meant=leases[-1].uid)
        verification.verify(queue_of)

    def test_what_annotators_wrote_about_it_goes(self, queue_of):
        alice = world.annotator(queue_of, "alice")
        first, second, *_ = queue.hold(alice, count=5)
        queue.flag(alice, first.uid, reason=f"Says {SECRET}")
        queue.skip(alice, second.uid, reason=f"No idea of a {SECRET}")
        erase(queue_of)
        assert remains(SECRET) == []
        assert Flag.objects.get().reason == ""

    def test_the_slot_of_the_persons_own_answer_is_free_again(self, queue_of):
        # Another front end, whose users judge what it takes.
        front = queue.annotator_for_program(queue_of, "front")
        lease = next(one for one in queue.hold(front, count=5) if one.comparison.prompt.request_id == "o0")
        body = {
            "feedback_id": "f-lease", "kind": "preference", "source": {"type": "end_user", "id": "front"},
            "outcome": "chosen", "chosen": "o0-0", "rejected": "o0-1", "metadata": {"user_id": USER},
        }  # fmt: skip
        answer_lease(lease, body, now=timezone.now())
        erase(queue_of)
        comparison = Comparison.objects.get(pk=lease.comparison_id)
        assert (comparison.judged, comparison.taken, comparison.overlap) == (0, 0, 2)
        verification.verify(queue_of)

    def test_it_counts_nowhere_any_more(self, queue_of):
        while world.judge_next(world.annotator(queue_of, "alice")):
            pass
        before = progress.project_progress(queue_of)
        erase(queue_of)
        after = progress.project_progress(queue_of)
        assert (before.comparisons, after.comparisons) == (5, 2)
        assert (before.judgments["human"], after.judgments["human"]) == (6, 2)
        assert after.judgments["end_user"] == 1


def judge(annotator, lease):
    choice = CHOICES["a"]
    return answers.judge(annotator, lease.uid, choice, feedback_id=str(lease.uid))


def test_what_others_made_of_the_persons_edit_goes_with_it(project):
    edited = Candidate.objects.get(edit_event__isnull=False, prompt__request_id="o1").output_id
    of_other = {"type": "end_user", "id": OTHER}
    model = {"type": "reward_model", "id": "rm-7"}
    again = edit("f-edit-again", "o1", source=of_other)
    give_feedback(
        project,
        {**again, "output": edited, "edited": f"Best, {SECRET}!"},
        {"feedback_id": "f-scores", "request_id": "o1", "kind": "score", "source": model,
         "scores": {"o1-0": 0.1, "o1-1": 0.2, edited: 0.9}},
    )  # fmt: skip
    erase(project)
    assert remains(SECRET) == []
    assert not Judgment.objects.filter(Q(first__erasure__isnull=False) | Q(second__erasure__isnull=False), erasure=None)
    verification.verify(project)


def test_a_person_is_found_without_reading_everything(project):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in (erasure.INFERENCES, erasure.BY_SOURCE, erasure.BY_METADATA):
            cursor.execute(f"EXPLAIN {query}", {"project": project.pk, "user": USER})
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert re.search(r"prompt_by_user|feedback_by_(end_)?user", plan), plan


@pytest.mark.parametrize("user", ["17", "x" * 5_000, "o'brien \" % _ \\ \u202e", "Ünï"])
def test_any_user_id_is_found_exactly(project, user):
    sent = int(user) if user == "17" else user
    log_inferences(project, inference("theirs", user=sent), inference("near", user=user + "0"))
    give_feedback(project, preference("f-theirs", "near", metadata={"user_id": user}, source={"type": "ai_critic"}))
    erase(project, user)
    gone = Prompt.objects.filter(erasure__isnull=False).values_list("request_id", flat=True)
    assert list(gone) == ["theirs"]
    assert Feedback.objects.get(feedback_id="f-theirs").body == {}


def test_nobody_is_refused(project):
    with pytest.raises(ValueError, match="nobody"):
        erase(project, "")
