"""A list takes as many queries for sixty rows as for three, and pages end at a bound."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import log, projects, queue
from annotation.admin import paging
from annotation.models import ApiKey, Comparison, CriticRun, Flag, Member, Project, Prompt
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import browse, list_path

pytestmark = pytest.mark.django_db


def count_queries(client, path):
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def grow(scene):
    """At least sixty rows of everything that can be many."""
    project = scene.project
    world.add_comparisons(project, 60)
    world.judge_next(scene.alice)
    for n in range(60):
        world.judge_next(scene.alice)
        world.answers.undo(scene.alice)
        person = User.objects.create(username=f"p{n}")
        Member.objects.create(project=project, user=person)
        (lease,) = queue.hold(queue.annotator_for_user(project, person), count=1)
        Flag.objects.create(comparison_id=lease.comparison_id, annotator_id=lease.annotator_id)
        ApiKey.objects.create(project=project, name=f"k{n}", scopes=["read"], hash=f"{n}")
        CriticRun.objects.create(project=project, name=f"c{n}", model="judge")
        projects.change_project(project, {"guidelines": f"Choose {n}."}, actor="test")
        made = Project.objects.create(slug=f"more{n}", name="More")
        Member.objects.create(project=made, user=scene.lena, role=Member.Role.LEAD)
    log.seal(project)


def test_lists_take_a_fixed_number_of_queries():
    scene = scenery.build()
    client = browse(scene.lena)
    paths = [list_path(name) for name in scenery.names("annotation")]
    paths += [list_path("annotation_comparison", show=show) for show in ("in_disagreement", "flagged")]
    paths += [list_path("annotation_judgment", q="r0"), list_path("annotation_assignment", show="leased"), "/admin/"]
    few = {path: count_queries(client, path) for path in paths}
    grow(scene)
    assert {path: count_queries(client, path) for path in paths} == few
    assert max(few.values()) <= 14, few


def test_pages_end_at_the_bound(monkeypatch):
    scene = scenery.build()
    client = browse(scene.lena)
    world.add_comparisons(scene.project, 60)
    assert "63 comparisons" in client.get(list_path("annotation_comparison")).content.decode()
    second = client.get(list_path("annotation_comparison", p=2)).context["cl"].result_list
    assert second == list(Comparison.objects.order_by("-pk")[50:])
    monkeypatch.setattr(paging, "ROWS_REACHED", 55)
    html = client.get(list_path("annotation_comparison")).content.decode()
    assert "The newest 55 comparisons" in html
    second = client.get(list_path("annotation_comparison", p=2)).context["cl"].result_list
    assert second == list(Comparison.objects.order_by("-pk")[50:55])
    # What lies beyond is found.
    oldest = Prompt.objects.order_by("pk").first()
    assert client.get(list_path("annotation_prompt", q=oldest.request_id)).context["cl"].result_list == [oldest]
