"""What can be done in the admin, and that each of it stands in the log under the name of who did it."""

from __future__ import annotations

import pytest
from django.urls import reverse

from annotation import projects, queue
from annotation.models import Assignment, Comparison, Event, Flag, GuidelineVersion, Member, Project
from tests import world
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import act, browse, page_path

pytestmark = pytest.mark.django_db

SETTINGS = {
    "name": "Summaries", "status": "open", "scale": "plain", "overlap": 2, "order": "fifo", "lease_seconds": 900,
    "overlap_sample_share": 0, "overlap_sample": 1, "lease_auto": True, "skips_to_lead": 3,
    "pairing": "random", "pairing_n": 1, "guidelines": "Read both to the end.\r\nThen choose.", "members": "",
    "pairing_models": "", "requires": "", "gold_rate": 0, "repeat_rate": 0, "implicit_rate": 1, "orphan_hours": 24,
    "heuristics": [],
}  # fmt: skip


@pytest.fixture
def scene() -> scenery.Scenery:
    return scenery.build()


def last_event():
    return Event.objects.order_by("-pk").values_list("kind", "actor", "subject", "payload")[0]


def test_a_project_is_made_with_its_event_and_its_maker_leads_it(scene):
    lena = browse(scene.lena)
    data = SETTINGS | {
        "slug": "poems", "name": "Poems", "overlap": 3, "members": scene.bob.user.username,
        "pairing": "model_pairs", "pairing_models": "aurora 1.2, basalt",
        "requires": "Law, french",
    }  # fmt: skip
    response = lena.post(reverse("admin:annotation_project_add"), data)
    made = Project.objects.get(slug="poems")
    assert response.status_code == 302
    assert projects.read_settings(made) | {"guidelines": ""} == data | {
        "guidelines": "", "members": [scene.bob.user.username], "pairing_models": ["aurora 1.2", "basalt"],
        "requires": ["french", "law"],
    }  # fmt: skip
    assert made.current_guidelines().text == "Read both to the end.\nThen choose."
    kinds = Event.objects.filter(project=made).order_by("pk").values_list("kind", "actor")
    told = ("project.created", "guidelines.written", "member.added", "project.changed", "member.added")
    assert list(kinds) == [(kind, "user:lena") for kind in told]
    assert Member.objects.filter(project=made, user=scene.lena, role="lead").exists()
    assert lena.get(page_path(made)).status_code == 200


def test_a_change_of_settings_tells_the_log_what_changed(scene):
    lena = browse(scene.lena)
    assert lena.post(page_path(scene.project), SETTINGS | {"overlap": 4}).status_code == 302
    assert last_event() == (
        "project.changed", "user:lena", f"project:{scene.project.uid}", {"name": "Summaries", "overlap": 4},
    )  # fmt: skip
    assert set(scene.project.comparisons.values_list("overlap", flat=True)) == {4}
    before = Event.objects.count()
    assert lena.post(page_path(scene.project), SETTINGS | {"overlap": 4}).status_code == 302
    assert Event.objects.count() == before, "the same settings again are no change"


def test_guidelines_are_edited_in_the_form_and_kept_in_versions(scene):
    text = "Read both.\r\nSay why."
    browse(scene.lena).post(page_path(scene.project), SETTINGS | {"guidelines": text})
    assert list(GuidelineVersion.objects.order_by("version").values_list("text", flat=True)) == [
        "Read both.\nThen choose.", "Read both to the end.\nThen choose.", "Read both.\nSay why.",
    ]  # fmt: skip
    assert last_event()[3]["guidelines"] == 3


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("members", "nobody", "There is no user “nobody”."),
        ("overlap", "0", "It must be from 1 to 100."),
        ("gold_rate", "0.6", "It must be from 0 to 0.5."),
        ("implicit_rate", "0", "It must be above 0, and 1 at most."),
        ("scale", "ten", "ten is not one of the available choices"),
        ("lease_seconds", "9999999", "It must be from 1 to 604,800."),
    ],
)
def test_wrong_settings_are_refused_beside_the_form(scene, field, value, says):
    before = projects.read_settings(scene.project)
    response = browse(scene.lena).post(page_path(scene.project), SETTINGS | {field: value})
    assert response.status_code == 200
    errors = str(response.context["adminform"].form.errors)
    assert says in errors
    assert "Constraint" not in errors
    assert projects.read_settings(Project.objects.get()) == before


def test_a_taken_slug_is_refused(scene):
    response = browse(scene.lena).post(reverse("admin:annotation_project_add"), SETTINGS | {"slug": "summaries"})
    assert "already exists" in str(response.context["adminform"].form.errors)


def test_the_slug_stays(scene):
    browse(scene.lena).post(page_path(scene.project), SETTINGS | {"slug": "other"})
    assert Project.objects.get().slug == "summaries"


def test_pausing_and_reopening_from_the_list(scene):
    lena = browse(scene.lena)
    for action, status in (("pause_selected", "paused"), ("reopen_selected", "open")):
        act(lena, "annotation_project", action, scene.project)
        assert Project.objects.get().status == status
        assert last_event()[1:] == ("user:lena", f"project:{scene.project.uid}", {"status": status})


def test_pausing_and_reopening_on_the_page(scene):
    lena = browse(scene.lena)
    page = f"/admin/annotation/project/{scene.project.pk}"
    for what, status, other in (("pause", "paused", "reopen"), ("reopen", "open", "pause")):
        assert f"{page}/{what}/" in lena.get(f"{page}/change/").content.decode()
        response = lena.post(f"{page}/{what}/", {"_form_submitted": "on"})
        assert (response.status_code, response["Location"]) == (302, f"{page}/change/")
        assert Project.objects.get().status == status
        html = lena.get(f"{page}/change/").content.decode()
        assert f"{page}/{other}/" in html
        assert f"{page}/{what}/" not in html
    response = lena.post(f"{page}/pause/", {"_form_submitted": "on"}, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == f"{page}/change/"


def test_an_untouched_comparison_is_used_as_gold(scene):
    lena = browse(scene.lena)
    untouched = Comparison.objects.order_by("pk").last()
    page = f"/admin/annotation/comparison/{untouched.pk}"
    assert f"{page}/gold/" in lena.get(f"{page}/change/").content.decode()
    response = lena.post(f"{page}/gold/", {"_form_submitted": "on", "right": "b"})
    assert (response.status_code, response["Location"]) == (302, f"{page}/change/")
    untouched.refresh_from_db()
    assert (untouched.kind, untouched.gold_chosen) == ("gold", untouched.b)
    told = {"chosen": untouched.b.output_id}
    assert last_event() == ("comparison.made_gold", "user:lena", f"comparison:{untouched.uid}", told)
    html = lena.get(f"{page}/change/").content.decode()
    assert f"{page}/gold/" not in html
    assert "right · not judged yet" in html


def test_a_comparison_that_was_handed_out_is_no_gold(scene):
    lena = browse(scene.lena)
    page = f"/admin/annotation/comparison/{scene.disputed.pk}"
    assert f"{page}/gold/" not in lena.get(f"{page}/change/").content.decode()
    assert lena.post(f"{page}/gold/", {"_form_submitted": "on", "right": "a"}).status_code == 403
    assert not Comparison.objects.filter(kind="gold").exists()


def test_tags_are_set_and_a_comparison_is_given_to_somebody(scene):
    lena = browse(scene.lena)
    page = f"/admin/annotation/annotator/{scene.alice.pk}"
    assert lena.post(f"{page}/tags/", {"_form_submitted": "on", "tags": "Law, french,"}).status_code == 302
    assert last_event() == (
        "annotator.tagged",
        "user:lena",
        f"annotator:{scene.alice.name}",
        {"tags": ["french", "law"]},
    )
    assert 'value="french, law"' in lena.get(f"{page}/tags/").content.decode()
    untouched = Comparison.objects.order_by("pk").last()
    page = f"/admin/annotation/comparison/{untouched.pk}"
    given = {"_form_submitted": "on", "requires": "law", "reserved_for": scene.alice.name}
    assert lena.post(f"{page}/route/", given).status_code == 302
    untouched.refresh_from_db()
    assert (untouched.requires, untouched.reserved_for) == (["law"], scene.alice)
    assert "only <a" in lena.get(f"{page}/change/").content.decode()
    refused = lena.post(f"{page}/route/", given | {"reserved_for": "nobody"})
    assert "There is no annotator “nobody”" in refused.content.decode()


def test_the_tags_of_another_project_are_out_of_reach(scene):
    elsewhere = scenery.build("elsewhere", lead="eve")
    lena = browse(scene.lena)
    comparison = elsewhere.disputed
    for page in (
        f"annotator/{elsewhere.alice.pk}/tags",
        f"comparison/{comparison.pk}/route",
        f"comparison/{comparison.pk}/gold",
    ):
        for send in (lena.get, lena.post):
            assert send(f"/admin/annotation/{page}/").status_code == 403


def test_what_was_skipped_too_often_is_offered_again(scene):
    untouched = Comparison.objects.order_by("pk").last()
    projects.change_project(scene.project, {"skips_to_lead": 1}, actor="test")
    for lease in queue.hold(scene.alice, count=2):
        queue.skip(scene.alice, lease.uid)
    response = act(browse(scene.lena), "annotation_comparison", "offer_again", untouched, scene.disputed)
    assert "Offered 1 again" in response.content.decode()
    assert last_event()[:3] == ("comparison.offered", "user:lena", f"comparison:{untouched.uid}")
    untouched.refresh_from_db()
    assert (untouched.overlap, untouched.withheld) == (2, 0)


def test_releasing_leases_gives_them_back_in_the_leads_name(scene):
    ended = Assignment.objects.filter(state="judged").first()
    response = act(browse(scene.lena), "annotation_assignment", "release", scene.held, ended)
    assert Assignment.objects.get(pk=scene.held.pk).state == "released"
    assert Assignment.objects.get(pk=ended.pk).state == "judged"
    assert last_event()[:3] == ("lease.released", "user:lena", f"lease:{scene.held.uid}")
    html = response.content.decode()
    assert "Released 1 of the chosen leases." in html
    assert "1 had ended already" in html
    assert queue.hold(scene.alice, count=1)[0].comparison_id == scene.held.comparison_id


def test_flags_are_resolved_once(scene):
    for _ in range(2):
        act(browse(scene.lena), "annotation_flag", "resolve", scene.flag)
    assert Flag.objects.get().resolved_at is not None
    told = Event.objects.filter(kind="comparison.flag_resolved").values_list("actor", "subject")
    assert list(told) == [("user:lena", f"comparison:{scene.held.comparison.uid}")]


def test_members_come_and_go_with_their_events(scene):
    lena = browse(scene.lena)
    path = reverse("admin:annotation_member_add")
    data = {"username": scene.bob.user.username, "role": "annotator", "project": scene.project.pk}
    assert lena.post(path, data).status_code == 302
    payload = {"user": scene.bob.user.username, "role": "annotator"}
    assert last_event() == ("member.added", "user:lena", f"project:{scene.project.uid}", payload)
    assert "has that role already" in str(lena.post(path, data).context["adminform"].form.errors)
    unknown = lena.post(path, data | {"username": "nobody"})
    assert "There is no user “nobody”." in str(unknown.context["adminform"].form.errors)
    act(lena, "annotation_member", "remove", Member.objects.get(role="annotator"))
    assert last_event() == ("member.removed", "user:lena", f"project:{scene.project.uid}", payload)
    assert not Member.objects.filter(role="annotator").exists()


def test_a_superuser_makes_and_switches_off_people():
    root = browse(scenery.root())
    data = {"username": "nina", "password1": world.PASSWORD, "password2": world.PASSWORD, "usable_password": "true"}
    response = root.post(reverse("admin:auth_user_add"), data)
    assert response.status_code == 302
    assert root.get(response["Location"]).status_code == 200
