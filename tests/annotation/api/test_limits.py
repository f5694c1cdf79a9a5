"""Rate limits of keys: 429 with Retry-After, each key for itself, and nothing lost when Redis is away."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from annotation.api import throttling
from tests import world
from tests.api import Caller, problem
from tests.processes import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    cache.clear()
    return world.project(comparisons=1)


def statuses(program, count, path=""):
    return [program("GET", path).status_code for _ in range(count)]


def test_over_the_limit_is_429_with_retry_after(project):
    program = Caller(project, "read", rate_limit=3)
    assert statuses(program, 3) == [200, 200, 200]
    answer = program("GET")
    body = problem(answer, 429)
    assert "3 times a minute" in body["detail"]
    assert 1 <= int(answer["Retry-After"]) <= 60


def test_calls_over_the_limit_do_nothing(project):
    program = Caller(project, "manage", rate_limit=1)
    program("GET")
    problem(program("PATCH", "", {"name": "Other"}), 429)
    project.refresh_from_db()
    assert project.name == "summaries"


def test_every_call_counts_whatever_comes_of_it(project):
    program = Caller(project, "read", rate_limit=3)
    answers = [program("PATCH", "", {}), program("GET", "inferences/none/"), program("GET", "?x=1"), program("GET")]
    assert [answer.status_code for answer in answers] == [403, 404, 422, 429]


def test_each_key_has_a_limit_of_its_own(project):
    slow, other, free = (Caller(project, "read", rate_limit=limit) for limit in (1, 1, None))
    assert statuses(slow, 2) == [200, 429]
    assert statuses(other, 1) == [200]
    assert statuses(free, 20) == [200] * 20


def test_people_in_a_browser_have_none(project):
    client = Client()
    client.force_login(world.lead("lena", project))
    assert {client.get("/api/v1/projects/summaries/").status_code for _ in range(20)} == {200}


def test_without_redis_everybody_may_call(project, caplog):
    program = Caller(project, "read", rate_limit=1)
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with override_settings(REDIS_URL=nowhere), patch.object(throttling.KeyThrottle, "away_until", 0.0):
        assert statuses(program, 5) == [200] * 5
    assert caplog.text.count("Rate limits of keys are not kept") == 1, "asked once, then left alone for a while"
    assert statuses(program, 2) == [200, 429]
