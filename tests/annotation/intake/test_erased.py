"""What was erased does not come back: not by sending it again, not by joining what waited, not by deriving anew."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from annotation import erasure, projects, verification
from annotation.intake import joining
from annotation.models import Candidate, Event, Feedback, Judgment, Prompt, WaitingFeedback
from annotation.replay import replay
from tests import world
from tests.annotation.person import (
    SPOKEN,
    USER,
    edit,
    give_feedback,
    inference,
    live,
    log_inferences,
    of_kind,
    preference,
    remains,
)

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "the record with this id was erased; the id cannot be used again"
MODEL = {"type": "reward_model", "id": "rm-7"}


@pytest.fixture
def project(transactional_db):
    made = world.project()
    live(made)
    erasure.erase(made, USER, actor="test")
    return made


def told(outcomes):
    return [(outcome.result, *(f"{one.pointer}: {one.detail}" for one in outcome.problems)) for outcome in outcomes]


@pytest.mark.parametrize("same", [True, False])
def test_the_same_inference_again_is_a_conflict(project, same):
    record = inference("p0") if same else inference("p0", prompt="Something else?")
    assert told(log_inferences(project, record)) == [("conflict", f": {GONE}")]
    assert remains(*SPOKEN) == []


def test_the_same_feedback_again_is_a_conflict(project):
    again = [preference("f-own", "p0"), edit("f-edit-of-other", "o1"), preference("f-waits", "not-yet")]
    assert told(give_feedback(project, *again)) == [("conflict", f": {GONE}")] * 3
    assert remains(*SPOKEN) == []


def test_an_output_id_of_an_erased_inference_stays_taken(project):
    stolen = inference("new", text="x", user="x")
    stolen["outputs"][0]["output_id"] = "p0-0"
    assert told(log_inferences(project, stolen)) == [
        ("refused", "/outputs/0/output_id: is the output_id of another request")
    ]


def test_feedback_on_an_erased_inference_is_refused(project):
    late = preference("f-late", "p0", source=MODEL)
    assert told(give_feedback(project, late)) == [("refused", "/request_id: is of an inference that was erased")]
    assert not Feedback.objects.filter(feedback_id="f-late").exists()


def test_feedback_on_an_erased_edit_is_refused(project):
    gone = Candidate.objects.get(edit_event__isnull=False, prompt__request_id="o1").output_id
    record = of_kind("rating", "f-late", "o1", output=gone, value=1)
    assert told(give_feedback(project, record)) == [("refused", "/output: is not an output of this request")]


def test_an_erased_record_cannot_be_retracted(project):
    record = {"feedback_id": "f-late", "kind": "retraction", "source": MODEL, "retracts": "f-own"}
    assert told(give_feedback(project, record, manages=True)) == [("refused", "/retracts: is a record that was erased")]


def test_what_waited_is_forgotten_and_never_joined(project):
    assert not WaitingFeedback.objects.exists()
    log_inferences(project, inference("not-yet", user="somebody", text="rhinoceros"))
    assert not Judgment.objects.filter(feedback__feedback_id="f-waits").exists()
    joining.join_missed(now=timezone.now())
    verification.verify(project)
    assert replay(project).differences == []


def test_a_retraction_that_waits_for_an_erased_record_is_not_lost(transactional_db):
    project = world.project()
    give_feedback(project, {"feedback_id": "f-back", "kind": "retraction", "source": MODEL, "retracts": "f-late"})
    log_inferences(project, inference("p0"))
    erasure.erase(project, USER, actor="test")
    assert told(give_feedback(project, preference("f-late", "p0", source=MODEL))) == [
        ("refused", "/request_id: is of an inference that was erased")
    ]
    assert WaitingFeedback.objects.get().feedback.feedback_id == "f-back"


def test_heuristics_see_nothing_in_erased_signals(project):
    projects.change_project(project, {"heuristics": ["copied_over_not"]}, actor="test")
    before = Judgment.objects.count()
    assert joining.derive_again(project, ["copied_over_not"], now=timezone.now()) == 0
    assert Judgment.objects.count() == before


def test_importing_a_file_again_brings_nothing_back(project, tmp_path):
    path = tmp_path / "again.jsonl"
    path.write_text(json.dumps({**inference("p0"), "feedback": [preference("f-own", "p0")]}))
    out, errors = StringIO(), StringIO()
    with pytest.raises(SystemExit):
        call_command("import_pairs", str(path), "--project", project.slug, stdout=out, stderr=errors)
    assert "0 duplicates; 1 refused" in out.getvalue()
    assert GONE in errors.getvalue()
    assert remains(*SPOKEN) == []


def test_new_records_of_the_person_are_taken_as_any(project):
    assert told(log_inferences(project, inference("later"))) == [("created",)]
    assert told(give_feedback(project, preference("f-later", "later"))) == [("created",)]
    assert Prompt.objects.get(request_id="later").erasure is None
    assert erasure.erase(project, USER, actor="test").inferences == 1


def test_events_never_name_users(project):
    log_inferences(project, inference("later"))
    give_feedback(
        project,
        preference("f-1", "later"),
        preference("f-2", "later", source={"type": "human", "id": USER}, metadata={"user_id": USER}),
        preference("f-3", "later", source=MODEL),
        preference("f-4", "unknown"),
    )
    log_inferences(project, inference("unknown"))
    kinds = Event.objects.filter(kind__in=["feedback.recorded", "feedback.joined"], subject__regex="f-[1-4]$")
    told = [(event.subject, event.kind, event.payload["source"].get("id")) for event in kinds.order_by("pk")]
    assert told == [
        ("feedback:f-1", "feedback.recorded", None),
        ("feedback:f-2", "feedback.recorded", None),
        ("feedback:f-3", "feedback.recorded", "rm-7"),
        ("feedback:f-4", "feedback.recorded", None),
        ("feedback:f-4", "feedback.joined", None),
    ]
    verification.verify(project)
