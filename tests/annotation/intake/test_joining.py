"""Feedback of every kind is joined to what it refers to, whichever comes first, and nothing that waits is lost."""

from __future__ import annotations

import pytest

from annotation import projects, queue, verification
from annotation.heuristics import HEURISTICS
from annotation.intake import joining
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Candidate, Comparison, Event, Feedback, Judgment, WaitingFeedback
from annotation.replay import replay
from tests import world
from tests.annotation.intake.records import (
    NOW,
    edit,
    implicit,
    inference,
    preference,
    ranking,
    rating,
    retraction,
    score,
    tie,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project():
    return world.project()


def log(project, *values):
    return accept_inferences(project, [check_inference(project, value, now=NOW) for value in values], actor="test")


def accept(project, *values, **options):
    checked = [check_feedback(value, now=NOW) for value in values]
    return accept_feedback(project, checked, actor="test", now=NOW, **options)


def states(outcomes):
    return [outcome.state or outcome.result for outcome in outcomes]


def current(project):
    """What counts, as (feedback_id, outcome, winner or rated output)."""
    rows = Judgment.objects.filter(project=project, feedback__retracted_by=None)
    return sorted(
        (row.feedback.feedback_id, row.outcome, (row.chosen or row.first).output_id)
        for row in rows.select_related("feedback", "chosen", "first")
    )


def check_log(project):
    """The log holds, and gives the same judgments again."""
    verification.verify(project)
    assert replay(project).differences == []


ALL_KINDS = [
    preference("f1"), tie("f2"), score("f3"), ranking("f4"), rating("f5"), implicit("f7"),
]  # fmt: skip


def test_feedback_that_comes_first_waits_and_is_joined(project):
    assert states(accept(project, *ALL_KINDS)) == ["waiting"] * 6
    assert Judgment.objects.count() == 0
    assert [outcome.state for outcome in accept(project, *ALL_KINDS)] == ["waiting"] * 6
    log(project, inference())
    assert WaitingFeedback.objects.count() == 0
    assert current(project) == [
        ("f1", "chosen", "r1-a"), ("f2", "tie", "r1-a"), ("f3", "chosen", "r1-a"), ("f4", "chosen", "r1-a"),
        ("f5", "rated", "r1-a"),
    ]  # fmt: skip
    assert states(accept(project, *ALL_KINDS)) == ["joined"] * 6
    check_log(project)


def test_a_rating_is_an_unpaired_judgment(project):
    log(project, inference())
    accept(project, rating("f1", value=-1), rating("f2", value=0.5, output="r1-b"))
    assert list(Judgment.objects.order_by("pk").values_list("first__output_id", "second", "value")) == [
        ("r1-a", None, -1.0), ("r1-b", None, 0.5),
    ]  # fmt: skip
    check_log(project)


@pytest.mark.parametrize("late", [False, True])
def test_an_edit_is_preferred_to_its_original(project, late):
    steps = [lambda: log(project, inference()), lambda: accept(project, edit(edited="Better: \u202eabc"))]
    for step in reversed(steps) if late else steps:
        step()
    judgment = Judgment.objects.get()
    assert (judgment.chosen.content, judgment.rejected.output_id) == ("Better: \u202eabc", "r1-a")
    assert judgment.chosen.metadata == {"edited_from": "r1-a", "feedback_id": "f1"}
    assert Candidate.objects.count() == 3
    check_log(project)


def test_an_edit_that_changes_nothing_is_refused(project):
    log(project, inference())
    (outcome,) = accept(project, edit(edited="One thing."))
    assert [problem.pointer for problem in outcome.problems] == ["/edited"]
    assert Candidate.objects.count() == 2


def test_what_does_not_fit_when_its_inference_comes_is_kept_and_said(project):
    accept(project, preference("f1", chosen="r1-x"), preference("f2"))
    log(project, inference())
    waiting = WaitingFeedback.objects.get()
    assert (waiting.feedback.feedback_id, waiting.state) == ("f1", "mismatched")
    assert waiting.problems == [["/chosen", "is not an output of this request"]]
    assert Event.objects.filter(kind="feedback.mismatched", subject="feedback:f1").count() == 1
    assert current(project) == [("f2", "chosen", "r1-a")]
    check_log(project)
    told = accept(project, preference("f1", chosen="r1-x"), preference("f2"))
    assert [(one.result, one.state) for one in told] == [("duplicate", "mismatched"), ("duplicate", "joined")]


def test_what_waits_too_long_is_reported_once_and_still_joined(project):
    projects.change_project(project, {"orphan_hours": 0}, actor="test")
    accept(project, preference())
    assert [joining.report_orphans(), joining.report_orphans()] == [1, 0]
    assert WaitingFeedback.objects.get().state == "orphaned"
    assert Event.objects.filter(kind="feedback.orphaned").count() == 1
    log(project, inference())
    assert current(project) == [("f1", "chosen", "r1-a")]


ORDERS = [("i", "f", "x"), ("i", "x", "f"), ("f", "i", "x"), ("f", "x", "i"), ("x", "i", "f"), ("x", "f", "i")]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_a_retraction_takes_back_whatever_the_order(project, order):
    steps = {
        "i": lambda: log(project, inference()),
        "f": lambda: accept(project, preference(), preference("f2")),
        "x": lambda: accept(project, retraction("x1", "f1")),
    }
    for step in order:
        steps[step]()
    assert current(project) == [("f2", "chosen", "r1-a")]
    assert Judgment.objects.count() == 2
    assert WaitingFeedback.objects.count() == 0
    check_log(project)


def test_a_retraction_in_the_batch_of_what_it_takes_back(project):
    log(project, inference())
    assert states(accept(project, retraction("x1", "f1"), preference(), retraction("x2", "f1"))) == ["joined"] * 3
    assert current(project) == []
    check_log(project)


def test_a_source_retracts_its_own_and_a_manager_any(project):
    log(project, inference())
    accept(project, preference(), score("f2"))
    mallory = {"type": "end_user", "id": "mallory"}
    (outcome,) = accept(project, retraction("x1", "f1", source=mallory))
    assert [problem.pointer for problem in outcome.problems] == ["/source"]
    accept(project, retraction("x2", "f2", source=mallory), manages=True)
    assert current(project) == [("f1", "chosen", "r1-a")]
    (outcome,) = accept(project, retraction("x3", "x2", source=mallory))
    assert [problem.pointer for problem in outcome.problems] == ["/retracts"]


def test_a_foreign_retraction_that_came_first_takes_nothing_back(project):
    accept(project, retraction("x1", "f1", source={"type": "end_user", "id": "mallory"}))
    log(project, inference())
    accept(project, preference())
    assert current(project) == [("f1", "chosen", "r1-a")]
    assert WaitingFeedback.objects.get().state == "mismatched"
    check_log(project)


def test_a_retracted_answer_of_the_queue_frees_its_slot_for_others():
    project = world.project(comparisons=1)
    alice, bob = queue.annotator_for_program(project, "alice"), world.annotator(project, "bob")
    world.judge_next(alice, feedback_id="f1")
    assert queue.hold(bob, count=1) == []
    accept(project, retraction("x1", "f1", source={"type": "human", "id": "api:alice"}))
    assert queue.hold(alice, count=1) == []
    assert len(queue.hold(bob, count=1)) == 1
    comparison = Comparison.objects.get()
    assert (comparison.taken, comparison.judged) == (1, 0)
    check_log(project)


def test_implicit_signals_are_kept_and_prefer_nothing(project):
    log(project, inference())
    accept(project, implicit(dwell_ms={"r1-a": 9000, "r1-b": 10}, accepted=["r1-a"], regenerated=["r1-b"]))
    assert (Feedback.objects.count(), Judgment.objects.count()) == (1, 0)


@pytest.mark.parametrize("order", ["if", "fi"])
def test_named_heuristics_derive_preferences_once(project, order):
    projects.change_project(project, {"heuristics": ["dwell_ratio", "copied_over_not"]}, actor="test")
    signals = implicit(dwell_ms={"r1-a": 9000, "r1-b": 10}, copied=["r1-b"])
    steps = {"i": lambda: log(project, inference()), "f": lambda: accept(project, signals)}
    for step in order:
        steps[step]()
    rows = Judgment.objects.order_by("source_id").values_list(
        *("source_type", "source_id", "source_version", "chosen__output_id", "feedback__body__metadata__derived_from")
    )
    assert list(rows) == [
        ("heuristic", "copied_over_not", "1", "r1-b", "f1"), ("heuristic", "dwell_ratio", "1", "r1-a", "f1"),
    ]  # fmt: skip
    assert joining.derive_again(project, list(HEURISTICS), now=NOW) == 0
    check_log(project)


def test_heuristics_can_be_run_later_over_what_was_kept(project):
    log(project, inference(), inference("r2"))
    accept(project, implicit(), implicit("f2", "r2", clicked=["r2-b"]))
    accept(project, retraction("x1", "f2"))
    assert joining.derive_again(project, ["copied_over_not"], now=NOW) == 1
    assert joining.derive_again(project, ["copied_over_not", "clicked_over_not"], now=NOW) == 1
    assert joining.derive_again(project, ["copied_over_not", "clicked_over_not"], now=NOW) == 0
    # What comes of signals that were taken back does not count.
    assert [(outcome, winner) for _, outcome, winner in current(project)] == [("chosen", "r1-a")]
    check_log(project)


@pytest.mark.parametrize("order", ["ifx", "fxi", "xfi"])
def test_what_was_derived_goes_with_the_signals_that_are_retracted(project, order):
    projects.change_project(project, {"heuristics": ["copied_over_not"]}, actor="test")
    steps = {
        "i": lambda: log(project, inference()),
        "f": lambda: accept(project, implicit()),
        "x": lambda: accept(project, retraction("x1", "f1")),
    }
    for step in order:
        steps[step]()
    assert current(project) == []
    assert Judgment.objects.count() == 1
    check_log(project)


def test_signals_are_sampled_by_request_and_the_propensity_is_kept(project):
    projects.change_project(project, {"implicit_rate": 0.5}, actor="test")
    ids = [f"r{n}" for n in range(200)]
    log(project, *(inference(request_id) for request_id in ids))
    signals = [implicit(f"f{n}", request_id) for n, request_id in enumerate(ids)]
    outcomes = accept(project, *signals)
    kept = [outcome for outcome in outcomes if outcome.state == "joined"]
    assert {outcome.state for outcome in outcomes} == {"joined", "sampled_out"}
    assert 70 < len(kept) < 130
    assert set(Feedback.objects.values_list("propensity", flat=True)) == {0.5}
    assert Feedback.objects.count() == len(kept)
    again = accept(project, *signals)
    assert [outcome.state for outcome in again] == [outcome.state for outcome in outcomes]
    assert states(accept(project, preference("p1", "r1"))) == ["joined"]
    check_log(project)
