"""Tags of annotators over the API."""

from __future__ import annotations

import pytest

from annotation.models import Annotator, Event
from tests import world
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    return world.project("summaries", comparisons=1)


@pytest.fixture
def program(project):
    return Caller(project, "manage")


def test_tags_are_set_and_read(project, program):
    world.annotator(project, "alice")
    answer = program("PUT", "annotators/alice/tags/", {"tags": ["French ", "law", "french"]})
    told = {"annotator": "alice", "tags": ["french", "law"]}
    assert (answer.status_code, answer.json()) == (200, told)
    assert program.get("annotators/alice/tags/") == told
    assert program("PUT", "annotators/alice/tags/", {"tags": []}).json()["tags"] == []
    events = Event.objects.filter(kind="annotator.tagged").order_by("pk").values_list("actor", "payload")
    assert list(events) == [(f"key:{program.key.uid}", {"tags": tags}) for tags in (["french", "law"], [])]


def test_a_program_is_tagged_before_it_begins(program):
    assert program("PUT", "annotators/api:a%2Fb/tags/", {"tags": ["french"]}).status_code == 200
    assert Annotator.objects.get().name == "api:a/b"


@pytest.mark.parametrize("body", [{"tags": ["a,b"]}, {"tags": ["x" * 51]}, {"tags": ["x"] * 21}, {"tags": "french"}])
def test_what_is_no_tag_is_refused(project, program, body):
    world.annotator(project, "alice")
    (pointer, *_) = pointers(program("PUT", "annotators/alice/tags/", body))
    assert pointer.startswith("/tags")
    assert Annotator.objects.get().tags == []


def test_nobody_has_no_tags(program):
    problem(program("GET", "annotators/alice/tags/"), 404)
    problem(program("PUT", "annotators/alice/tags/", {"tags": ["french"]}), 404)


def test_annotators_of_another_project_are_nobodies(program):
    world.annotator(world.project("poems"), "alice").tags = ["french"]
    problem(program("GET", "annotators/alice/tags/"), 404)
