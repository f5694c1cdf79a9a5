"""Sign-in, sign-out and error pages in the project's own words."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import world

pytestmark = pytest.mark.django_db


def test_signing_in_leads_home(client: Client) -> None:
    world.person("alice")
    page = client.get("/accounts/login/").content.decode()
    assert 'name="login"' in page
    assert 'name="password"' in page
    form = {"login": "alice", "password": world.PASSWORD}
    response = client.post("/accounts/login/", form, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Successfully signed in" not in response.content.decode()


def test_signing_in_leads_where_one_was_going(client: Client) -> None:
    world.person("alice")
    form = {"login": "alice", "password": world.PASSWORD, "next": "/annotate/summaries/"}
    assert client.post("/accounts/login/", form).headers["Location"] == "/annotate/summaries/"


def test_a_wrong_password_is_said(client: Client) -> None:
    world.person("alice")
    response = client.post("/accounts/login/", {"login": "alice", "password": "wrong"})
    assert 'role="alert"' in response.content.decode()


def test_signing_out(client: Client) -> None:
    client.force_login(world.person("alice"))
    assert "Sign out" in client.get("/accounts/logout/").content.decode()
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("path", ["/accounts/password/change/", "/accounts/logout/"])
def test_the_other_pages_have_the_same_frame(client: Client, path: str) -> None:
    client.force_login(world.person("alice"))
    page = client.get(path).content.decode()
    assert "prefapp.css" in page
    assert " style=" not in page


def test_a_missing_page_says_so(client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_a_stale_form_says_that_nothing_was_changed() -> None:
    client = Client(enforce_csrf_checks=True)
    project = world.project("summaries", comparisons=1)
    client.force_login(world.person("alice"))
    response = client.post(f"/annotate/{project.slug}/judge/", {})
    assert response.status_code == 403
    assert "Nothing was changed" in response.content.decode()


def test_a_failure_says_that_what_was_saved_is_safe(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    client.force_login(world.person("alice"))
    client.raise_request_exception = False
    monkeypatch.setattr("annotation.views.home._queues", fail)
    response = client.get("/")
    assert response.status_code == 500
    assert "What was saved before is safe" in response.content.decode()
