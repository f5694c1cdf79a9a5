"""Who may call what: keys and scopes, other projects, browser sessions."""

from __future__ import annotations

import pytest
from django.test import Client

from annotation import keys
from annotation.models import ApiKey, Event
from tests import world
from tests.api import Caller, problem

pytestmark = pytest.mark.django_db

READS = ["", "judgments/", "events/", "progress/", "inferences/r0/"]
CALLS = [*(("GET", path, "read") for path in READS), ("PATCH", "", "manage")]
SCOPES = ["ingest", "annotate", "read", "manage"]


@pytest.fixture
def project(db):
    return world.project("summaries", comparisons=1)


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_only_the_scope_and_manage_may_call(project, method, path, scope):
    allowed = {held for held in SCOPES if Caller(project, held)(method, path, {}).status_code == 200}
    assert allowed == {scope, "manage"}


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_a_missing_scope_is_403_and_named(project, method, path, scope):
    body = problem(Caller(project, "annotate", "ingest")(method, path, {}), 403)
    assert scope in body["detail"]


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_another_projects_key_sees_nothing(project, method, path, scope):
    eve = Caller(world.project("other"), "manage")
    problem(eve(method, f"/api/v1/projects/summaries/{path}", {}), 404)
    problem(eve(method, f"/api/v1/projects/nowhere/{path}", {}), 404)


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer ", "Bearer wrong", "Bearer wr\u00f6ng", "bearer wrong", "Basic YTpi"]
)
def test_without_a_good_key_the_answer_is_401(project, method, path, scope, header):
    client = Client(headers={"Authorization": header} if header else None)
    answer = client.generic(method, f"/api/v1/projects/summaries/{path}")
    problem(answer, 401)
    assert answer["WWW-Authenticate"] == "Bearer"


def test_a_revoked_key_is_401(project):
    program = Caller(project, "read")
    assert program("GET").status_code == 200
    keys.revoke_key(program.key, actor="test")
    problem(program("GET"), 401)


def test_the_scheme_may_be_written_in_any_case(project):
    secret = Caller(project, "read").secret
    assert Client(headers={"Authorization": f"bearer {secret}"}).get("/api/v1/projects/summaries/").status_code == 200


def test_the_use_of_a_key_is_noted(project):
    program = Caller(project, "read")
    program.get()
    assert ApiKey.objects.get(pk=program.key.pk).last_used_at is not None


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_in_a_browser_leads_may_everything_and_annotators_nothing(project, method, path, scope):
    world.project("open")
    people = {
        "lena": (world.lead("lena", project), 200),
        "root": (world.person("root", is_superuser=True), 200),
        "alice": (world.person("alice"), 403),
    }
    for user, status in people.values():
        client = Client()
        client.force_login(user)
        answer = client.generic(method, f"/api/v1/projects/summaries/{path}", b"{}", content_type="application/json")
        assert answer.status_code == status, user


def test_an_outsider_in_a_browser_does_not_learn_that_the_project_is_there():
    world.person("alice")
    world.project("closed-group", members=["alice"])
    client = Client()
    client.force_login(world.person("eve"))
    problem(client.get("/api/v1/projects/closed-group/"), 404)


def test_a_browser_needs_the_csrf_token_to_change_something(project):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.lead("lena", project))
    answer = client.patch("/api/v1/projects/summaries/", {"overlap": 3}, content_type="application/json")
    assert "CSRF" in problem(answer, 403)["detail"]
    client.cookies["csrftoken"] = token = "t" * 32
    answer = client.patch(
        "/api/v1/projects/summaries/", {"overlap": 3}, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert answer.json()["overlap"] == 3


def test_the_log_names_who_changed_something(project):
    program = Caller(project, "manage")
    program("PATCH", "", {"overlap": 3})
    client = Client()
    client.force_login(world.lead("lena", project))
    client.patch("/api/v1/projects/summaries/", {"overlap": 4}, content_type="application/json")
    actors = Event.objects.filter(kind="project.changed").order_by("pk").values_list("actor", flat=True)
    assert list(actors) == [f"key:{program.key.uid}", "user:lena"]
