"""Who may call what: keys and scopes, other projects, browser sessions."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from annotation import keys, projects
from annotation.api import urls as annotation_urls
from annotation.models import ApiKey, Event
from exports.api import urls as exports_urls
from prefapp.erasing import urls as erasing_urls
from tests import world
from tests.annotation.intake.records import preference
from tests.api import Caller, problem

pytestmark = pytest.mark.django_db

SCOPES = ["ingest", "annotate", "read", "manage"]
# Of something that is there, or could be: whoever may ask for it gets no 403.
PLACES = {
    "request_id": "r0",
    "lease_id": "9d1c2f1e-33a3-4c62-b1c6-0d6f4a8e2b90",
    "uid": "3b0a6f0e-52c1-4b5e-9a37-0c8f4d2e6a11",
    "comparison_id": "f2b7f3f5-8a53-4c5e-a5cf-8c1f0d6f3a52",
    "version": "1",
    "annotator": "api:critic",
    "other": "2",
    "path": "manifest.json",
}
# A signed link is its own key: tests/exports/api/test_links.py.
WITHOUT_A_KEY = {"api-snapshot-link"}


def every_call():
    """(method, path, scope) of whatever can be called below a project."""
    for pattern in (*annotation_urls.urlpatterns, *exports_urls.urlpatterns, *erasing_urls.urlpatterns):
        if pattern.name in WITHOUT_A_KEY:
            continue
        path = re.sub(r"<(\w+:)?(\w+)>", lambda place: PLACES[place[2]], str(pattern.pattern))
        for method, scope in pattern.callback.cls.scopes.items():
            yield method, path, scope.value


CALLS = list(every_call())
every = pytest.mark.parametrize(("method", "path", "scope"), CALLS)
SHOP = "https://shop.example.org"


@pytest.fixture
def project(db):
    return world.project("summaries", comparisons=1)


def call(caller, method, path, **extra):
    return caller(method, path, None if method == "GET" else {}, **extra)


def test_every_path_of_the_api_is_in_the_table():
    paths = {f"/api/v1/projects/{{slug}}/{pattern}" for pattern in ("", "feedback/", "snapshots/{version}/cancel/")}
    told = json.loads(Client().get("/api/schema/", headers={"Accept": "application/json"}).content)["paths"]
    assert paths <= set(told)
    assert len(CALLS) + len(WITHOUT_A_KEY) == sum(len(methods) for methods in told.values())


@every
def test_only_the_scope_and_manage_may_call(project, method, path, scope):
    answers = {held: call(Caller(project, held), method, path) for held in SCOPES}
    assert {held for held in SCOPES if answers[held].status_code not in {401, 403}} == {scope, "manage"}
    assert scope in problem(next(answers[held] for held in SCOPES if held not in {scope, "manage"}), 403)["detail"]


@every
def test_another_projects_key_sees_nothing(project, method, path, scope):
    eve = Caller(world.project("other"), "manage")
    there, nowhere = (call(eve, method, f"/api/v1/projects/{slug}/{path}") for slug in ("summaries", "nowhere"))
    assert problem(there, 404)["detail"].replace("summaries", "nowhere") == problem(nowhere, 404)["detail"]


@every
def test_a_browser_key_may_send_feedback_and_nothing_else(project, method, path, scope):
    page = Caller(project, kind="browser", origins=[SHOP])
    answer = call(page, method, path, headers={"Origin": SHOP})
    assert answer.status_code == (422 if (method, path) == ("POST", "feedback/") else 403), answer.content
    for other in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - {method}:
        answer = page(other, path, headers={"Origin": SHOP})
        assert answer.status_code == 403 or (other, path) == ("POST", "feedback/"), other


@every
def test_without_a_good_key_the_answer_is_401(project, method, path, scope):
    scope_of_another, ended = Caller(project, scope), Caller(project, "manage")
    keys.revoke_key(ended.key, actor="test")
    broken = f"Bearer {scope_of_another.secret[:-1]}"
    for header in (None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer wr\u00f6ng", "Basic YTpi", broken,
                   f"Bearer {ended.secret}", f"Bearer {scope_of_another.key.hash}"):  # fmt: skip
        client = Client(headers={"Authorization": header} if header is not None else None)
        answer = client.generic(method, f"/api/v1/projects/summaries/{path}")
        problem(answer, 401)
        assert answer["WWW-Authenticate"] == "Bearer"


@every
def test_in_a_browser_leads_may_everything_and_annotators_nothing(project, method, path, scope):
    people = [world.lead("lena", project), world.person("root", is_superuser=True), world.person("alice")]
    statuses = []
    for user in people:
        client = Client()
        client.force_login(user)
        url, body = f"/api/v1/projects/summaries/{path}", b"" if method == "GET" else b"{}"
        statuses.append(client.generic(method, url, body, content_type="application/json").status_code)
    assert statuses[2] == 403
    assert not {401, 403} & set(statuses[:2])


def test_what_another_project_has_is_not_there_under_ones_own(project):
    """With all rights in a project, ids of another one open nothing."""
    critic = Caller(project, "annotate")
    (lease,) = critic("POST", "queue/claim/", {"annotator": "critic"}).json()
    Caller(project, "manage")("POST", "snapshots/", {})
    assert Caller(project, "read")("GET", "snapshots/1/").status_code == 200
    mine = Caller(world.project("other"), "manage")
    paths = ["inferences/r0/", "snapshots/1/", "snapshots/latest/", "snapshots/1/files/manifest.json"]
    for method, path in [*(("GET", path) for path in paths), ("POST", "snapshots/1/cancel/")]:
        problem(call(mine, method, path), 404)
    for what in ("judge", "release", "renew", "skip"):
        problem(mine("POST", f"queue/{lease['lease_id']}/{what}/", {}), 404)
    assert critic("POST", f"queue/{lease['lease_id']}/renew/").status_code == 200, "it is still held"
    for path in ("judgments/", "snapshots/"):
        assert mine.get(path)["results"] == []
    assert {event["subject"].split(":")[0] for event in mine.get("events/")["results"]} <= {"project", "key"}
    assert mine.get("progress/")["comparisons"] == 0
    assert Caller(project, "ingest")("POST", "feedback/", preference(request_id="r0")).json() != {}


def test_no_log_line_holds_a_key(project, monkeypatch, caplog):
    def fail(project):
        raise ZeroDivisionError

    monkeypatch.setattr(projects, "read_settings", fail)
    for logger in ("", "django", "django.db.backends"):
        caplog.set_level(logging.DEBUG, logger)
    with CaptureQueriesContext(connection):  # Django logs each query, with what it asks for
        program = Caller(project, "read")
        assert program("GET").status_code == 500
        assert Client(headers={"Authorization": "Bearer pref_wrong"}).get(program.base).status_code == 401
    assert "ZeroDivisionError" in caplog.text
    assert program.key.hash in caplog.text, "queries are logged"
    assert program.secret not in caplog.text
    assert "pref_wrong" not in caplog.text


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
