"""Snapshots and recipes in the admin: building, watching, cancelling, taking the files away; the start page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation.models import Event
from exports import recipes, retention, schedules, webhooks
from exports.models import Delivery, Recipe, Retention, Schedule, Snapshot, Webhook
from exports.pipeline import publish, shards
from exports.pipeline.build import build
from exports.pipeline.recipe import RecipeBody
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import act, browse, list_path, page_path
from tests.exports.dataset import published

pytestmark = pytest.mark.django_db

SENT = {"_form_submitted": "on"}


@pytest.fixture
def scene() -> scenery.Scenery:
    return scenery.build()


def ask(project, **body) -> Snapshot:
    return publish.request(project, publish.Request(RecipeBody(**body), "test"), enqueue=False)


def fail(project) -> Snapshot:
    snapshot = publish.claim(ask(project).pk)
    publish.fail(snapshot, "No space left: 3 GB wanted, 1 GB free.")
    return snapshot


def test_lists_and_pages_open_in_every_state(scene):
    recipes.save_recipe(scene.project, "weekly", {"min_votes": 2}, actor="test")
    fail(scene.project)
    publish.cancel(ask(scene.project), actor="test")
    building = publish.claim(ask(scene.project).pk)
    publish.beat(building, 0.4)
    shards.begin(building, 2)
    ask(scene.project)
    schedules.save(Schedule(project=scene.project, recipe_name="weekly"), actor="test")
    retention.set_rule(scene.project, keep_last=2, keep_days=7, actor="test")
    webhooks.add(scene.project, "https://train.example/hook", actor="test")
    fail(scene.project)
    for user in (scene.lena, scenery.root()):
        client = browse(user)
        for name in scenery.names("exports"):
            rows = client.get(list_path(name)).context["cl"].result_list
            assert rows
            assert {client.get(page_path(row)).status_code for row in rows} == {200}
        shown = {
            show: [row.status for row in client.get(list_path("exports_snapshot", show=show)).context["cl"].result_list]
            for show in ("unfinished", "ready", "failed", "cancelled")
        }
        assert shown == {
            "unfinished": ["queued", "building"], "ready": [], "failed": ["failed"] * 2, "cancelled": ["cancelled"],
        }  # fmt: skip


def test_a_part_of_a_build_is_built_again(scene, django_capture_on_commit_callbacks):
    snapshot = publish.claim(ask(scene.project).pk)
    shards.begin(snapshot, 2)
    part = shards.claim(snapshot)
    lena = browse(scene.lena)
    assert page_path(part) in lena.get(page_path(snapshot)).content.decode()
    path = f"/admin/exports/snapshotshard/{part.pk}/again/"
    assert path in lena.get(page_path(part)).content.decode()
    with django_capture_on_commit_callbacks() as callbacks:
        lena.post(path, SENT)
    assert len(callbacks) == 1, "a worker is told"
    assert not shards.beat(part, 0.5)
    assert (shards.claim(snapshot).number, part.number) == (0, 0)
    other = browse(world.lead("otto", world.project("poems")))
    assert other.post(path, SENT).status_code == 403


def test_snapshots_are_built_from_the_list_of_projects(scene, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        html = act(browse(scene.lena), "annotation_project", "build_snapshots", scene.project).content.decode()
    snapshot = Snapshot.objects.get()
    assert len(callbacks) == 1, "a worker is told"
    assert f'"{page_path(snapshot)}"' in html
    assert (snapshot.project, snapshot.created_by, snapshot.status) == (scene.project, "user:lena", "queued")
    assert snapshot.recipe["formats"] == ["preference", "judgments"]
    seen = Event.objects.filter(project=scene.project).exclude(kind="snapshot.requested")
    assert snapshot.watermark == seen.count()


@pytest.mark.parametrize("script", [True, False])
def test_a_snapshot_is_built_from_the_page_of_its_project(scene, script):
    lena = browse(scene.lena)
    recipe = recipes.save_recipe(scene.project, "weekly", {"min_votes": 2}, actor="test")
    path = f"/admin/annotation/project/{scene.project.pk}/build/"
    assert path in lena.get(page_path(scene.project)).content.decode()
    assert "weekly v1" in lena.get(path).content.decode()
    assert not Snapshot.objects.exists(), "looking at the dialog builds nothing"
    data = SENT | {"recipe": recipe.pk, "formats": ["battles", "kto"]}
    response = lena.post(path, data, headers={"HX-Request": "true"} if script else {})
    snapshot = Snapshot.objects.get()
    assert response["HX-Redirect" if script else "Location"] == page_path(snapshot)
    assert snapshot.named_recipe == recipe
    assert (snapshot.recipe["min_votes"], snapshot.recipe["formats"]) == (2, ["battles", "kto"])


def test_a_snapshot_is_built_from_the_list_of_snapshots(scene):
    other = world.project("poems")
    elsewhere = recipes.save_recipe(other, "weekly", {}, actor="test")
    lena, root = browse(scene.lena), browse(scenery.root())
    path = reverse("admin:exports_snapshot_build")
    assert "Build snapshot" in lena.get(list_path("exports_snapshot")).content.decode()
    assert "Select a valid choice" in lena.post(path, SENT | {"project": other.pk}).content.decode()
    wrong = SENT | {"project": scene.project.pk, "recipe": elsewhere.pk}
    assert "belongs to another project" in root.post(path, wrong).content.decode()
    assert not Snapshot.objects.exists()
    lena.post(path, SENT | {"project": scene.project.pk})
    assert Snapshot.objects.get().project == scene.project


def test_an_unfinished_snapshot_shows_how_far_it_is_and_can_be_cancelled(scene):
    snapshot = publish.claim(ask(scene.project).pk)
    publish.beat(snapshot, 0.4)
    lena = browse(scene.lena)
    html = lena.get(page_path(snapshot)).content.decode()
    assert "40 %" in html
    assert f'hx-get="{page_path(snapshot)}"' in html, "it is fetched again while it moves"
    path = f"/admin/exports/snapshot/{snapshot.pk}/cancel/"
    assert path in html
    lena.post(path, SENT)
    assert Snapshot.objects.get().status == "cancelled"
    html = lena.get(page_path(snapshot)).content.decode()
    assert path not in html
    assert "hx-get" not in html.split('id="content-main"')[1].split("<form")[0]
    assert lena.get(page_path(snapshot), headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert lena.post(path, SENT).status_code == 403


def test_the_files_of_a_ready_snapshot_can_be_taken_away(scene):
    snapshot = ask(scene.project, formats=["battles"])
    build(snapshot.pk)
    lena = browse(scene.lena)
    html = lena.get(page_path(snapshot)).content.decode()
    for file in snapshot.files.all():
        path = f"/api/v1/projects/summaries/snapshots/1/files/{file.path}"
        assert f'"{path}"' in html
        assert file.sha256 in html
        response = lena.get(path)
        assert (response.status_code, len(response.getvalue())) == (200, file.bytes)


def test_snapshots_cannot_be_added_changed_or_deleted_by_hand(scene):
    snapshot, root = ask(scene.project), browse(scenery.root())
    assert root.post(reverse("admin:exports_snapshot_add"), {}).status_code == 403
    assert root.post(page_path(snapshot), {"status": "ready"}).status_code == 403
    assert root.post(page_path(snapshot, "delete"), {"post": "yes"}).status_code == 403


def test_other_projects_are_out_of_reach(scene):
    other = world.project("poems")
    snapshot, recipe = ask(other), recipes.save_recipe(other, "weekly", {}, actor="test")
    lena = browse(scene.lena)
    assert {lena.get(page_path(row)).status_code for row in (snapshot, recipe)} == {302}
    assert lena.post(f"/admin/exports/snapshot/{snapshot.pk}/cancel/", SENT).status_code == 403
    assert lena.get(list_path("exports_snapshot")).context["cl"].result_list == []
    assert Snapshot.objects.get().status == "queued"


def test_a_recipe_is_written_in_versions(scene):
    lena = browse(scene.lena)
    path = reverse("admin:exports_recipe_add")
    data = {"name": "weekly", "project": scene.project.pk, "body": '{"min_votes": 2}'}
    for body in ('{"min_votes": 2}', '{"min_votes": 3}'):
        assert lena.post(path, data | {"body": body}).status_code == 302
    assert list(Recipe.objects.order_by("version").values_list("version", "body", "created_by")) == [
        (1, {"min_votes": 2}, "user:lena"),
        (2, {"min_votes": 3}, "user:lena"),
    ]
    for body, says in (('{"min_vote": 2}', "/min_vote: there is no such key"), ("[1]", "JSON object"), ("{", "JSON")):
        errors = lena.post(path, data | {"body": body}).context["adminform"].form.errors
        assert says in str(errors), body
    assert Recipe.objects.count() == 2


@pytest.mark.django_db(transaction=True)  # a build has connections of its own
def test_the_start_page_tells_of_failures_until_a_later_one_is_ready(scene):
    lena = browse(scene.lena)
    fail(scene.project)
    html = lena.get("/admin/").content.decode()
    assert "Snapshot summaries v1 failed" in html
    assert "No space left: 3 GB wanted, 1 GB free." in html
    build(ask(scene.project).pk)
    html = lena.get("/admin/").content.decode()
    assert "v1 failed" not in html
    assert "summaries v2" in html


def test_the_files_of_a_snapshot_are_removed_on_its_page(scene, snapshot_dir):
    snapshot = published(scene.project, {"preference/train-00000-of-00001.parquet": b"1234"})
    client = browse(scene.lena)
    assert b"files/preference/" in client.get(page_path(snapshot)).content
    path = f"/admin/exports/snapshot/{snapshot.pk}/remove/"
    assert browse(world.lead("olga", world.project("elsewhere"))).post(path, SENT).status_code == 403
    client.post(path, SENT)
    assert snapshot.removal.removed_by == "user:lena"
    assert [path.name for path in snapshot.path.rglob("*")] == ["manifest.json"]
    assert b"files/preference/" not in client.get(page_path(snapshot)).content
    assert client.post(path, SENT).status_code == 403


def test_a_push_is_handed_to_a_worker(scene, monkeypatch):
    sent = []
    monkeypatch.setattr("exports.admin.snapshot.current_app.send_task", lambda *a, **options: sent.append((a, options)))
    snapshot = published(scene.project)
    path = f"/admin/exports/snapshot/{snapshot.pk}/push/"
    client = browse(scene.lena)
    client.post(path, SENT | {"repository": "no repository"})
    assert sent == []
    client.post(path, SENT | {"repository": "acme/pairs"})
    assert sent == [
        (("exports.push_snapshot",), {"args": [snapshot.pk, "acme/pairs", True, "user:lena"], "retry": False})
    ]


def test_a_lead_sets_up_a_schedule(scene):
    recipe = recipes.save_recipe(scene.project, "nightly", {}, actor="test")
    client = browse(scene.lena)
    sent = {"project": scene.project.pk, "recipe": recipe.pk, "day": "1-5", "at": "03:15", "enabled": "on"}
    assert client.post(reverse("admin:exports_schedule_add"), sent).status_code == 302
    made = Schedule.objects.get()
    assert (made.recipe_name, made.day, str(made.at), made.created_by) == ("nightly", "1-5", "03:15:00", "user:lena")
    sent |= {"day": "*", "at": "04:00"}
    del sent["enabled"]
    assert client.post(page_path(made), sent).status_code == 302
    made.refresh_from_db()
    assert (made.day, str(made.at), made.enabled) == ("*", "04:00:00", False)
    assert client.post(page_path(made, "delete"), {"post": "yes"}).status_code == 302
    assert not Schedule.objects.exists()


def test_a_schedule_takes_recipes_of_its_project_alone(scene):
    other = scenery.build("others", lead="otto")
    foreign = recipes.save_recipe(other.project, "nightly", {}, actor="test")
    client = browse(scene.lena)
    sent = {"project": scene.project.pk, "recipe": foreign.pk, "day": "*", "at": "03:15"}
    assert client.post(reverse("admin:exports_schedule_add"), sent).status_code == 200
    assert client.post(reverse("admin:exports_schedule_add"), sent | {"project": other.project.pk}).status_code == 200
    assert not Schedule.objects.exists()


def test_a_lead_sets_how_long_files_are_kept(scene):
    client = browse(scene.lena)
    sent = {"project": scene.project.pk, "keep_last": 0, "keep_days": 14}
    assert client.post(reverse("admin:exports_retention_add"), sent).status_code == 200
    assert client.post(reverse("admin:exports_retention_add"), sent | {"keep_last": 2}).status_code == 302
    rule = Retention.objects.get()
    assert client.post(page_path(rule), {"keep_last": 3, "keep_days": 14}).status_code == 302
    assert Retention.objects.get().keep_last == 3
    assert Event.objects.filter(kind="retention.set").count() == 2


def test_a_lead_adds_a_webhook_and_sends_a_message_again(scene):
    client = browse(scene.lena)
    sent = {"project": scene.project.pk, "url": "http://train.example/hook"}
    assert b"cannot be taken" in client.post(reverse("admin:exports_webhook_add"), sent).content
    sent["url"] = "https://train.example/hook"
    assert client.post(reverse("admin:exports_webhook_add"), sent).status_code == 302
    webhook = Webhook.objects.get()
    fail(scene.project)
    delivery = Delivery.objects.get()
    Delivery.objects.update(next_at=None, attempts=10, error="it answered 500")
    assert b"given up" in client.get(page_path(webhook)).content
    assert webhooks.secret(webhook).encode() in client.get(page_path(webhook)).content
    client.post(list_path("exports_delivery"), {"action": "send_again", "_selected_action": [delivery.pk]})
    delivery.refresh_from_db()
    assert (delivery.attempts, delivery.error) == (0, "")
    assert delivery.next_at is not None
    assert browse(world.lead("otto", world.project("others"))).get(page_path(delivery)).status_code in (302, 403, 404)
    assert client.post(page_path(webhook, "delete"), {"post": "yes"}).status_code == 302
    assert not Webhook.objects.exists()
