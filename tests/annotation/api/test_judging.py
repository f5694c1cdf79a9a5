"""Programs answer what they took from the queue."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from annotation import projects, queue
from annotation.models import Assignment, Comparison, Feedback, Judgment
from tests import world
from tests.annotation.intake.records import inference
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    return world.project(comparisons=3)


@pytest.fixture
def program(project):
    return Caller(project, "annotate", "read")


def claim(program, annotator="critic-1"):
    (lease,) = program("POST", "queue/claim/", {"annotator": annotator}).json()
    return lease["lease_id"], [output["output_id"] for output in lease["outputs"]]


def preference(left, right, **fields):
    return {
        "feedback_id": str(uuid.uuid4()),
        "kind": "preference",
        "source": {"type": "ai_critic", "id": "critic-1", "version": "3"},
        "outcome": "chosen",
        "chosen": left,
        "rejected": right,
        **fields,
    }


def tie(**fields):
    return {
        "feedback_id": str(uuid.uuid4()),
        "kind": "preference",
        "source": {"type": "ai_critic", "id": "critic-1"},
        "outcome": "tie",
        **fields,
    }


def judge(program, lease, body):
    return program("POST", f"queue/{lease}/judge/", body)


def test_an_answer_is_the_judgment_as_the_list_tells_it(project, program):
    lease, (left, right) = claim(program)
    body = preference(left, right, strength=2, critique="Clearer.", principle="Be clear.", duration_ms=900)
    answer = judge(program, lease, body)
    assert answer.status_code == 201
    told = answer.json()
    assert [told] == program.all("judgments/")
    assert (told["chosen"], told["rejected"], told["presented"], told["strength"]) == (left, right, [left, right], 2)
    assert told["source"] == {"type": "ai_critic", "id": "critic-1", "version": "3"}
    assert (told["critique"], told["principle"], told["duration_ms"]) == ("Clearer.", "Be clear.", 900)
    assert (told["surplus"], told["current"]) == (False, True)
    comparison = Comparison.objects.get(uid=told["comparison_id"])
    assert (comparison.taken, comparison.judged) == (1, 1)
    assert Judgment.objects.get().assignment.uid == uuid.UUID(lease)


def test_the_same_again_is_200_and_once(program):
    lease, (left, right) = claim(program)
    body = preference(left, right)
    first, again = judge(program, lease, body), judge(program, lease, body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert Judgment.objects.count() == 1


def test_another_answer_to_the_same_lease_is_409(program):
    lease, (left, right) = claim(program)
    body = preference(left, right)
    judge(program, lease, body)
    problem(judge(program, lease, preference(right, left)), 409)
    problem(judge(program, lease, preference(right, left, feedback_id=body["feedback_id"])), 409)
    assert Judgment.objects.get().chosen.output_id == left


def test_a_feedback_id_of_another_lease_is_409(program):
    lease, _ = claim(program)
    body = tie()
    assert judge(program, lease, body).status_code == 201
    problem(judge(program, claim(program)[0], body), 409)


@pytest.mark.parametrize("give_sides", [True, False])
@pytest.mark.parametrize("outcome", ["tie", "both_bad"])
def test_the_sides_are_those_of_the_lease(program, outcome, give_sides):
    lease, sides = claim(program)
    body = tie(outcome=outcome, **({"presented": sides} if give_sides else {}))
    told = judge(program, lease, body).json()
    assert (told["outcome"], told["chosen"], told["presented"]) == (outcome, None, sides)


def test_scores_and_rankings_of_the_pair_are_answers(program):
    lease, (left, right) = claim(program)
    scored = {**tie(), "kind": "score", "scores": {left: 0.1, right: 0.7}}
    del scored["outcome"]
    told = judge(program, lease, scored).json()
    assert (told["chosen"], told["scores"], told["presented"]) == (right, {left: 0.1, right: 0.7}, [left, right])
    lease, (left, right) = claim(program)
    ranked = {**tie(), "kind": "ranking", "ranking": [[left, right]]}
    del ranked["outcome"]
    assert judge(program, lease, ranked).json()["outcome"] == "tie"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda left, right: {"chosen": "r2-0"}, "/chosen"),
        (lambda left, right: {"rejected": left}, "/rejected"),
        (lambda left, right: {"presented": [right, left]}, "/presented"),
        (lambda left, right: {"digests": {left: "0" * 64}}, "/digests/"),
        (lambda left, right: {"source": {"type": "ai_critic", "id": "critic-2"}}, "/source/id"),
        (lambda left, right: {"source": {"type": "ai_critic"}}, "/source/id"),
        (lambda left, right: {"source": {"type": "ai_critic", "id": "api:critic-1"}}, "/source/id"),
        (lambda left, right: {"request_id": "r0"}, "/request_id"),
        (lambda left, right: {"kind": "retraction"}, "/kind"),
        (lambda left, right: {"mood": "good"}, "/mood"),
        (lambda left, right: {"outcome": "tie"}, "/chosen"),
    ],
)
def test_what_does_not_fit_the_lease_is_refused_and_the_lease_stays(program, change, where):
    lease, (left, right) = claim(program)
    assert any(
        found.startswith(where)
        for found in pointers(judge(program, lease, preference(left, right) | change(left, right)))
    )
    assert not Feedback.objects.exists()
    assert Assignment.objects.get().state == Assignment.State.LEASED
    assert judge(program, lease, preference(left, right)).status_code == 201


@pytest.mark.parametrize("step", ["release", "skip"])
def test_a_lease_that_was_given_back_is_409(program, step):
    lease, (left, right) = claim(program)
    program("POST", f"queue/{lease}/{step}/", {})
    problem(judge(program, lease, preference(left, right)), 409)


def test_an_answer_that_comes_too_late_is_kept_and_says_so(project, program):
    lease, (left, right) = claim(program)
    Assignment.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()
    claim(program, "critic-2")
    answer = judge(program, lease, preference(left, right))
    assert (answer.status_code, answer.json()["surplus"]) == (201, True)


def test_leases_of_people_of_others_and_of_nobody_are_404(project, program):
    alice = world.annotator(project, "alice")
    (own,) = queue.hold(alice, count=1)
    problem(judge(program, own.uid, tie()), 404)
    problem(judge(program, uuid.uuid4(), tie()), 404)
    lease, _ = claim(program)
    other = Caller(world.project("other"), "annotate")
    problem(other("POST", f"queue/{lease}/judge/", tie()), 404)


def test_it_takes_the_scope_a_body_and_post(project, program):
    lease, _ = claim(program)
    problem(Caller(project, "ingest", "read")("POST", f"queue/{lease}/judge/", tie()), 403)
    assert pointers(judge(program, lease, [tie()])) == [""]
    problem(program("GET", f"queue/{lease}/judge/"), 405)


def test_a_person_who_answers_by_a_program_is_named_apart_from_who_is_signed_in(project, program):
    world.judge_next(world.annotator(project, "dora"))
    for source_id in ("dora", "api:dora"):
        lease, (left, right) = claim(program, "dora")
        body = preference(left, right, source={"type": "human", "id": source_id})
        told = judge(program, lease, body).json()
        assert told["source"]["id"] == "api:dora"
        assert judge(program, lease, body).status_code == 200
    assert len(program.all("judgments/", annotator="dora")) == 1
    assert len(program.all("judgments/", annotator="api:dora")) == 2


def test_what_is_held_of_a_closed_project_is_taken_and_nothing_new_is_handed_out(project, program):
    lease, (left, right) = claim(program)
    projects.change_project(project, {"status": "closed"}, actor="test")
    assert program("POST", "queue/claim/", {"annotator": "critic-2"}).json() == []
    assert judge(program, lease, preference(left, right)).status_code == 201
    assert Caller(project, "ingest")("POST", "inferences/", inference("late")).status_code == 201
