"""Projects: made and changed as a whole or not at all, every change in the log."""

from __future__ import annotations

import pytest

from annotation import projects, queue
from annotation.models import Comparison, Event, GuidelineVersion, Project
from annotation.models.project import LOT_FACTOR, LOTS
from annotation.pairing.naming import change_comparison
from tests import world
from tests.annotation.pairing.prompts import log_prompt

pytestmark = pytest.mark.django_db


def events(kind):
    return list(Event.objects.filter(kind=kind).order_by("pk").values_list("payload", flat=True))


def test_a_new_project_has_the_plain_scale_overlap_one_and_is_open_to_all():
    project = projects.create_project("summaries", actor="lena")
    settings = projects.read_settings(project)
    assert settings["slug"] == settings["name"] == "summaries"
    assert (settings["scale"], settings["overlap"], settings["pairing"], settings["status"]) == (
        *("plain", 1, "random", "open"),
    )
    assert (settings["guidelines"], settings["members"]) == ("", [])
    (created,) = events("project.created")
    assert created["slug"] == "summaries"
    assert events("project.changed") == []


def test_settings_may_come_as_text():
    project = projects.create_project("p", settings={"overlap": "3", "lease_seconds": "60"}, actor="lena")
    project.refresh_from_db()
    assert (project.overlap, project.lease_seconds) == (3, 60)


@pytest.mark.parametrize("slug", ["", "two words", "a/b", "x" * 101, "ünder"])
def test_a_slug_must_fit_into_an_address(slug):
    with pytest.raises(projects.SettingError) as caught:
        projects.create_project(slug, actor="lena")
    assert caught.value.setting == "slug"


def test_a_slug_is_taken_once():
    world.project("taken")
    with pytest.raises(projects.SettingError, match="taken"):
        projects.create_project("taken", actor="lena")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("overlap", "0"), ("overlap", "101"), ("overlap", "many"), ("scale", "stars"), ("order", "backwards")),
        *(("lease_seconds", "0"), ("pairing", "some"), ("status", "gone"), ("name", ""), ("members", "nobody")),
        *(("pairing_n", "0"), ("pairing_n", "2017"), ("pairing", "model_pairs"), ("colour", "red")),
        *(("lease_auto", "maybe"), ("pairing_models", "aurora, basalt, aurora")),
    ],
)
def test_a_bad_setting_is_named_and_nothing_changes(name, value):
    project = world.project()
    before = projects.read_settings(project)
    with pytest.raises(projects.SettingError) as caught:
        projects.change_project(project, {"guidelines": "New.", name: value}, actor="lena")
    assert caught.value.setting == (name if value != "model_pairs" else "pairing_models")
    assert projects.read_settings(Project.objects.get(pk=project.pk)) == before
    assert events("project.changed") == []


def test_models_come_as_text_with_commas():
    settings = {"pairing": "model_pairs", "pairing_models": "aurora 1.2, basalt,", "pairing_n": "3"}
    project = projects.create_project("p", settings=settings, actor="lena")
    assert projects.read_settings(project)["pairing_models"] == ["aurora 1.2", "basalt"]
    assert projects.read_settings(project)["pairing_n"] == 3


def test_a_failed_creation_leaves_no_project():
    with pytest.raises(projects.SettingError):
        projects.create_project("p", settings={"overlap": 0}, actor="lena")
    assert not Project.objects.exists()
    assert events("project.created") == []


def test_the_log_tells_what_changed_and_nothing_else():
    project = world.project()
    projects.change_project(project, {"overlap": 2, "name": project.name}, actor="lena")
    assert events("project.changed") == [{"overlap": 2}]
    projects.change_project(project, {"overlap": 2}, actor="lena")
    assert len(events("project.changed")) == 1


def test_what_others_changed_meanwhile_stays():
    project = world.project()
    projects.change_project(Project.objects.get(pk=project.pk), {"overlap": 3}, actor="lena")
    projects.change_project(project, {"name": "Other"}, actor="lena")
    assert (project.overlap, Project.objects.get().overlap) == (3, 3)
    assert events("project.changed") == [{"overlap": 3}, {"name": "Other"}]


def test_guidelines_have_versions_and_stay_out_of_the_log():
    project = world.project()
    for text in ("Be fair.", "Be fair.", "Be fair and kind."):
        projects.change_project(project, {"guidelines": text}, actor="lena")
    assert list(GuidelineVersion.objects.order_by("version").values_list("version", "text")) == [
        *((1, "Be fair."), (2, "Be fair and kind.")),
    ]
    assert events("project.changed") == [{"guidelines": 1}, {"guidelines": 2}]


def test_members_are_replaced_as_a_whole():
    for name in ("alice", "bob", "eve"):
        world.person(name)
    project = world.project(members="alice, bob")
    assert projects.read_settings(project)["members"] == ["alice", "bob"]
    projects.change_project(project, {"members": ["bob", "eve"]}, actor="lena")
    assert projects.read_settings(project)["members"] == ["bob", "eve"]
    projects.change_project(project, {"members": ""}, actor="lena")
    assert projects.read_settings(project)["members"] == []


def test_leads_are_no_annotator_members():
    project = world.project()
    world.lead("lena", project)
    projects.change_project(project, {"members": ""}, actor="lena")
    assert project.members.count() == 1
    assert projects.read_settings(project)["members"] == []


def test_a_new_overlap_holds_for_comparisons_that_are_there_but_takes_nothing_back():
    project = world.project(comparisons=2, overlap=2)
    for name in ("alice", "bob"):
        queue.hold(world.annotator(project, name), count=1)
    projects.change_project(project, {"overlap": 1}, actor="lena")
    assert sorted(Comparison.objects.values_list("overlap", "taken")) == [(1, 0), (2, 2)]
    projects.change_project(project, {"overlap": 4}, actor="lena")
    assert set(Comparison.objects.values_list("overlap", flat=True)) == {4}


def pairs(project, outputs):
    """Comparisons of all pairs of that many outputs of one prompt."""
    log_prompt(project, ["aurora"] * outputs, strategy="all_pairs")


def test_an_overlap_of_its_own_stays_when_that_of_the_project_changes():
    project = world.project(comparisons=4, overlap=2)
    first, second, third, _ = Comparison.objects.order_by("pk")
    change_comparison(first, overlap=3, actor="lena")
    change_comparison(second, overlap=2, actor="lena")
    change_comparison(third, priority=7, actor="lena")
    projects.change_project(project, {"overlap": 5}, actor="lena")
    overlaps = list(Comparison.objects.order_by("pk").values_list("overlap", flat=True))
    assert overlaps == [3, 2, 5, 5]
    projects.change_project(project, {"overlap_sample_share": 1, "overlap_sample": 7}, actor="lena")
    assert list(Comparison.objects.order_by("pk").values_list("overlap", flat=True)) == [3, 2, 7, 7]
    assert events("comparison.changed") == [{"overlap": 3}, {"overlap": 2}, {"priority": 7}]
    change_comparison(second, overlap=2, actor="lena")
    assert len(events("comparison.changed")) == 3, "it has that overlap of its own already"


def test_a_share_of_the_comparisons_has_another_overlap():
    project = world.project(overlap=1, overlap_sample_share=0.2, overlap_sample=3)
    pairs(project, 40)
    overlaps = list(Comparison.objects.values_list("overlap", flat=True))
    assert 0.15 < overlaps.count(3) / len(overlaps) < 0.25
    assert overlaps.count(1) + overlaps.count(3) == len(overlaps) == 780
    spread = Comparison.objects.order_by("shuffle").values_list("overlap", flat=True)[:390]
    assert 0.1 < list(spread).count(3) / 390 < 0.3, "whatever the place in the random order"


def test_the_sample_grows_and_shrinks_while_people_work_and_is_the_same_as_for_new_ones():
    project = world.project(overlap=2, overlap_sample_share=0.5, overlap_sample=1)
    pairs(project, 12)
    small = set(Comparison.objects.filter(overlap=1).values_list("pk", flat=True))
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    for annotator in (alice, bob):
        while world.judge_next(annotator):
            pass
    for settings in (
        {"overlap_sample_share": 0.8},
        {"overlap_sample": 4},
        {"overlap": 3},
        {"overlap_sample_share": 0.3},
    ):
        projects.change_project(project, settings, actor="lena")
        for comparison in Comparison.objects.all():
            wanted = project.overlap_of(comparison.shuffle)
            assert comparison.overlap == max(wanted, comparison.taken)
        sampled = {
            one.pk for one in Comparison.objects.all() if one.shuffle * LOT_FACTOR % LOTS < project.sampled_below
        }
        assert sampled > small if project.overlap_sample_share > 0.5 else sampled < small


def judge(project, count, seconds):
    alice = world.annotator(project, "alice")
    for _ in range(count):
        assert world.judge_next(alice, duration_ms=int(seconds * 1000))


def test_leases_follow_the_median_time_of_a_judgment():
    project = world.project(comparisons=80)
    judge(project, 19, 60)
    assert projects.fit_leases() == 0, "too few to say"
    judge(project, 6, 61.2)
    assert projects.fit_leases() == 1
    project.refresh_from_db()
    assert (project.lease_seconds, project.lease_auto) == (1200, True)
    event = Event.objects.filter(kind="project.changed").latest("pk")
    assert (event.actor, event.payload) == ("system", {"lease_seconds": 1200})
    judge(project, 20, 70)
    assert projects.fit_leases() == 0, "1,224 seconds are not worth a change"


@pytest.mark.parametrize(("seconds", "lease"), [(2, 300), (1_000, 7_200), (90.7, 1_800)])
def test_leases_have_bounds_and_steps(seconds, lease):
    project = world.project(comparisons=20)
    judge(project, 20, seconds)
    projects.fit_leases()
    assert Project.objects.get().lease_seconds == lease


@pytest.mark.parametrize("settings", [{"lease_auto": "false"}, {"lease_seconds": 600}, {"status": "paused"}])
def test_leases_stay_as_they_were_set(settings):
    project = world.project(comparisons=20)
    judge(project, 20, 100)
    projects.change_project(project, settings, actor="lena")
    assert projects.fit_leases() == 0


def test_a_lease_time_that_is_set_holds_unless_it_is_said_otherwise():
    project = world.project(lease_seconds=60)
    assert not project.lease_auto
    projects.change_project(project, {"lease_seconds": 90, "lease_auto": "true"}, actor="lena")
    assert (project.lease_seconds, project.lease_auto) == (90, True)
