"""The engineer's page: a lead sees a project's snapshots, builds one, reads it; to others it is not there."""

from __future__ import annotations

import shutil

import pytest
from django.urls import reverse

from annotation import projects
from annotation.models import Feedback
from exports import recipes
from exports.models import Snapshot
from exports.pipeline import publish
from exports.pipeline.build import build
from tests import world
from tests.exports.dataset import give_feedback, log_inference, vote

pytestmark = pytest.mark.django_db
really_built = pytest.mark.django_db(transaction=True)  # a build has a connection of its own
SCRIPT = {"HX-Request": "true"}


@pytest.fixture
def project():
    return world.project()


@pytest.fixture
def lead(client, project):
    client.force_login(world.lead("lena", project))
    return client


def ask(lead, project, **form):
    return lead.post(reverse("snapshots", args=[project.slug]), form)


def page(lead, project, version, **extra):
    return lead.get(reverse("snapshot", args=[project.slug, version]), **extra)


def add_pair(project, number):
    log_inference(project, f"r{number}", "One.", "Two.")
    vote(project, f"r{number}", 0)


def test_only_its_leads_see_a_projects_snapshots(client, project):
    other = world.project("other")
    paths = [reverse("snapshots", args=["summaries"]), reverse("snapshot", args=["summaries", 1])]
    paths.append(reverse("changes", args=["summaries", 2, 1]))
    assert {client.get(path).status_code for path in paths} == {302}
    for person in (world.person("ann"), world.lead("otto", other)):
        client.force_login(person)
        assert {client.get(path).status_code for path in paths} == {404}


def test_an_empty_list_says_what_to_do(lead, project):
    assert "No snapshot yet" in lead.get(reverse("snapshots", args=[project.slug])).content.decode()


@really_built
def test_an_estimate_builds_nothing(lead, project):
    add_pair(project, 1)
    answer = ask(lead, project, formats=["preference"], estimate="1")
    assert "About 1 row," in answer.content.decode()
    assert not Snapshot.objects.exists()


@really_built
def test_pages_of_a_snapshot_whose_files_are_gone(lead, project):
    for number in range(2):
        add_pair(project, number)
        ask(lead, project, formats=["preference"])
        snapshot = Snapshot.objects.first()
        build(snapshot.pk)
        snapshot.refresh_from_db()
        shutil.rmtree(snapshot.path)
    assert "gone from the disk" in page(lead, project, 2).content.decode()
    answer = lead.get(reverse("changes", args=[project.slug, 2, 1]))
    assert (answer.status_code, "gone from the disk" in answer.content.decode()) == (410, True)


@really_built
def test_a_snapshot_is_asked_for_followed_and_read(lead, project):
    add_pair(project, 1)
    answer = ask(lead, project, formats=["preference", "kto"])
    assert answer.url == reverse("snapshot", args=[project.slug, 1])
    snapshot = Snapshot.objects.get()
    assert (snapshot.recipe["formats"], snapshot.created_by) == (["preference", "kto"], "user:lena")
    following = page(lead, project, 1, headers=SCRIPT)
    assert "It waits for a worker" in following.content.decode()
    assert "HX-Refresh" not in following
    build(snapshot.pk)
    assert page(lead, project, 1, headers=SCRIPT)["HX-Refresh"] == "true"
    text = page(lead, project, 1).content.decode()
    for part in ("DPOTrainer", "polars.scan_parquet", "How it was collected", "manifest.json", "archive.tar"):
        assert part in text
    add_pair(project, 2)
    ask(lead, project, formats=["preference", "kto"], incremental="on")
    build(Snapshot.objects.get(version=2).pk)
    assert "What changed since v1" in page(lead, project, 2).content.decode()
    changed = lead.get(reverse("changes", args=[project.slug, 2, 1])).content.decode()
    assert [f"{name}: {count}" in changed for name, count in (("Added", 1), ("Changed", 0), ("Removed", 0))] == [
        True
    ] * 3


@really_built
def test_snippets_of_a_snapshot_without_a_train_split_read_the_other(lead, project):
    add_pair(project, 1)
    body, _ = recipes.resolve(project, {"formats": ["preference"], "split": {"test": 1.0}}, None)
    build(publish.request(project, publish.Request(body, "test"), enqueue=False).pk)
    text = page(lead, project, 1).content.decode()
    assert "preference/test-*.parquet" in text
    assert "DPOTrainer" not in text


@really_built
def test_a_snapshot_without_rows_says_why_and_shows_no_snippets(lead, project):
    build(publish.request(project, publish.Request(recipes.resolve(project, {}, None)[0], "test"), enqueue=False).pk)
    text = page(lead, project, 1).content.decode()
    assert "It has no rows: no judgment fits its recipe" in text
    assert "load_dataset" not in text


@really_built
def test_a_snapshot_says_whether_rules_or_the_want_of_news_left_it_empty(lead, project):
    add_pair(project, 1)
    for recipe in ({"min_votes": 2}, {"incremental": True}, {"incremental": True}):
        body, _ = recipes.resolve(project, {"formats": ["preference"], **recipe}, None)
        build(publish.request(project, publish.Request(body, "test"), enqueue=False).pk)
    given = Feedback.objects.get()
    give_feedback(project, given.request_id, "retraction", retracts=given.feedback_id)
    build(publish.request(project, publish.Request(body, "test"), enqueue=False).pk)
    texts = [page(lead, project, version).content.decode() for version in (1, 2, 3, 4)]
    assert "It has no rows: nothing of what was selected is left for its configs" in texts[0]
    assert "It has no rows" not in texts[1]
    assert "It has no rows: nothing changed since v2." in texts[2]
    assert "what is gone since v3 stands in changes/removed." in texts[3]


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({}, "default: preference"),
        ({"file_format": "jsonl.zst", "sources": ["human"]}, "default: preference"),
        ({"languages": ["en"], "drop": []}, "languages, drop: preference"),
        ({"kind": "golden"}, "golden: preference"),
        ({"kind": "golden", "min_votes": 3}, "golden, min_votes: preference"),
    ],
)
def test_the_list_says_in_which_keys_a_recipe_is_its_own(lead, project, recipe, said):
    body, _ = recipes.resolve(project, recipe, ["preference"])
    publish.request(project, publish.Request(body, "test"), enqueue=False)
    assert f"<td>{said}</td>" in lead.get(f"/projects/{project.slug}/snapshots/").content.decode()


def test_what_cannot_be_asked_for_is_said_beside_its_field(lead, project):
    other = recipes.save_recipe(world.project("other"), "theirs", {}, actor="test")
    answer = ask(lead, project, recipe=other.pk, formats=["nonsense"])
    assert answer.status_code == 200
    assert set(answer.context["form"].errors) == {"recipe", "formats"}
    assert not Snapshot.objects.exists()


def test_a_golden_set_cannot_be_asked_for_as_an_increment(lead, project):
    golden = recipes.save_recipe(project, "eval", {"kind": "golden"}, actor="test")
    answer = ask(lead, project, recipe=golden.pk, incremental="on")
    assert "cannot be incremental" in answer.content.decode()
    assert not Snapshot.objects.exists()
    assert ask(lead, project, recipe=golden.pk).status_code == 302
    assert Snapshot.objects.get().recipe["kind"] == "golden"


def test_a_page_that_follows_a_build_is_told_when_its_person_is_signed_out(client, project):
    # Not sent to the log-in, which a script would put into the page.
    assert client.get(reverse("snapshots", args=[project.slug]), headers=SCRIPT).status_code == 401


def test_a_failed_one_says_why(lead, project):
    ask(lead, project)
    publish.fail(publish.claim(Snapshot.objects.get().pk), "The disk is full.")
    assert "The disk is full." in page(lead, project, 1).content.decode()


def test_the_list_takes_a_fixed_number_of_queries(lead, project, django_assert_num_queries):
    for _ in range(3):
        ask(lead, project)
    with django_assert_num_queries(4):
        lead.get(reverse("snapshots", args=[project.slug]))
    for _ in range(3):
        ask(lead, project)
    with django_assert_num_queries(4):
        lead.get(reverse("snapshots", args=[project.slug]))


def test_texts_of_the_project_stand_as_text(lead, project):
    projects.change_project(project, {"name": "<script>alert(1)</script>"}, actor="test")
    assert "<script>alert(1)" not in lead.get(reverse("snapshots", args=[project.slug])).content.decode()
