"""The lead's first look at a project."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation import progress, queue, routing
from tests import world
from tests.annotation.views.page import SCRIPT, sign_in

pytestmark = pytest.mark.django_db


def test_says_how_far_it_is_and_who_said_what(client: Client) -> None:
    project = world.project("summaries", comparisons=4)
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    routing.set_tags(alice, ["medicine", "<b>french"], actor="test")
    (lease,) = queue.hold(alice, count=1)
    queue.flag(alice, lease.uid, reason="cut off")
    client.force_login(world.lead("lena", project))
    page = " ".join(client.get("/projects/summaries/").content.decode().split())
    assert "<strong>25 %</strong> done: 1 of 4 comparisons" in page
    assert "1 is being judged, 2 wait for somebody" in page
    assert "<td>Human</td><td>1</td>" in page
    assert "<td>alice</td><td>1</td><td>&lt;b&gt;french, medicine</td>" in page
    assert "1 open flag by annotators" in page


def test_an_empty_project_says_what_to_do(client: Client) -> None:
    project = world.project("empty")
    client.force_login(world.lead("lena", project))
    page = client.get("/projects/empty/").content.decode()
    assert "There are no comparisons in this project yet." in page
    assert "Nobody has taken work from the queue yet." in page


def test_refreshes_its_figures_alone(client: Client) -> None:
    project = world.project("summaries", comparisons=1)
    client.force_login(world.lead("lena", project))
    fragment = client.get("/projects/summaries/", headers=SCRIPT).content.decode()
    assert fragment.startswith('<div id="figures"')


def test_is_for_leads_of_the_project_only(client: Client) -> None:
    world.project("summaries")
    other = world.project("other")
    assert client.get("/projects/summaries/").status_code == 302
    sign_in(client, "alice")
    assert client.get("/projects/summaries/").status_code == 404
    client.force_login(world.lead("lena", other))
    assert client.get("/projects/summaries/").status_code == 404
    assert client.get("/projects/other/").status_code == 200
    assert client.post("/projects/other/").status_code == 405


def test_a_large_project_is_not_counted_for_every_look(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SMALL", 3)
    project = world.project("summaries", comparisons=4)
    client.force_login(world.lead("lena", project))
    assert "0 of 4 comparisons" in " ".join(client.get("/projects/summaries/").content.decode().split())
    world.judge_next(world.annotator(project, "alice"))
    assert "0 of 4 comparisons" in " ".join(client.get("/projects/summaries/").content.decode().split())
    cache.delete(f"progress:{project.uid}")
    assert "1 of 4 comparisons" in " ".join(client.get("/projects/summaries/").content.decode().split())


def test_many_annotators_cost_no_more(client: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    project = world.project("summaries", comparisons=8)
    for number in range(8):
        world.judge_next(world.annotator(project, f"p{number}"))
    client.force_login(world.lead("lena", project))
    with django_assert_max_num_queries(11):
        client.get("/projects/summaries/")
