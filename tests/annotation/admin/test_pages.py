"""Every list and page of the admin opens, and the questions over a list mean what they say."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone

from annotation import mixing, projects, queue
from annotation.admin.navigation import GROUPS
from annotation.models import Assignment, Comparison, Judgment, Member
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import browse, list_path, page_path
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> scenery.Scenery:
    return scenery.build()


@pytest.mark.parametrize("who", ["root", "lena"])
def test_every_list_and_every_page_open(scene, who):
    client = browse(scenery.root() if who == "root" else scene.lena)
    for name in scenery.names("annotation"):
        response = client.get(list_path(name))
        assert response.status_code == 200, name
        rows = response.context["cl"].result_list
        assert rows, name
        assert {client.get(page_path(row)).status_code for row in rows[:3]} == {200}, name


def test_users_and_groups_open_for_superusers(scene):
    client = browse(scenery.root())
    Group.objects.create(name="night shift")
    for row in (scene.lena, Group.objects.get()):
        name = f"auth_{row._meta.model_name}"
        assert str(row) in client.get(list_path(name)).content.decode()
        assert client.get(page_path(row)).status_code == 200
        assert client.get(reverse(f"admin:{name}_add")).status_code == 200


def test_the_sidebar_leads_to_every_list_in_the_order_of_the_data(scene):
    html = browse(scenery.root()).get(reverse("admin:index")).content.decode()
    paths = [list_path(model) for _, items in GROUPS for _, _, model in items]
    places = [html.index(f'"{path}"') for path in paths]
    assert places == sorted(places)
    assert {model for _, items in GROUPS for _, _, model in items} == {
        f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry
    }


def shown(client, name, **query):
    response = client.get(list_path(name, **query))
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_questions_about_comparisons(scene):
    client = browse(scene.lena)
    untouched = Comparison.objects.order_by("pk").last()
    assert shown(client, "annotation_comparison", show="in_disagreement") == [scene.disputed]
    assert shown(client, "annotation_comparison", show="done") == [scene.disputed]
    assert shown(client, "annotation_comparison", show="flagged") == [scene.held.comparison]
    assert shown(client, "annotation_comparison", show="never_judged") == [untouched, scene.held.comparison]
    assert shown(client, "annotation_comparison", show="open") == [untouched, scene.held.comparison]
    assert shown(client, "annotation_comparison", show="leased") == []
    queue.hold(scene.bob, count=2)
    assert shown(client, "annotation_comparison", show="leased") == [scene.held.comparison]


def test_golds_and_repeats_are_told_apart_and_how_they_were_judged(scene, monkeypatch):
    monkeypatch.setattr(mixing, "APART", 0)
    client = browse(scene.lena)
    world.add_comparisons(scene.project, 6)
    (gold,) = world.add_golds(scene.project, 1, right=0)
    projects.change_project(scene.project, RATES, actor="test")
    for annotator in (scene.alice, scene.bob):
        with drawn(NEITHER):
            world.judge_next(annotator, "tie")
    for annotator, rightly in ((scene.alice, True), (scene.bob, False)):
        with drawn(GOLD):
            (lease,) = queue.hold(annotator, count=1)
            assert lease.comparison_id == gold.pk
            world.judge_next(annotator, "a" if (lease.left_id == gold.gold_chosen_id) == rightly else "b")
        with drawn(REPEAT):
            world.judge_next(annotator, "tie")
    assert shown(client, "annotation_comparison", show="gold") == [gold]
    assert "2, 50 % right" in client.get(list_path("annotation_comparison", show="gold")).content.decode()
    repeats = shown(client, "annotation_comparison", show="repeat")
    assert {repeat.for_annotator for repeat in repeats} == {scene.alice, scene.bob}
    assert not {gold, *repeats} & set(shown(client, "annotation_comparison", show="done"))
    told = {row.name: row.checks for row in shown(client, "annotation_annotator")}
    assert (told[scene.alice.name].golds, told[scene.alice.name].right) == (1, 1)
    assert (told[scene.bob.name].golds, told[scene.bob.name].right) == (1, 0)
    for checks in told.values():
        assert (checks.repeats, checks.has_failed) == (1, False)
    assert "1 of 1" in client.get(page_path(scene.alice)).content.decode()


def test_retracted_and_agreeing_judgments_are_no_disagreement(scene):
    client = browse(scene.lena)
    for annotator in (scene.alice, scene.bob):
        world.judge_next(annotator, "tie")
    assert Judgment.objects.filter(comparison=scene.held.comparison).count() == 3
    assert shown(client, "annotation_comparison", show="in_disagreement") == [scene.disputed]
    both_bad = queue.hold(scene.alice, count=1) and world.judge_next(scene.alice, "both_bad")
    world.judge_next(scene.bob, "tie")
    assert shown(client, "annotation_comparison", show="in_disagreement") == [both_bad.comparison, scene.disputed]


def test_questions_about_leases_flags_and_judgments(scene):
    client = browse(scene.lena)
    assert shown(client, "annotation_assignment", show="leased") == [scene.held]
    assert shown(client, "annotation_assignment", show="long") == []
    Assignment.objects.filter(pk=scene.held.pk).update(leased_at=timezone.now() - dt.timedelta(minutes=61))
    assert shown(client, "annotation_assignment", show="long") == [scene.held]
    assert shown(client, "annotation_flag", show="open") == [scene.flag]
    assert shown(client, "annotation_flag", show="resolved") == []
    counted = shown(client, "annotation_judgment", show="counted")
    retracted = shown(client, "annotation_judgment", show="retracted")
    assert (len(counted), len(retracted)) == (2, 1)
    assert retracted[0].assignment == scene.held
    assert [row.source_id for row in shown(client, "annotation_judgment", show="fast")] == [scene.bob.name]
    assert shown(client, "annotation_event", show="unsealed") == []


def test_search_finds_by_the_beginning_of_ids(scene):
    client = browse(scene.lena)
    prompt = scene.disputed.prompt
    assert shown(client, "annotation_prompt", q="r0") == [prompt]
    assert shown(client, "annotation_prompt", q="0") == []
    assert shown(client, "annotation_comparison", q="r0") == [scene.disputed]
    assert shown(client, "annotation_comparison", q=str(scene.disputed.uid)[:23]) == [scene.disputed]
    assert shown(client, "annotation_comparison", q="no such") == []
    assert shown(client, "annotation_assignment", q=str(scene.held.uid)) == [scene.held]
    assert {row.source_id for row in shown(client, "annotation_judgment", q="bob")} == {scene.bob.name}
    assert [row.user for row in shown(client, "annotation_member", q="len")] == [scene.lena]


def test_tabs_keep_what_else_the_list_is_filtered_by(scene):
    html = browse(scene.lena).get(list_path("annotation_comparison", project="summaries", show="done")).content.decode()
    assert list_path("annotation_comparison", project="summaries", show="flagged").replace("&", "&amp;") in html


def test_a_comparison_leads_along_the_way_of_the_data(scene):
    html = browse(scene.lena).get(page_path(scene.disputed)).content.decode()
    judgments = scene.disputed.judgments.select_related("event__seal")
    stations = [scene.disputed.prompt, scene.disputed.a, scene.disputed.b, *judgments]
    stations += [judgment.event for judgment in judgments]
    assert all(f'"{page_path(station)}"' in html for station in stations)
    assert all(f"position {judgment.event.seal.position}" in html for judgment in judgments)
    judgment = judgments[0]
    html = browse(scene.lena).get(page_path(judgment)).content.decode()
    seen = f"watermark__gte={judgment.event.seal.position}"
    assert f'"{page_path(judgment.feedback)}"' in html
    assert list_path("exports_snapshot", project="summaries") + f"&amp;{seen}" in html


def test_the_history_of_guidelines_is_shown(scene):
    client = browse(scene.lena)
    old, new = scene.project.guideline_versions.order_by("version")
    html = client.get(page_path(scene.project)).content.decode()
    assert f'"{page_path(old)}"' in html
    assert f'"{page_path(new)}"' in html
    assert "-Read both.\n+Read both to the end." in client.get(page_path(new)).content.decode()


def test_the_start_page_tells_what_needs_a_hand(scene):
    client = browse(scene.lena)
    html = client.get("/admin/").content.decode()
    assert "1 open flag" in html
    assert "summaries · the oldest just now" in html
    assert "leased for more than an hour" not in html
    assert "1 done" in html
    Assignment.objects.filter(pk=scene.held.pk).update(leased_at=timezone.now() - dt.timedelta(hours=2))
    queue.resolve_flag(scene.flag, actor="test")
    html = client.get("/admin/").content.decode()
    assert "1 open flag" not in html
    assert "1 comparison leased for more than an hour" in html


def test_the_start_page_without_projects_says_what_to_do():
    assert "Create the first project" in browse(scenery.root()).get("/admin/").content.decode()
    staff = world.person("sam", is_staff=True)
    html = browse(staff).get("/admin/").content.decode()
    assert "You lead no project" in html
    assert "Create the first project" not in html


def test_an_empty_list_says_where_its_rows_come_from():
    project = world.project("bare")
    client = browse(world.lead("lena", project))
    html = client.get(list_path("annotation_prompt")).content.decode()
    assert "No prompts yet" in html
    assert "import_pairs" in html
    assert "Nothing matches" in client.get(list_path("annotation_member", show="annotator")).content.decode()
    assert Member.objects.exists()
