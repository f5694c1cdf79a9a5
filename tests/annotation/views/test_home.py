"""Home: what is left for whom."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation import progress, projects, queue
from annotation.models import Assignment, Member
from tests import world
from tests.annotation.views.page import sign_in

pytestmark = pytest.mark.django_db


def left(page: str) -> dict[str, str]:
    """What each queue says of itself, by project name."""
    items = re.findall(r"<h2>(.*?)</h2>.*?<p class=\"left\">(.*?)</p>", page, re.S)
    return dict(items)


def test_queues_with_what_is_left(client: Client) -> None:
    world.project("summaries", comparisons=3, name="Summaries", guidelines="# Which is *shorter*?\n\nReally.")
    world.project("code", comparisons=1, name="Code")
    sign_in(client, "alice")
    page = client.get("/").content.decode()
    assert left(page) == {"Summaries": "3 left for you", "Code": "1 left for you"}
    assert "Which is *shorter*?" in page
    assert page.count("autofocus") == 1


def test_looking_at_home_leaves_no_trace(client: Client) -> None:
    project = world.project("summaries", comparisons=1)
    sign_in(client, "alice")
    client.get("/")
    assert not project.annotators.exists()


def test_counts_what_is_judged_skipped_held_and_with_others(client: Client) -> None:
    project = world.project("summaries", comparisons=5, name="Summaries")
    client.force_login(world.person("alice"))
    world.judge_next(world.annotator(project, "alice"))
    world.judge_next(world.annotator(project, "bob"))
    client.get("/annotate/summaries/")
    assert left(client.get("/").content.decode()) == {"Summaries": "3 left for you"}


def test_a_project_without_work_says_so(client: Client) -> None:
    world.project("empty", name="Empty")
    world.project("later", name="Later", comparisons=1, status="paused")
    sign_in(client, "alice")
    page = client.get("/").content.decode()
    assert left(page) == {"Empty": "Nothing left for you", "Later": "Paused"}
    assert "Continue" not in page


def test_what_is_held_of_a_paused_project_can_be_finished(client: Client) -> None:
    project = world.project("later", name="Later", comparisons=5)
    sign_in(client, "alice")
    client.get("/annotate/later/")
    projects.change_project(project, {"status": "paused"}, actor="test")
    page = client.get("/").content.decode()
    assert left(page) == {"Later": "Paused · 3 to finish"}
    assert "Continue" in page
    projects.change_project(project, {"status": "closed"}, actor="test")
    assert left(client.get("/").content.decode()) == {"Later": "Closed"}


def test_unfinished_work_is_returned_from_wherever_it_is(client: Client) -> None:
    projects_with_work = [world.project(slug, comparisons=5) for slug in ("code", "summaries")]
    sign_in(client, "alice")
    bobs = queue.hold(world.annotator(projects_with_work[0], "bob"), count=1)
    for project in projects_with_work:
        client.get(f"/annotate/{project.slug}/")
    page = client.get("/").content.decode()
    assert "6 comparisons are reserved for you" in page
    assert page.count("Return my unfinished work") == 2, "on the page and in the menu"
    response = client.post("/return/", follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Returned 6 comparisons" in response.content.decode()
    live = Assignment.objects.filter(state=Assignment.State.LEASED)
    assert list(live) == bobs
    again = client.post("/return/", follow=True).content.decode()
    assert "You held nothing" in again
    assert "reserved for you" not in again


def test_returning_work_takes_a_post_of_somebody_signed_in(client: Client) -> None:
    assert client.post("/return/").headers["Location"].startswith("/accounts/login/")
    assert sign_in(client, "alice").get("/return/").status_code == 405


def test_no_more_is_counted_than_anybody_wants_to_know(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LEFT_COUNTED", 3)
    project = world.project("many", name="Many", comparisons=9)
    sign_in(client, "alice")
    assert left(client.get("/").content.decode()) == {"Many": "More than 3 left for you"}
    # The page counts what is held on top, in whole steps.
    assert "0 of more than 6" in client.get("/annotate/many/").content.decode()
    bob = world.annotator(project, "bob")
    while queue.hold(bob, count=1):
        world.judge_next(bob)
    assert left(client.get("/").content.decode()) == {"Many": "3 left for you"}


def test_no_queue_at_all(client: Client) -> None:
    project = world.project("closed-group")
    world.person("bob")
    projects.change_project(project, {"members": "bob"}, actor="test")
    sign_in(client, "eve")
    assert "No queue yet" in client.get("/").content.decode()


def test_leads_see_their_projects(client: Client) -> None:
    mine, other = world.project("mine", name="Mine"), world.project("other", name="Other")
    client.force_login(world.lead("lena", mine))
    page = client.get("/").content.decode()
    assert f"/projects/{mine.slug}/" in page
    assert f"/projects/{other.slug}/" not in page


def test_signing_in_comes_first(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_wrong_method(client: Client) -> None:
    assert sign_in(client, "alice").post("/").status_code == 405


def test_many_projects_cost_no_more(client: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(12):
        project = world.project(f"p{number}", comparisons=1, guidelines="Choose.")
        Member.objects.filter(project=project).delete()
    sign_in(client, "alice")
    with django_assert_max_num_queries(7):
        assert client.get("/").status_code == 200
