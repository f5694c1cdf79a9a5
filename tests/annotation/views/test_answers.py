"""Judging, skipping, flagging and undoing by the page's forms, with and without scripts."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from annotation import projects, queue
from annotation.models import Assignment, Flag, Judgment, Project
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
from tests.statements import statements

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


@pytest.mark.parametrize(("choice", "outcome", "side"), [("a", "chosen", "left"), ("b", "chosen", "right")])
def test_a_judgment_says_who_won_and_what_was_shown(
    alice: Client, project: Project, choice: str, outcome: str, side: str
) -> None:
    shown = current(alice, project)
    assert judge(alice, project, shown, choice).status_code == 200
    judgment = Judgment.objects.get()
    lease = Assignment.objects.get(uid=shown.lease)
    assert judgment.outcome == outcome
    assert judgment.chosen == getattr(lease, side)
    assert (judgment.left, judgment.right) == (lease.left, lease.right)
    assert (judgment.source_type, judgment.source_id) == ("human", "alice")
    assert (judgment.duration_ms, judgment.active_ms) == (2100, 1900)
    assert judgment.feedback.feedback_id == shown.feedback_id


@pytest.mark.parametrize("choice", ["tie", "both_bad"])
def test_neither_wins(alice: Client, project: Project, choice: str) -> None:
    judge(alice, project, current(alice, project), choice)
    assert Judgment.objects.get().outcome == choice
    assert Judgment.objects.get().chosen is None


def test_the_reply_brings_the_next_one_and_the_progress(alice: Client, project: Project) -> None:
    first, *waiting = (shown for shown in comparisons_in(alice.get(url(project))))
    known = [shown.lease for shown in waiting]
    response = alice.post(url(project, "judge"), {**answer(first), "known": known}, headers=SCRIPT)
    (new,) = comparisons_in(response)
    assert held_in(response) == [*known, new.lease]
    assert "1 of 6" in response.content.decode()
    assert "1 today" in response.content.decode()


def test_without_scripts_the_page_comes_again_with_the_next_one(alice: Client, project: Project) -> None:
    first, second, _ = comparisons_in(alice.get(url(project)))
    response = alice.post(url(project, "judge"), answer(first), follow=True)
    assert response.redirect_chain == [(url(project), 302)]
    assert comparisons_in(response)[0].lease == second.lease
    assert "A is better" in response.content.decode().partition('id="toast"')[2]


def test_twice_is_once(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    for _ in range(2):
        assert judge(alice, project, shown).status_code == 200
    assert Judgment.objects.count() == 1


def test_another_answer_to_the_same_form_does_not_count(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    judge(alice, project, shown, "a")
    response = judge(alice, project, shown, "b")
    assert response.status_code == 409
    assert "already answered this comparison" in response.content.decode()
    assert held_in(response)
    assert Judgment.objects.get().chosen == Judgment.objects.get().left


def test_an_answer_of_a_second_tab_does_not_count(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    judge(alice, project, shown, "a")
    response = judge(alice, project, other_feedback_id(shown), "b")
    assert response.status_code == 409
    assert "no longer with you" in response.content.decode()
    assert Judgment.objects.count() == 1


def test_without_scripts_a_refused_answer_is_explained(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    alice.post(url(project, "judge"), answer(shown, "a"))
    response = alice.post(url(project, "judge"), answer(shown, "b"), follow=True)
    assert "already answered this comparison" in response.content.decode()


def test_an_id_of_somebody_elses_answer_or_of_one_taken_back_is_no_answer_of_yours(
    alice: Client, project: Project
) -> None:
    first = current(alice, project)
    judge(alice, project, first)
    bob = sign_in(Client(), "bob")
    theirs = judge(bob, project, current(bob, project), feedback_id=first.feedback_id)
    alice.post(url(project, "undo"), {"last": first.lease}, headers=SCRIPT)
    taken_back = judge(alice, project, first, "b")
    for refused in (theirs, taken_back):
        assert refused.status_code == 409
        assert "This answer was not saved" in refused.content.decode()
    assert not counting().exists()


def test_the_lease_of_another_cannot_be_judged(alice: Client, project: Project) -> None:
    (lease,) = queue.hold(world.annotator(project, "bob"), count=1)
    shown = Shown(str(lease.comparison.uid), str(lease.uid), str(uuid.uuid4()))
    assert judge(alice, project, shown).status_code == 409
    assert not Judgment.objects.exists()


def test_an_answer_after_the_lease_ran_out_still_counts(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    Assignment.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()
    assert judge(alice, project, shown).status_code == 200
    assert not Judgment.objects.get().surplus


def test_an_answer_by_the_scale_that_was_shown_is_taken(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    projects.change_project(project, {"scale": "strength7"}, actor="test")
    assert judge(alice, project, shown, choice="a").status_code == 200
    projects.change_project(project, {"scale": "plain"}, actor="test")
    assert judge(alice, project, current(alice, project), choice="b3").status_code == 200
    assert list(Judgment.objects.order_by("pk").values_list("strength", flat=True)) == [None, 3]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lease", "x"),
        ("lease", ""),
        ("feedback_id", "x"),
        ("feedback_id", ""),
        ("choice", ""),
        ("choice", "a9"),
        ("duration_ms", "soon"),
        ("duration_ms", "NaN"),
        ("active_ms", "Infinity"),
    ],
)
def test_bad_input_is_refused(alice: Client, project: Project, field: str, value: str) -> None:
    shown = current(alice, project)
    assert judge(alice, project, shown, **{field: value}).status_code == 400
    assert not Judgment.objects.exists()


@pytest.mark.parametrize("duration", ["", "0", "-5", "0.2", "99999999999999"])
def test_the_duration_is_always_a_time(alice: Client, project: Project, duration: str) -> None:
    judge(alice, project, current(alice, project), duration_ms=duration)
    judgment = Judgment.objects.get()
    assert judgment.duration_ms is not None
    assert 1 <= judgment.duration_ms <= 2**31 - 1
    assert judgment.active_ms is not None
    assert judgment.active_ms <= judgment.duration_ms


def test_without_scripts_the_time_runs_from_the_page(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    an_hour_ago = timezone.now() - dt.timedelta(hours=1)
    Assignment.objects.update(leased_at=an_hour_ago)
    shown_at = (timezone.now() - dt.timedelta(seconds=30)).timestamp() * 1000
    form = {**answer(shown), "duration_ms": "", "active_ms": "", "shown_at": str(shown_at)}
    alice.post(url(project, "judge"), form)
    judgment = Judgment.objects.get()
    assert judgment.duration_ms is not None
    assert 30_000 <= judgment.duration_ms < 60_000
    assert judgment.active_ms is None


def test_strength_and_side_follow_the_scale(client: Client) -> None:
    project = world.project("fine", comparisons=7, scale="strength7")
    sign_in(client, "alice")
    for choice in project.answer_scale.choices[:7]:
        judge(client, project, current(client, project), choice.value)
    judgments = Judgment.objects.order_by("pk")
    assert [judgment.strength for judgment in judgments] == [3, 2, 1, None, 1, 2, 3]
    chosen_left = [judgment.chosen_id == judgment.left_id for judgment in judgments if judgment.chosen_id]
    assert chosen_left == [True, True, True, False, False, False]


def test_skip_is_for_good_and_keeps_the_reason(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    form = {"lease": shown.lease, "reason": "It is unpleasant"}
    for _ in range(2):
        assert alice.post(url(project, "skip"), form, headers=SCRIPT).status_code == 200
    assignment = Assignment.objects.get(uid=shown.lease)
    assert (assignment.state, assignment.reason) == (Assignment.State.SKIPPED, "It is unpleasant")
    assert shown.comparison not in [one.comparison for one in comparisons_in(alice.get(url(project)))]


def test_skip_asks_for_a_reason_without_scripts(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    page = alice.get(url(project, "skip"), {"lease": shown.lease})
    assert "I cannot read the language" in page.content.decode()
    alice.post(url(project, "skip"), {"lease": shown.lease, "reason": "It is unpleasant", "other": "Too sad."})
    assert Assignment.objects.get(uid=shown.lease).reason == "Too sad."


def test_skip_of_what_is_not_held_is_refused(alice: Client, project: Project) -> None:
    (lease,) = queue.hold(world.annotator(project, "bob"), count=1)
    assert alice.post(url(project, "skip"), {"lease": str(lease.uid)}, headers=SCRIPT).status_code == 409
    assert alice.post(url(project, "skip"), {"lease": "x"}, headers=SCRIPT).status_code == 400
    assert alice.post(url(project, "skip"), {"lease": str(lease.uid), "reason": "x" * 501}).status_code == 400


def test_flag_tells_the_lead_once_and_keeps_the_comparison(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    form = {"lease": shown.lease, "reason": "A response is cut off"}
    for _ in range(2):
        response = alice.post(url(project, "flag"), form, headers=SCRIPT)
        assert shown.lease in held_in(response)
    flag = Flag.objects.get()
    assert (str(flag.comparison.uid), flag.reason) == (shown.comparison, "A response is cut off")


def test_flag_works_without_scripts(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    assert "It is harmful" in alice.get(url(project, "flag"), {"lease": shown.lease}).content.decode()
    response = alice.post(url(project, "flag"), {"lease": shown.lease}, follow=True)
    assert "Flagged for the lead" in response.content.decode()
    assert Flag.objects.get().reason == ""


def test_flag_of_what_is_not_held_is_refused(alice: Client, project: Project) -> None:
    (lease,) = queue.hold(world.annotator(project, "bob"), count=1)
    assert alice.post(url(project, "flag"), {"lease": str(lease.uid)}, headers=SCRIPT).status_code == 409
    assert alice.get(url(project, "flag"), {"lease": "x"}).status_code == 400
    assert not Flag.objects.exists()


def test_a_judgment_names_the_guidelines_that_were_shown_and_when_it_was_given(client: Client) -> None:
    """An answer that was kept while there was no connection, and guidelines that changed meanwhile."""
    project = world.project(comparisons=4, guidelines="Prefer short answers.")
    sign_in(client, "alice")
    first, second, third = comparisons_in(client.get(url(project)))
    an_hour = dt.timedelta(hours=1)
    Assignment.objects.update(leased_at=timezone.now() - an_hour)
    projects.change_project(project, {"guidelines": "Prefer long answers."}, actor="test")
    judge(client, project, first, guidelines="1", ago_ms=str(20 * 60 * 1000))
    judge(client, project, second, guidelines="2", ago_ms=str(5 * an_hour / dt.timedelta(milliseconds=1)))
    judge(client, project, third)
    one, two, three = Judgment.objects.order_by("pk")
    assert [one.guidelines.version, two.guidelines.version, three.guidelines.version] == [1, 2, 2]
    now = timezone.now()
    assert dt.timedelta(minutes=20) <= now - one.judged_at < dt.timedelta(minutes=25)
    assert two.judged_at == two.assignment.leased_at, "not before it was shown"
    assert now - three.judged_at < dt.timedelta(minutes=5)


def test_guidelines_that_never_were_cannot_have_been_shown(alice: Client, project: Project) -> None:
    shown = current(alice, project)
    assert judge(alice, project, shown, guidelines="7").status_code == 400
    assert judge(alice, project, shown, guidelines="0").status_code == 200
    assert Judgment.objects.get().guidelines is None


def test_what_is_held_may_be_finished_while_the_project_is_paused(alice: Client, project: Project) -> None:
    first, *waiting = comparisons_in(alice.get(url(project)))
    projects.change_project(project, {"status": "paused"}, actor="test")
    response = judge(alice, project, first)
    assert held_in(response) == [shown.lease for shown in waiting]
    assert [shown.lease for shown in comparisons_in(alice.get(url(project)))] == held_in(response)
    for shown in waiting:
        response = judge(alice, project, shown)
    assert held_in(response) == []
    assert "is paused" in response.content.decode()
    assert counting().count() == 3


def test_a_judgment_costs_a_fixed_number_of_statements(alice: Client, project: Project) -> None:
    def judge_and_next(*, forget: bool = False) -> list[str]:
        first, *waiting = comparisons_in(alice.get(url(project)))
        known = [shown.lease for shown in waiting]
        if forget:
            caches["process"].clear()
        with statements() as sent:
            page = alice.post(url(project, "judge"), {**answer(first), "known": known}, headers=SCRIPT)
        assert [card.lease in known for card in comparisons_in(page)] == [False]
        return sent

    alice.get(url(project))
    sent = judge_and_next()
    assert len(sent) == 6, sent
    world.add_comparisons(project, 50)
    bob = world.annotator(project, "bob")
    for _ in range(20):
        world.judge_next(bob)
    assert len(judge_and_next()) == 6
    assert len(judge_and_next(forget=True)) == 7, "every some seconds what is left is counted"
