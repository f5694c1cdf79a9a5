"""Undo, and answers that come after their lease was lost."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation import projects, queue
from annotation.models import Assignment, Comparison, Judgment, Project
from tests import world
from tests.annotation.views.page import (
    SCRIPT,
    Shown,
    answer,
    comparisons_in,
    held_in,
    other_feedback_id,
    sign_in,
    url,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return world.project("summaries", comparisons=6)


@pytest.fixture
def alice(client: Client, project: Project) -> Client:
    return sign_in(client, "alice")


def current(client: Client, project: Project) -> Shown:
    return comparisons_in(client.get(url(project)))[0]


def judge(client: Client, project: Project, shown: Shown, choice: str = "a", **fields: Any) -> Any:
    return client.post(url(project, "judge"), answer(shown, choice, **fields), headers=SCRIPT)


def counting() -> Any:
    return Judgment.objects.filter(feedback__retracted_by=None)


def test_undo_brings_the_same_comparison_back(alice: Client, project: Project) -> None:
    first, *waiting = comparisons_in(alice.get(url(project)))
    known = [shown.lease for shown in waiting]
    sides = Assignment.objects.values_list("left", "right").get(uid=first.lease)
    (new,) = comparisons_in(alice.post(url(project, "judge"), {**answer(first), "known": known}, headers=SCRIPT))
    form = {"last": first.lease, "known": [*known, new.lease]}
    response = alice.post(url(project, "undo"), form, headers=SCRIPT)
    (again,) = comparisons_in(response)
    assert (again.comparison, again.lease) == (first.comparison, first.lease)
    assert again.feedback_id != first.feedback_id
    assert f'data-show="{first.lease}"' in response.content.decode()
    assert held_in(response) == [first.lease, *known]
    assert Assignment.objects.values_list("left", "right").get(uid=first.lease) == sides
    assert not counting().exists()
    # What no longer fits on the desk goes back to the queue.
    assert Assignment.objects.get(uid=new.lease).state == Assignment.State.RELEASED
    assert Comparison.objects.get(uid=new.comparison).taken == 0


def test_undo_twice_takes_back_one(alice: Client, project: Project) -> None:
    first = current(alice, project)
    judge(alice, project, first)
    second = current(alice, project)
    judge(alice, project, second)
    for _ in range(2):
        response = alice.post(url(project, "undo"), {"last": second.lease}, headers=SCRIPT)
        assert response.status_code == 200
        assert second.lease in held_in(response)
    assert [judgment.assignment.uid for judgment in counting()] == [uuid.UUID(first.lease)]


def test_after_undo_another_answer_counts(alice: Client, project: Project) -> None:
    first = current(alice, project)
    judge(alice, project, first, "a")
    alice.post(url(project, "undo"), {"last": first.lease}, headers=SCRIPT)
    again = current(alice, project)
    judge(alice, project, again, "b")
    assert counting().get().chosen == counting().get().right


def test_several_judgments_can_be_undone(alice: Client, project: Project) -> None:
    done = []
    for _ in range(3):
        done.append(current(alice, project))
        judge(alice, project, done[-1])
    for shown in reversed(done):
        response = alice.post(url(project, "undo"), {"last": shown.lease}, headers=SCRIPT)
        assert f'data-show="{shown.lease}"' in response.content.decode()
        assert len(held_in(response)) == 3
    assert not counting().exists()
    assert Assignment.objects.filter(state=Assignment.State.LEASED).count() == 3


@pytest.mark.parametrize("last", ["", "x", "00000000-0000-4000-8000-000000000000"])
def test_undo_of_nothing_changes_nothing(alice: Client, project: Project, last: str) -> None:
    judge(alice, project, current(alice, project))
    page = alice.post(url(project, "undo"), {"last": last}, follow=True).content.decode()
    assert "othing to take back" in page or "Nothing was taken back" in page
    assert counting().count() == 1


def test_undo_of_what_is_not_the_last_any_more_says_so_and_names_the_last(alice: Client, project: Project) -> None:
    """Two tabs: one answers after the other, which still means its own answer."""
    first, second, _ = comparisons_in(alice.get(url(project)))
    judge(alice, project, first)
    judge(alice, project, second)
    response = alice.post(url(project, "undo"), {"last": first.lease}, headers=SCRIPT)
    assert response.status_code == 409
    assert "Nothing was taken back" in response.content.decode()
    assert f'data-last="{second.lease}"' in response.content.decode()
    assert counting().count() == 2


def judge_too_late(alice: Client, project: Project, shown: Shown) -> None:
    """Let the lease run out, somebody else judge, and the answer come then."""
    Assignment.objects.filter(uid=shown.lease).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()
    world.judge_next(world.annotator(project, "bob"))
    assert judge(alice, project, shown).status_code == 200
    assert Judgment.objects.get(assignment__uid=shown.lease).surplus


def test_a_surplus_answer_is_the_only_one_of_its_lease(alice: Client, project: Project) -> None:
    first, *_ = comparisons_in(alice.get(url(project)))
    judge_too_late(alice, project, first)
    assert judge(alice, project, first).status_code == 200, "the same answer again"
    assert judge(alice, project, other_feedback_id(first), "b").status_code == 409
    assert Judgment.objects.filter(assignment__uid=first.lease).count() == 1


def test_undo_of_a_surplus_answer_takes_back_that_one(alice: Client, project: Project) -> None:
    first, second, _ = comparisons_in(alice.get(url(project)))
    judge(alice, project, second)
    judge_too_late(alice, project, first)
    for _ in range(2):
        response = alice.post(url(project, "undo"), {"last": first.lease}, headers=SCRIPT)
        assert response.status_code == 200
        assert "stays with them" in response.content.decode()
        assert first.lease not in held_in(response)
        assert f'data-last="{second.lease}"' in response.content.decode()
    assert {str(judgment.assignment.uid) for judgment in counting() if judgment.source_id == "alice"} == {second.lease}


def test_an_undone_surplus_answer_comes_back_when_there_is_a_place_for_it(alice: Client, project: Project) -> None:
    first, *_ = comparisons_in(alice.get(url(project)))
    judge_too_late(alice, project, first)
    projects.change_project(project, {"overlap": 2}, actor="test")
    response = alice.post(url(project, "undo"), {"last": first.lease}, headers=SCRIPT)
    assert first.lease in held_in(response)
    judge(alice, project, comparisons_in(response)[0], "b")
    assert not Judgment.objects.get(assignment__uid=first.lease, feedback__retracted_by=None).surplus


def test_the_judgment_of_another_cannot_be_undone(alice: Client, project: Project) -> None:
    bob = world.annotator(project, "bob")
    lease = world.judge_next(bob)
    assert lease
    alice.post(url(project, "undo"), {"last": str(lease.uid)}, headers=SCRIPT)
    assert counting().count() == 1


def test_in_a_closed_project_an_answer_stands(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    judge(alice, project, shown)
    projects.change_project(project, {"status": "closed"}, actor="test")
    response = alice.post(url(project, "undo"), {"last": shown.lease}, headers=SCRIPT)
    assert response.status_code == 409
    assert "closed" in response.content.decode()
    assert counting().count() == 1
