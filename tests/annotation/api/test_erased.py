"""Erased records over the API: nothing of them is told but that they were erased."""

from __future__ import annotations

import pytest

from annotation import erasure, log, queue
from annotation.models import Event, Feedback, Seal
from tests import world
from tests.annotation.person import SPOKEN, USER, edit, inference, live, preference
from tests.api import Caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    made = world.project()
    live(made)
    return made


@pytest.fixture
def erased(project):
    erasure.erase(project, USER, actor="test")
    log.seal(project)
    return project


def test_an_inference_says_when_it_was_erased_and_where_the_log_says_so(erased):
    answer = Caller(erased, "read")("GET", "inferences/p0/")
    detail = problem(answer, 410)["detail"]
    event = Event.objects.filter(kind="records.erased", payload__requests__contains="p0").get()
    position = Seal.objects.get(event=event).position
    assert detail == f"The inference “p0” was erased on {event.at:%Y-%m-%d}, position {position} of the log."


def test_an_inference_of_somebody_else_says_which_feedback_on_it_was_erased(erased):
    told = Caller(erased, "read").get("inferences/o1/")
    assert [output["output_id"] for output in told["outputs"]] == ["o1-0", "o1-1"]
    assert {one["feedback_id"]: one["state"] for one in told["feedback"]} == {
        "f-edit-of-other": "erased", "f-by-metadata": "erased", "f-of-other": "joined",
    }  # fmt: skip


def test_erased_feedback_is_listed_empty(erased):
    program = Caller(erased, "read")
    told = program.all("feedback/", state="erased")
    assert {one["feedback_id"] for one in told} == set(
        Feedback.objects.filter(erasure__isnull=False).values_list("feedback_id", flat=True)
    )
    assert {(one["state"], str(one["record"]), str(one["errors"])) for one in told} == {("erased", "{}", "[]")}
    assert {one["source"]["id"] for one in told} == {"", "rm-7"}
    others = [program.all("feedback/", state=state) for state in ("joined", "retracted", "waiting")]
    assert [[one["feedback_id"] for one in some] for some in others] == [["f-of-other"], [], []]


def test_judgments_of_it_are_not_current_and_say_why(erased):
    program = Caller(erased, "read")
    assert [one["feedback_id"] for one in program.all("judgments/")] == ["f-of-other"]
    told = [one for one in program.all("judgments/", current="false") if one["erased"]]
    assert {one["feedback_id"] for one in told} >= {"f-own", "f-edit", "f-of-model"}
    for one in told:
        assert not one["current"]
        assert (one["rationale"], one["critique"], one["principle"]) == (None, None, None)
        assert one["outcome"] == "chosen"


def test_nothing_that_the_api_tells_holds_anything_of_the_person(erased):
    program = Caller(erased, "read")
    told = [program.all(path, **query) for path, query in (
        ("events/", {}), ("feedback/", {}), ("judgments/", {"current": "false"}),
    )]  # fmt: skip
    told += [program.get(f"inferences/o{n}/") for n in range(2)]
    assert not [word for word in SPOKEN if word in str(told)]


def test_sending_it_again_is_409_and_says_why(erased):
    program = Caller(erased, "ingest")
    for path, record in (("inferences/", inference("p0")), ("feedback/", preference("f-own", "p0"))):
        assert "was erased" in problem(program("POST", path, record), 409)["detail"]
        listed = program("POST", path, [record]).json()
        assert (listed["refused"], listed["results"][0]["result"]) == (1, "conflict")
    assert "erased" in problem(program("POST", "feedback/", edit("new", "p0")), 422)["detail"]


class TestLeases:
    """A program holds a comparison of an inference that is erased."""

    BODY = {
        "feedback_id": "f-lease", "kind": "preference", "source": {"type": "ai_critic", "id": "critic"},
        "outcome": "chosen", "chosen": "p0-0", "rejected": "p0-1",
    }  # fmt: skip

    @pytest.fixture
    def lease(self, project):
        critic = queue.annotator_for_program(project, "critic")
        held = queue.hold(critic, count=5)
        return next(lease for lease in held if lease.comparison.prompt.request_id == "p0")

    def test_it_is_not_offered_any_more(self, project, lease):
        erasure.erase(project, USER, actor="test")
        answer = Caller(project, "annotate")("POST", "queue/claim/", {"annotator": "critic", "count": 10})
        assert {output["output_id"][:2] for lease in answer.json() for output in lease["outputs"]} == {"o0", "o1"}

    @pytest.mark.parametrize("digests", [{}, {"digests": {"p0-0": "0" * 64}}])
    def test_an_answer_is_409(self, project, lease, digests):
        erasure.erase(project, USER, actor="test")
        program = Caller(project, "annotate")
        answer = program("POST", f"queue/{lease.uid}/judge/", self.BODY | digests)
        assert problem(answer, 409)["detail"] == "The lease has ended: it is erased."
        for what in ("release", "skip", "renew"):
            problem(program("POST", f"queue/{lease.uid}/{what}/"), 409)

    def test_the_same_answer_again_is_409_once_it_is_erased(self, project, lease):
        program = Caller(project, "annotate")
        assert program("POST", f"queue/{lease.uid}/judge/", self.BODY).status_code == 201
        erasure.erase(project, USER, actor="test")
        problem(program("POST", f"queue/{lease.uid}/judge/", self.BODY), 409)
