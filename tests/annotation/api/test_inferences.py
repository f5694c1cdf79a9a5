"""One logged inference with its outputs and feedback."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import answers, canonical
from annotation.models import Prompt
from tests import world
from tests.annotation.intake.records import inference
from tests.api import Caller, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    return world.project(comparisons=2)


@pytest.fixture
def program(project):
    return Caller(project, "read")


def test_an_inference_is_told_with_ids_digests_and_feedback(project, program):
    alice = world.annotator(project, "alice")
    world.judge_next(alice, feedback_id="f1")
    told = program.get("inferences/r0/")
    assert (told["request_id"], told["prompt"], told["tools"], told["metadata"]) == ("r0", "Question 0?", [], {})
    assert told["digest"] == canonical.prompt_digest("Question 0?")
    assert [output["output_id"] for output in told["outputs"]] == ["r0-0", "r0-1"]
    for output in told["outputs"]:
        assert output["digest"] == canonical.output_digest(output["content"])
        assert output["parameters"] == {"temperature": 0.7}
    assert [output["model"]["name"] for output in told["outputs"]] == ["aurora", "basalt"]
    assert told["feedback"] == [{"feedback_id": "f1", "kind": "preference", "state": "joined"}]


def test_feedback_that_was_retracted_says_so(project, program):
    alice = world.annotator(project, "alice")
    world.judge_next(alice, feedback_id="f1")
    answers.undo(alice)
    first, second = program.get("inferences/r0/")["feedback"]
    assert (first["feedback_id"], first["state"]) == ("f1", "retracted")
    assert (second["kind"], second["state"]) == ("retraction", "joined")


@pytest.mark.parametrize("request_id", ["r9", "R0", "r0/r1", "%20", "%00", "\u00e4"])
def test_an_unknown_request_id_is_404(program, request_id):
    problem(program("GET", f"inferences/{request_id}/"), 404)


@pytest.mark.parametrize("sent", [".", "..", "%2E", "%2e%2e", "a%2Fb%3F", "%C3%A4"])
def test_ids_of_any_characters_are_read_by_a_path_that_is_sent_as_it_is(program, project, sent):
    request_id = unquote(sent)
    record = inference(request_id)
    assert Caller(project, "ingest")("POST", "inferences/", record).status_code == 201
    assert program.get(f"inferences/{sent}/")["request_id"] == request_id


def test_another_projects_inference_is_404(program):
    world.project("other")
    problem(Caller(world.project("third"), "read")("GET", "inferences/r0/"), 404)


@pytest.mark.parametrize(
    ("request_id", "path"),
    [("a/b", "a/b"), ("a/b", "a%2Fb"), ("a b?c#d", "a%20b%3Fc%23d"), ("ä✓", "ä✓"), (".", "."), ("a\nb\r", "a%0Ab%0D")],
)
def test_a_request_id_may_be_any_string(project, request_id, path):
    event = Prompt.objects.first().event
    Prompt.objects.create(project=project, event=event, request_id=request_id, content="x", digest="", salt="")
    assert Caller(project, "read").get(f"inferences/{path}/")["request_id"] == request_id


def test_the_number_of_queries_does_not_grow_with_outputs_and_feedback(project, program):
    def queries():
        program.get("inferences/r0/")
        with CaptureQueriesContext(connection) as context:
            program.get("inferences/r0/")
        return len(context)

    before = queries()
    alice = world.annotator(project, "alice")
    for n in range(5):
        world.judge_next(alice, feedback_id=f"f{n}")
        answers.undo(alice)
    assert queries() == before
