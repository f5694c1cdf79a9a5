"""Erasing a person: what goes, what stays, and what becomes of it everywhere else."""

from __future__ import annotations

import pytest

from annotation import erasure, log, verification
from annotation.erased import Erased
from annotation.models import Candidate, Event, Feedback, Judgment, Prompt
from annotation.replay import replay
from tests import world
from tests.annotation.person import (
    OTHER,
    SPOKEN,
    USER,
    live,
    remains,
)

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
