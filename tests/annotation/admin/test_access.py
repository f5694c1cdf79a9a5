"""Who gets in: superusers everywhere, leads to their own projects, annotators and outsiders nowhere; facts stay."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.urls import reverse

from annotation.models import ApiKey, Assignment, Event, Flag, Member, Project
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import act, browse, list_path, page_path

pytestmark = pytest.mark.django_db

NAMES = [*scenery.names("annotation"), *scenery.names("exports"), *scenery.names("auth")]


@pytest.fixture
def scene() -> scenery.Scenery:
    return scenery.build()


@pytest.fixture
def elsewhere(scene) -> scenery.Scenery:
    """Another project, with another lead."""
    return scenery.build("poems", lead="omar")


def test_annotators_and_strangers_get_nowhere(scene, client):
    for name in ("", *NAMES):
        path = list_path(name) if name else "/admin/"
        steps = client.get(path, follow=True).redirect_chain
        assert steps[-1][0].startswith("/accounts/login/?next=%2Fadmin%2F"), path
        assert browse(scene.alice.user).get(path, follow=True).status_code == 403, path


def test_staff_who_lead_nothing_see_no_rows(scene):
    eve = browse(world.person("eve", is_staff=True))
    assert eve.get("/admin/").status_code == 200
    for name in NAMES:
        assert eve.get(list_path(name)).status_code == 403, name
    assert eve.get(page_path(scene.disputed)).status_code in {302, 403}


def test_a_lead_sees_the_rows_of_their_own_projects_alone(scene, elsewhere):
    lena = browse(scene.lena)
    for name in scenery.names("annotation"):
        theirs = set(browse(elsewhere.lena).get(list_path(name)).context["cl"].result_list)
        own = set(lena.get(list_path(name)).context["cl"].result_list)
        assert theirs, name
        assert own, name
        assert not theirs & own, name
        for row in theirs:
            response = lena.get(page_path(row))
            assert (response.status_code, response.get("Location")) == (302, "/admin/"), name


def test_events_of_the_whole_instance_are_for_superusers(scene):
    event = Event.objects.create(kind="person.added", actor="test", subject="user:x", payload={})
    assert browse(scene.lena).get(page_path(event)).status_code == 302
    assert browse(scenery.root()).get(page_path(event)).status_code == 200


def test_users_and_groups_are_for_superusers_whatever_was_granted(scene):
    scene.lena.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))
    lena = browse(scene.lena)
    for name in scenery.names("auth"):
        assert lena.get(list_path(name)).status_code == 403
        assert lena.get(reverse(f"admin:{name}_add")).status_code == 403
    assert lena.get(page_path(scene.lena)).status_code == 403
    assert list_path("auth_user") not in lena.get("/admin/").content.decode()


def test_a_lead_can_choose_their_own_projects_alone(scene, elsewhere):
    lena = browse(scene.lena)
    for name, data in {
        "annotation_member": {"username": "omar", "role": "annotator"},
        "annotation_apikey": {"name": "k", "scopes": ["manage"]},
        "exports_recipe": {"name": "n", "body": "{}"},
    }.items():
        path = reverse(f"admin:{name}_add")
        html = lena.get(path).content.decode()
        assert f'<option value="{scene.project.pk}"' in html, name
        assert f'<option value="{elsewhere.project.pk}"' not in html, name
        response = lena.post(path, data | {"project": elsewhere.project.pk})
        assert "project" in response.context["adminform"].form.errors, name


def test_a_filter_by_another_project_finds_nothing(scene, elsewhere):
    lena = browse(scene.lena)
    for query in ({"project": "poems"}, {"prompt__id__exact": elsewhere.disputed.prompt_id}, {"q": "r0"}):
        rows = lena.get(list_path("annotation_comparison", **query)).context["cl"].result_list
        assert all(row.project_id == scene.project.pk for row in rows)


def test_actions_do_not_reach_other_projects(scene, elsewhere):
    lena = browse(scene.lena)
    act(lena, "annotation_project", "pause_selected", elsewhere.project)
    act(lena, "annotation_assignment", "release", elsewhere.held)
    act(lena, "annotation_flag", "resolve", elsewhere.flag)
    act(lena, "annotation_apikey", "revoke", elsewhere.key)
    act(lena, "annotation_member", "remove", Member.objects.get(project=elsewhere.project))
    for what in ("pause", "build"):
        path = f"/admin/annotation/project/{elsewhere.project.pk}/{what}/"
        assert lena.get(path).status_code == 403
        assert lena.post(path, {"_form_submitted": "on"}).status_code == 403
        assert lena.get(f"/admin/annotation/project/nonsense/{what}/").status_code == 403
    assert Project.objects.get(slug="poems").status == "open"
    assert Assignment.objects.get(pk=elsewhere.held.pk).state == "leased"
    assert Flag.objects.get(pk=elsewhere.flag.pk).resolved_at is None
    assert ApiKey.objects.get(pk=elsewhere.key.pk).revoked_at is None
    assert Member.objects.filter(project=elsewhere.project).exists()


def test_leads_are_made_and_unmade_by_superusers(scene):
    lena = browse(scene.lena)
    path = reverse("admin:annotation_member_add")
    data = {"username": scene.bob.user.username, "role": "lead", "project": scene.project.pk}
    assert "role" in lena.post(path, data).context["adminform"].form.errors
    act(lena, "annotation_member", "remove", Member.objects.get(user=scene.lena))
    assert list(Member.objects.values_list("user__username", "role")) == [("lena", "lead")]
    root = browse(scenery.root())
    page = root.post(path, data, follow=True).content.decode()
    assert "cannot open the admin before" in page
    act(root, "annotation_member", "remove", Member.objects.get(user=scene.lena))
    assert list(Member.objects.values_list("user__username", "role")) == [(scene.bob.name, "lead")]


def test_nothing_is_deleted_and_facts_are_neither_added_nor_changed(scene):
    root = browse(scenery.root())
    for name in (*scenery.names("annotation"), *scenery.names("auth")):
        response = root.get(list_path(name))
        assert "delete_selected" not in response.content.decode(), name
        for row in response.context["cl"].result_list[:1]:
            assert root.get(page_path(row, "delete")).status_code == 403, name
            assert root.post(page_path(row, "delete"), {"post": "yes"}).status_code == 403, name
    for name in (*[f"annotation_{fact}" for fact in scenery.FACTS], "annotation_comparison", "annotation_assignment"):
        assert root.get(reverse(f"admin:{name}_add")).status_code == 403, name
        assert root.post(reverse(f"admin:{name}_add"), {}).status_code == 403, name
        row = root.get(list_path(name)).context["cl"].result_list[0]
        assert root.post(page_path(row), {"kind": "x", "outcome": "tie"}).status_code == 403, name


def test_actions_that_change_something_want_a_post_with_a_token(scene):
    lena = browse(scene.lena)
    assert lena.get(f"/admin/annotation/project/{scene.project.pk}/pause/").status_code == 200
    assert Project.objects.get().status == "open"
    lena.handler.enforce_csrf_checks = True
    path = f"/admin/annotation/project/{scene.project.pk}/pause/"
    assert lena.post(path, {"_form_submitted": "on"}).status_code == 403
    assert act(lena, "annotation_flag", "resolve", scene.flag).status_code == 403
    assert Project.objects.get().status == "open"
    assert Flag.objects.get().resolved_at is None


def test_key_hashes_are_shown_nowhere(scene):
    root = browse(scenery.root())
    pages = [root.get(page_path(scene.key)), root.get(list_path("annotation_apikey"))]
    assert all(scene.key.hash not in page.content.decode() for page in pages)
    assert "hash" not in admin.site._registry[type(scene.key)].get_search_fields(pages[0].wsgi_request)
