"""Counting the log into pairs of models, step by step, whatever comes in which order."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from annotation import answers, erasure, mixing, projects
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.models import Judgment, ModelPair, Tally
from annotation.pairing import tally
from annotation.tasks import tally_pairs
from tests import world
from tests.annotation.pairing.prompts import log_prompt
from tests.annotation.person import OTHER, USER, inference, log_inferences
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn

HUMAN = {"type": "human", "id": "alice"}


def send(project, **record):
    value = {"feedback_id": str(uuid.uuid4()), "source": HUMAN, **record}
    now = timezone.now()
    (outcome,) = accept_feedback(project, [check_feedback(value, now=now)], actor="test", now=now, manages=True)
    assert outcome.result == "created", outcome
    return value["feedback_id"]


def vote(project, request_id, first, second, outcome="chosen", **more):
    """One human vote for the first of two outputs, by their numbers, or for neither."""
    one, other = f"{request_id}-{first:02}", f"{request_id}-{second:02}"
    said = {"chosen": one, "rejected": other} if outcome == "chosen" else {"presented": [one, other]}
    return send(project, request_id=request_id, kind="preference", outcome=outcome, **said, **more)


def counts(project):
    """Of each two models: wins of each, ties, both bad, asked, answered."""
    tally.catch_up(project)
    return {
        (f"{row.a_name} {row.a_version}".strip(), f"{row.b_name} {row.b_version}".strip()): (
            *(row.a_wins, row.b_wins, row.ties, row.both_bad, row.asked, row.answered),
        )
        for row in ModelPair.objects.filter(project=project)
        if any((row.a_wins, row.b_wins, row.ties, row.both_bad, row.asked, row.answered))
    }


@pytest.mark.django_db
@pytest.mark.parametrize("before", [True, False])
def test_erased_votes_are_taken_out_once(before):
    project = world.project(pairing="none")
    log_inferences(project, inference("p0"), inference("o0", user=OTHER, text="rhinoceros"))
    for request_id in ("p0", "o0", "o0"):
        send(project, request_id=request_id, kind="preference", outcome="chosen",
             chosen=f"{request_id}-0", rejected=f"{request_id}-1")  # fmt: skip
    gone = send(project, request_id="p0", kind="preference", outcome="chosen", chosen="p0-0", rejected="p0-1")
    send(project, kind="retraction", retracts=gone)
    if before:
        assert counts(project) == {("aurora 1", "basalt 1"): (3, 0, 0, 0, 0, 0)}
    erasure.erase(project, USER, actor="test")
    assert counts(project) == {("aurora 1", "basalt 1"): (2, 0, 0, 0, 0, 0)}


@pytest.mark.django_db
def test_votes_are_counted_by_their_models_in_one_order():
    project = world.project()
    log_prompt(project, ["basalt 2", "aurora", "basalt 2"])
    for first, second in ((0, 1), (1, 0), (2, 1)):
        vote(project, "r1", first, second)
    for outcome in ("tie", "both_bad", "both_bad"):
        vote(project, "r1", 0, 1, outcome)
    assert counts(project) == {("aurora", "basalt 2"): (1, 2, 1, 2, 0, 0)}
    assert counts(project) == {("aurora", "basalt 2"): (1, 2, 1, 2, 0, 0)}, "again is nothing new"


@pytest.mark.django_db
def test_what_says_nothing_of_two_models_is_not_counted():
    project = world.project()
    log_prompt(project, ["aurora", "aurora", "", "basalt"])
    vote(project, "r1", 0, 1)
    vote(project, "r1", 0, 2)
    vote(project, "r1", 0, 3, source={"type": "reward_model", "id": "rm"})
    vote(project, "r1", 0, 3, source={"type": "end_user", "id": "u"})
    send(project, request_id="r1", kind="rating", output="r1-00", value=1)
    send(project, request_id="r1", kind="edit", output="r1-00", edited="Better.")
    assert counts(project) == {}


@pytest.mark.django_db
def test_what_the_queue_asked_is_counted_as_asked_and_answered_whoever_answers():
    project = world.project(comparisons=3, overlap=2)
    world.judge_next(world.annotator(project, "alice"), "a")
    world.judge_next(world.annotator(project, "bob"), "tie")
    won = Judgment.objects.get(outcome="chosen").chosen.model_name
    wins = (1, 0) if won == "aurora" else (0, 1)
    assert counts(project) == {("aurora 1", "basalt 1"): (*wins, 1, 0, 3, 2)}
    answers.undo(world.annotator(project, "bob"))
    assert counts(project) == {("aurora 1", "basalt 1"): (*wins, 0, 0, 3, 1)}


@pytest.mark.django_db
@pytest.mark.parametrize("counted_between", [False, True])
def test_golds_and_repeats_are_neither_asked_nor_answered(monkeypatch, counted_between):
    monkeypatch.setattr(mixing, "APART", 0)
    project = world.project(comparisons=4, **RATES)
    if counted_between:
        counts(project)
    world.add_gold(project, "r3")
    alice = world.annotator(project, "alice")
    for draw in (NEITHER, GOLD, REPEAT):
        with drawn(draw):
            world.judge_next(alice, "tie")
    assert counts(project) == {("aurora 1", "basalt 1"): (0, 0, 1, 0, 3, 1)}


@pytest.mark.django_db
def test_counting_in_small_steps_is_the_same(monkeypatch):
    projects_ = [world.project(slug) for slug in ("one", "two")]
    for project, step in zip(projects_, (100_000, 1), strict=True):
        log_prompt(project, ["aurora", "basalt", "coral"], strategy="all_pairs")
        first = vote(project, "r1", 0, 1)
        vote(project, "r1", 1, 2)
        send(project, kind="retraction", retracts=first)
        monkeypatch.setattr(tally, "STEP", step)
    assert counts(projects_[0]) == counts(projects_[1]) == {
        ("aurora", "basalt"): (0, 0, 0, 0, 1, 0),
        ("aurora", "coral"): (0, 0, 0, 0, 1, 0),
        ("basalt", "coral"): (1, 0, 0, 0, 1, 0),
    }  # fmt: skip


@pytest.mark.django_db
def test_the_task_counts_for_projects_that_go_by_it():
    informative, other = world.project("one", pairing="informative"), world.project("two")
    for project in (informative, other):
        log_prompt(project, ["aurora", "basalt"], strategy="all_pairs")
    tally_pairs()
    tally_pairs()
    assert Tally.objects.get().project == informative
    assert ModelPair.objects.get().asked == 1
    projects.change_project(other, {"pairing": "informative"}, actor="lena")
    tally_pairs()
    assert ModelPair.objects.count() == 2


@pytest.mark.django_db
def test_names_may_be_long_and_of_any_letters():
    project = world.project()
    names = [sign * 200 for sign in ("ö", "😀")]
    log_prompt(project, [f"{names[0]} {names[1]}", f"{names[1]} {names[0]}"], strategy="all_pairs")
    assert sum(ModelPair.objects.values_list("asked", flat=True)) == 0
    tally.catch_up(project)
    assert ModelPair.objects.get().asked == 1


@pytest.mark.django_db(transaction=True)
def test_counting_leaves_the_log_whole():
    project = world.project(comparisons=2, pairing="informative")
    world.judge_next(world.annotator(project, "alice"))
    counts(project)
    call_command("verify_log", project=project.slug)
    call_command("replay_log", project=project.slug, check=True)


class AnyOrder(TestCase):
    """Votes, retractions before and after them, and counts in between: the end is what counts."""

    @settings(max_examples=8, deadline=None)
    @given(
        steps=st.permutations(
            [*((n, "vote") for n in range(4)), *((n, "retract") for n in range(3)), *[(0, "count")] * 3]
        )
    )
    def test_retractions_are_taken_out_whenever_they_come(self, steps):
        project = world.project()
        log_prompt(project, ["aurora", "basalt"])
        for number, step in steps:
            if step == "vote":
                vote(project, "r1", 0, 1, feedback_id=f"f{number}")
            elif step == "retract":
                send(project, kind="retraction", retracts=f"f{number}")
            else:
                tally.catch_up(project)
        assert counts(project) == {("aurora", "basalt"): (1, 0, 0, 0, 0, 0)}
