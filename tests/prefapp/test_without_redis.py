"""While Redis is away people sign in and judge on; only what needs the broker waits, and readyz says so."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from annotation.models import Judgment
from tests import world
from tests.annotation.views.page import answer, comparisons_in, url
from tests.processes import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def redis_is_away(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = settings.CACHES | {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}


def sign_in(client: Client, name: str) -> Any:
    form = {"login": name, "password": world.PASSWORD}
    return client.post("/accounts/login/", form, follow=True)


def test_people_sign_in_judge_and_undo(client: Client) -> None:
    project = world.project("summaries", comparisons=4, guidelines="Prefer short answers.")
    world.person("alice")
    assert "4 left for you" in sign_in(client, "alice").content.decode()
    first, *_ = comparisons_in(client.get(url(project)))
    client.post(url(project, "guidelines"))
    page = client.post(url(project, "judge"), answer(first), follow=True).content.decode()
    assert "1 of 4" in page
    assert "data-first" not in page
    assert Judgment.objects.count() == 1
    client.post(url(project, "undo"), {"last": first.lease})
    assert not Judgment.objects.filter(feedback__retracted_by=None).exists()


def test_leads_see_how_far_it_is(client: Client) -> None:
    project = world.project("summaries", comparisons=4)
    world.lead("lena", project)
    sign_in(client, "lena")
    for path in ("/projects/summaries/", "/admin/", f"/admin/annotation/project/{project.pk}/change/"):
        assert client.get(path).status_code == 200


def test_the_cache_answers_as_an_empty_one() -> None:
    assert cache.add("lock", True) is True
    cache.set_many({"a": 1})
    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_many(["a"]) == {}
    assert cache.get_or_set("a", lambda: 2) == 2
    assert cache.incr("hits", 3) == 3
    assert "a" not in cache
    assert cache.delete("a") is False
    assert cache.touch("a") is False


def test_readyz_names_the_broker(client: Client) -> None:
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "broker": "no answer", "worker": "no answer"}
