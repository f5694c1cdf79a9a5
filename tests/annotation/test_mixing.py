"""Golds and repeats are mixed into the work: each once, among other work, and beside all that is counted."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models import F
from django.utils import timezone

from annotation import answers, golds, mixing, progress, projects, queue
from annotation.models import Annotator, Assignment, Comparison, Event, Judgment, Project
from annotation.replay import replay
from annotation.scales import CHOICES
from annotation.verification import verify
from tests import world
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn
from tests.statements import statements

pytestmark = pytest.mark.django_db
State = Assignment.State


def mixed_project(**settings: Any) -> Project:
    return world.project(**{"comparisons": 30, **RATES, **settings})


def judge(annotator: Annotator, count: int = 1, value: str = "a") -> list[Assignment]:
    leases = [world.judge_next(annotator, value) for _ in range(count)]
    return [lease for lease in leases if lease]


def kinds(leases: list[Assignment]) -> list[str]:
    return [lease.comparison.kind for lease in leases]


def lapse(lease: Assignment) -> None:
    Assignment.objects.filter(pk=lease.pk).update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()


def test_a_gold_comes_when_chance_says_so_and_each_only_once() -> None:
    project = mixed_project()
    made = world.add_golds(project, 3)
    alice = world.annotator(project, "alice")
    with drawn(NEITHER):
        assert kinds(judge(alice, 2)) == ["plain", "plain"]
    with drawn(GOLD):
        leases = judge(alice, 6)
    assert kinds(leases) == ["gold"] * 3 + ["plain"] * 3
    assert {lease.comparison_id for lease in leases[:3]} == {gold.pk for gold in made}


def test_everybody_is_given_the_same_golds_in_an_order_of_chance() -> None:
    project = mixed_project()
    world.add_golds(project, 12)
    orders = []
    with drawn(GOLD):
        for name in ("alice", "bob"):
            orders.append([lease.comparison_id for lease in judge(world.annotator(project, name), 12)])
    assert set(orders[0]) == set(orders[1])
    assert orders[0] != orders[1], "once in 479,001,600 times they are the same"


def test_a_gold_may_be_skipped_released_and_lost() -> None:
    project = mixed_project()
    world.add_golds(project, 1)
    alice = world.annotator(project, "alice")
    with drawn(GOLD, NEITHER):
        (lease,) = queue.hold(alice, count=1)
        queue.release(alice, lease.uid)
    with drawn(GOLD, NEITHER):
        (again,) = queue.hold(alice, count=1)
        lapse(again)
    with drawn(GOLD, NEITHER):
        (third,) = queue.hold(alice, count=1)
        queue.skip(alice, third.uid)
    assert kinds([lease, again, third]) == ["gold"] * 3
    with drawn(GOLD):
        assert kinds(queue.hold(alice, count=1)) == ["plain"]


def end(lease: Assignment, how: str) -> None:
    if how == "left":
        queue.release(lease.annotator, lease.uid)
    else:
        lapse(lease)


@pytest.mark.parametrize("how", ["left", "expired"])
def test_nobody_gets_round_a_gold_by_leaving(how: str) -> None:
    project = mixed_project()
    world.add_golds(project, 5)
    alice = world.annotator(project, "alice")
    with drawn(GOLD, NEITHER):
        (lease,) = queue.hold(alice, count=1)
        end(lease, how)
        for _ in range(3):
            (again,) = queue.hold(alice, count=1)
            assert again.comparison_id == lease.comparison_id
            end(again, how)
        assert [one.comparison_id for one in judge(alice)] == [lease.comparison_id]
        assert kinds(judge(alice, 3)) == ["plain"] * 3
    alice.refresh_from_db()
    assert alice.interrupted is False


def test_all_that_was_given_back_comes_again_as_plain_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    project = mixed_project()
    world.add_golds(project, 3)
    alice = world.annotator(project, "alice")
    with drawn(NEITHER, GOLD, REPEAT, NEITHER):
        judge(alice)
        left = queue.hold(alice, count=3)
        assert sorted(kinds(left)) == ["gold", "plain", "repeat"]
        for lease in left:
            end(lease, "left")
        back = queue.hold(alice, count=3)
    assert {lease.comparison_id for lease in back} == {lease.comparison_id for lease in left}
    sides = [lease.left_id for leases in (left, back) for lease in leases if lease.comparison.kind == "repeat"]
    assert sides[0] == sides[1], "it shows the sides of the first answer swapped, or it is no repeat"


def test_a_gold_that_was_answered_late_or_is_not_wanted_does_not_come_again() -> None:
    project = mixed_project()
    world.add_golds(project, 2)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    with drawn(GOLD, NEITHER):
        (late,) = queue.hold(alice, count=1)
        lapse(late)
        answers.judge(alice, late.uid, CHOICES["a"], feedback_id="late")
        assert kinds(judge(alice)) == ["plain"]
    with drawn(GOLD, NEITHER):
        (left,) = queue.hold(bob, count=1)
        end(left, "left")
        projects.change_project(project, {"gold_rate": 0}, actor="test")
        assert kinds(judge(bob)) == ["plain"]


def test_a_late_answer_to_a_gold_counts_unless_it_was_answered_meanwhile() -> None:
    project = mixed_project()
    world.add_golds(project, 1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    choice = CHOICES["a"]
    with drawn(GOLD):
        late = {annotator: queue.hold(annotator, count=1)[0] for annotator in (alice, bob)}
        for lease in late.values():
            lapse(lease)
        assert kinds(judge(bob)) == ["gold"]
    for annotator, lease in late.items():
        answers.judge(annotator, lease.uid, choice, feedback_id=f"late {annotator}")
    surplus = dict(Judgment.objects.values_list("feedback__feedback_id", "surplus"))
    assert (surplus["late alice"], surplus["late bob"]) == (False, True)


def test_an_undone_gold_comes_back_with_its_sides() -> None:
    project = mixed_project()
    world.add_golds(project, 1)
    alice = world.annotator(project, "alice")
    with drawn(GOLD):
        (lease,) = judge(alice)
        again = answers.undo(alice)
        assert (again.pk, again.state, again.left_id) == (lease.pk, State.LEASED, lease.left_id)
        assert judge(alice) == [lease]
    assert Annotator.objects.get().judged == 1


def test_a_repeat_is_an_earlier_one_with_its_sides_swapped() -> None:
    project = mixed_project(overlap=2)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    with drawn(NEITHER):
        earlier = judge(alice, mixing.APART + 2)
        judge(bob, 25)
    with drawn(REPEAT):
        repeats = judge(alice, 3, "b")
    assert kinds(repeats) == ["repeat"] * 3
    assert len({again.comparison.repeats_id for again in repeats}) == 3
    judged = {lease.comparison_id: (number, lease) for number, lease in enumerate(earlier)}
    for so_far, again in enumerate(repeats, len(earlier)):
        number, lease = judged[again.comparison.repeats_id]
        assert so_far - number > mixing.APART
        assert (again.left_id, again.right_id) == (lease.right_id, lease.left_id)
        assert again.comparison.for_annotator == alice


def test_there_is_no_repeat_before_enough_was_judged() -> None:
    project = mixed_project()
    alice = world.annotator(project, "alice")
    with drawn(REPEAT):
        assert kinds(judge(alice, mixing.APART + 1)) == ["plain"] * mixing.APART + ["plain"]
        assert kinds(judge(alice)) == ["repeat"]


def test_a_repeat_that_was_given_back_comes_again_as_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    project = mixed_project()
    alice = world.annotator(project, "alice")
    with drawn(NEITHER, REPEAT):
        judge(alice)
        (lease,) = queue.hold(alice, count=1)
        queue.release(alice, lease.uid)
        (again,) = queue.hold(alice, count=1)
    assert kinds([again]) == ["repeat"]
    assert again.comparison_id == lease.comparison_id
    assert Event.objects.filter(kind="comparisons.created", payload__comparisons__0__has_key="repeats").count() == 1


def test_golds_and_surplus_answers_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    project = mixed_project()
    world.add_golds(project, 1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    with drawn(GOLD):
        judge(alice)
    with drawn(NEITHER):
        (lease,) = queue.hold(alice, count=1)
        lapse(lease)
        judge(bob)
        answers.judge(alice, lease.uid, CHOICES["a"], feedback_id="late")
    with drawn(REPEAT):
        assert kinds(judge(alice)) == ["plain"]


def test_nothing_is_mixed_in_at_the_end() -> None:
    project = mixed_project(comparisons=2)
    world.add_golds(project, 5)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    with drawn(NEITHER):
        judge(alice)
        queue.hold(bob, count=1)
    with drawn(GOLD):
        assert judge(alice) == []


def test_sides_stay_balanced_over_an_annotators_work_with_golds_and_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 3)
    project = mixed_project()
    world.add_golds(project, 10)
    alice = world.annotator(project, "alice")
    with drawn(*[GOLD, NEITHER, REPEAT] * 15):
        leases = judge(alice, 45)
    assert {"gold", "plain", "repeat"} == set(kinds(leases))
    lefts = Assignment.objects.filter(left=F("comparison__a")).count()
    assert Annotator.objects.get().side_balance == 2 * lefts - 45
    # A repeat has the side that it must have; what comes next makes it even again.
    assert abs(2 * lefts - 45) <= kinds(leases).count("repeat")
    gold_leases = [lease for lease in leases if lease.comparison.kind == "gold"]
    assert {lease.left_id == lease.comparison.a_id for lease in gold_leases} == {True, False}


def test_neither_is_counted_nor_takes_a_place() -> None:
    project = mixed_project(comparisons=22)
    world.add_golds(project, 2)
    alice = world.annotator(project, "alice")
    with drawn(*[NEITHER] * 21, GOLD, REPEAT, NEITHER):
        leases = judge(alice, 24)
    assert kinds(leases)[-3:] == ["gold", "repeat", "plain"]
    now = progress.project_progress(project)
    assert (now.comparisons, now.open, now.leased, now.done) == (22, 0, 0, 22)
    counts = Comparison.objects.exclude(kind="plain").values_list("overlap", "taken", "judged", "lefts")
    assert set(counts) == {(0, 0, 0, 0)}
    assert progress.annotator_progress(Annotator.objects.get()).today == 24


@pytest.mark.django_db(transaction=True)
def test_the_log_tells_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    project = mixed_project(comparisons=3)
    world.add_golds(project, 1)
    alice = world.annotator(project, "alice")
    with drawn(NEITHER, GOLD, REPEAT):
        assert kinds(judge(alice, 3)) == ["plain", "gold", "repeat"]
    assert Event.objects.filter(kind="lease.taken").count() == 3
    verify(project)
    assert replay(project).differences == []


def test_a_draw_that_misses_costs_no_statement() -> None:
    project, plain = mixed_project(slug="mixed"), world.project("plain", comparisons=30)
    world.add_golds(project, 2)
    counts = []
    for one in (plain, project):
        alice = queue.annotator_for_program(one, "alice")
        with drawn(NEITHER):
            judge(alice)
            with statements() as sent:
                judge(alice)
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_what_is_left_tells_nothing() -> None:
    """The total does not change by what is handed out or judged, whatever it is."""
    project = mixed_project(comparisons=60, gold_rate=0.2, repeat_rate=0.2)
    world.add_golds(project, 30)
    alice = world.annotator(project, "alice")
    totals, chance = set(), [0.1, 0.9, 0.9, 0.3, 0.9]
    with drawn(*chance * 20), patch.object(progress, "COUNT_SECONDS", 0):
        for _ in range(40):
            judge(alice)
            queue.hold(alice, count=2)
            alice.refresh_from_db()
            counted = progress.annotator_progress(alice)
            totals.add(counted.total)
            assert counted.judged + sum(
                progress.left_for(alice.user_id, [project.pk])[project.pk].__dict__.values()
            ) == (counted.total)
    assert {"gold", "plain", "repeat"} == set(Assignment.objects.values_list("comparison__kind", flat=True))
    assert len(totals) == 1
    assert totals.pop() > 60 * 10 / 6


@pytest.mark.parametrize(("name", "value"), [("gold_rate", "0.6"), ("repeat_rate", -0.1), ("gold_rate", "nan")])
def test_a_rate_that_cannot_be_is_refused(name: str, value: object) -> None:
    project = world.project()
    with pytest.raises(projects.SettingError) as caught:
        projects.change_project(project, {name: value}, actor="lena")
    assert caught.value.setting == name


def test_how_an_annotator_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "APART", 0)
    project = mixed_project()
    world.add_golds(project, 4)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    with drawn(NEITHER):
        judge(alice, 2, "tie")
    with drawn(REPEAT):
        judge(alice, 1, "tie")
        judge(alice, 1, "both_bad")
    with drawn(GOLD):
        for rightly in (False, True, False, True):
            (lease,) = queue.hold(alice, count=1)
            judge(alice, 1, "a" if (lease.left_id == lease.comparison.gold_chosen_id) == rightly else "b")
        answers.undo(alice)
    assert golds.check_annotators([alice.pk, bob.pk]) == {
        alice.pk: golds.Checks(golds=3, right=1, repeats=2, same=1),
        bob.pk: golds.Checks(),
    }
    assert golds.check_annotators([alice.pk])[alice.pk].has_failed
