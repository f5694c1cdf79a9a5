"""Snapshots over the API: asked for, followed, listed, previewed, cancelled; whose they are."""

from __future__ import annotations

import json

import pytest

from exports.models import Snapshot
from exports.pipeline.build import build
from exports.recipes import save_recipe
from tests import world
from tests.api import Caller, pointers, problem
from tests.exports.dataset import built, log_inference, published, vote

pytestmark = pytest.mark.django_db
really_built = pytest.mark.django_db(transaction=True)  # a build has a connection of its own

CALLS = [
    ("GET", "snapshots/", "read"),
    ("GET", "snapshots/1/", "read"),
    ("GET", "snapshots/latest/", "read"),
    ("GET", "snapshots/1/files/manifest.json", "read"),
    ("POST", "snapshots/preview/", "read"),
    ("POST", "snapshots/", "manage"),
    ("POST", "snapshots/1/cancel/", "manage"),
]


@pytest.fixture
def project(db):
    project = world.project()
    for number in range(3):
        log_inference(project, f"r{number}", "One.", "Two.")
        vote(project, f"r{number}", 0)
    return project


@pytest.fixture
def manager(project):
    return Caller(project, "manage")


@really_built
def test_a_snapshot_is_asked_for_built_and_read(project, manager):
    answer = manager("POST", "snapshots/", {"recipe": {"min_votes": 1, "split": {"test": 0}}, "formats": ["reward"]})
    assert answer.status_code == 202
    queued = json.loads(answer.content)
    assert (queued["version"], queued["status"], queued["progress"], queued["files"]) == (1, "queued", 0, [])
    assert queued["recipe"]["formats"] == ["reward"]
    assert answer["Location"] == "http://testserver/api/v1/projects/summaries/snapshots/1/"
    build(Snapshot.objects.get().pk)
    ready = manager.get(answer["Location"])
    assert (ready["status"], ready["progress"], ready["rows"], ready["error"]) == ("ready", 1, 3, None)
    paths = {file["path"]: file for file in ready["files"]}
    assert set(paths) == {
        *("README.md", "manifest.json"),
        *("index/rows-00000-of-00001.parquet", "reward/train-00000-of-00001.parquet"),
    }
    file = paths["reward/train-00000-of-00001.parquet"]
    assert file["url"] == answer["Location"] + "files/reward/train-00000-of-00001.parquet"
    assert (file["rows"], paths["README.md"]["rows"]) == (3, None)
    assert ready["bytes"] == sum(file["bytes"] for file in ready["files"])


def test_everything_has_a_default(manager):
    assert json.loads(manager("POST", "snapshots/", {}).content)["recipe"]["formats"] == ["preference", "judgments"]


def test_a_recipe_by_its_name(project, manager):
    save_recipe(project, "dpo", {"min_votes": 2}, actor="test")
    told = json.loads(manager("POST", "snapshots/", {"recipe": "dpo", "formats": ["kto"]}).content)
    assert (told["recipe_name"], told["recipe"]["min_votes"], told["recipe"]["formats"]) == ("dpo", 2, ["kto"])
    assert pointers(manager("POST", "snapshots/", {"recipe": "unknown"})) == ["/recipe"]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"recipe": {"min_vote": 1}}, ["/recipe/min_vote"]),
        ({"recipe": {"min_votes": 0, "sample": {"limit": "1"}}}, ["/recipe/min_votes", "/recipe/sample/limit"]),
        ({"recipe": {}, "formats": ["csv"]}, ["/formats/0"]),
        ({"formats": ["kto", "kto"]}, ["/formats"]),
        ({"recipe": {"formats": {}}, "formats": ["kto"]}, ["/recipe/formats"]),
        ({"recipe": {"formats": ["csv"]}}, ["/recipe/formats"]),
        ({"recipe": {"consensus": "loudest"}}, ["/recipe/consensus"]),
        ({"recipe": [1]}, ["/recipe"]),
        ({"recipes": {}}, ["/recipes"]),
    ],
)
def test_what_is_wrong_is_pointed_at_and_nothing_is_made(manager, body, where):
    for path in ("snapshots/", "snapshots/preview/"):
        assert pointers(manager("POST", path, body)) == where
    assert Snapshot.objects.count() == 0


def test_an_idempotency_key_makes_twice_once(manager):
    first, again = (manager("POST", "snapshots/", {}, HTTP_IDEMPOTENCY_KEY="k") for _ in range(2))
    assert first.status_code == again.status_code == 202
    assert first["Location"] == again["Location"]
    problem(manager("POST", "snapshots/", {"formats": ["kto"]}, HTTP_IDEMPOTENCY_KEY="k"), 409)
    problem(manager("POST", "snapshots/", {}, HTTP_IDEMPOTENCY_KEY="k" * 201), 422)


def test_latest_is_the_newest_ready_one(project, manager):
    problem(manager("GET", "snapshots/latest/"), 404)
    published(project)
    published(project)
    manager("POST", "snapshots/", {})
    assert manager.get("snapshots/latest/")["version"] == 2
    assert manager("GET", "snapshots/latest/files/manifest.json").status_code == 200


def test_the_list_has_pages(project, manager):
    for _ in range(3):
        published(project)
    page = manager.get("snapshots/", limit=2)
    assert [row["version"] for row in page["results"]] == [1, 2]
    assert [row["version"] for row in manager.all("snapshots/", limit=2)] == [1, 2, 3]


def test_the_number_of_queries_of_the_list_does_not_grow(project, manager, django_assert_max_num_queries):
    for _ in range(3):
        published(project)
    with django_assert_max_num_queries(6):
        manager.get("snapshots/")


@really_built
def test_a_preview_counts_and_shows_rows_and_builds_nothing(manager):
    answer = manager("POST", "snapshots/preview/", {"recipe": {"split": {"test": 0}}, "formats": ["preference"]})
    told = json.loads(answer.content)
    assert answer.status_code == 200, told
    assert told["counts"]["selected"]["judgments"] == 3
    assert told["counts"]["curated"]["decided"] == 3
    assert (told["format"], len(told["rows"])) == ("preference", 3)
    assert told["rows"][0]["chosen"] == [{"role": "assistant", "content": "One."}]
    assert Snapshot.objects.count() == 0


@really_built
def test_an_estimate_is_near_what_is_built(project, manager):
    for number in range(300):
        log_inference(project, f"long{number}", f"One {number}. " * 20, f"Two {number}. " * 20)
        vote(project, f"long{number}", number % 2)
    formats = ["preference", "kto", "judgments"]
    told = json.loads(manager("POST", "snapshots/preview/", {"formats": formats}).content)["estimate"]
    data = [file for file in built(project, formats=formats).files.all() if file.path.startswith(tuple(formats))]
    assert told["rows"] == sum(file.rows for file in data)
    assert 0.5 < told["bytes"] / sum(file.bytes for file in data) < 2
    assert told["seconds"] > 0


@really_built
def test_a_preview_of_judgments_is_json_too(manager):
    told = json.loads(manager("POST", "snapshots/preview/", {"formats": ["judgments"]}).content)
    assert {row["source_id"] for row in told["rows"]} == {"alice"}


@really_built
def test_a_preview_that_takes_too_long_is_broken_off(manager, monkeypatch):
    monkeypatch.setattr("exports.pipeline.preview.PREVIEW_SECONDS", 1)
    monkeypatch.setattr("exports.pipeline.select.COUNT", "SELECT pg_sleep(30)")
    assert "broken off" in problem(manager("POST", "snapshots/preview/", {}), 422)["detail"]


def test_cancelling(project, manager):
    manager("POST", "snapshots/", {})
    for _ in range(2):
        answer = manager("POST", "snapshots/1/cancel/")
        assert (answer.status_code, json.loads(answer.content)["status"]) == (202, "cancelled")
    published(project)
    problem(manager("POST", "snapshots/2/cancel/"), 409)


def test_no_such_version(project, manager):
    published(project)
    for version in ("0", "2", "-1", "x", "1.0", "٣", "9" * 30):
        problem(manager("GET", f"snapshots/{version}/"), 404)


@really_built
@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_scopes(project, method, path, scope):
    published(project)
    allowed = {
        held
        for held in ("ingest", "annotate", "read", "manage")
        if Caller(project, held)(method, path, {} if method == "POST" else None).status_code not in (401, 403)
    }
    assert allowed == {scope, "manage"}


@pytest.mark.parametrize(("method", "path", "scope"), CALLS)
def test_another_projects_key_sees_nothing(project, method, path, scope):
    published(project)
    eve = Caller(world.project("other"), "manage")
    problem(eve(method, f"/api/v1/projects/summaries/{path}", {}), 404)
    if "1" in path or "latest" in path:
        problem(eve(method, path, {} if method == "POST" else None), 404)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "snapshots/"), ("DELETE", "snapshots/1/"), ("GET", "snapshots/preview/")]
)
def test_wrong_methods(project, manager, method, path):
    problem(manager(method, path), 405)
