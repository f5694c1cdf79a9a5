"""Reading and changing a project's settings."""

from __future__ import annotations

import pytest

from annotation import projects
from annotation.api.projects import SettingsSerializer
from annotation.models import Comparison, Event, Project
from tests import world
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    return world.project(comparisons=2, guidelines="Prefer the truthful one.")


@pytest.fixture
def program(project):
    return Caller(project, "manage")


def test_settings_are_told_as_on_the_command_line(project, program):
    told = program.get()
    assert told == projects.read_settings(project)
    assert told["guidelines"] == "Prefer the truthful one."


def test_every_setting_is_described():
    assert set(SettingsSerializer().fields) == set(projects.SETTINGS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "Summaries of news"),
        ("scale", "strength7"),
        ("overlap", 3),
        ("lease_seconds", 60),
        ("overlap_sample_share", 0.25),
        ("overlap_sample", 3),
        ("requires", ["french", "law"]),
        ("lease_auto", False),
        ("skips_to_lead", 0),
        ("order", "random"),
        *(("pairing", name) for name in ("all_pairs", "round_robin", "informative", "none")),
        ("pairing_n", 3),
        ("pairing_models", ["aurora 1.2", "basalt"]),
        ("pairing_models", []),
        ("gold_rate", 0.1),
        ("repeat_rate", 0.5),
        ("status", "paused"),
        ("guidelines", "  Indented.\n"),
        ("guidelines", ""),
        ("members", ["alice"]),
        ("members", []),
    ],
)
def test_each_setting_can_be_changed_alone(project, program, name, value):
    world.person("alice")
    before = program.get()
    answer = program("PATCH", "", {name: value})
    follows = {"lease_auto": False} if name == "lease_seconds" else {}
    assert answer.json() == program.get() == {**before, name: value, **follows}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("overlap", value) for value in (0, 101, 2.5, "many", None, [], {}, True, 10**30)],
        *[("lease_seconds", value) for value in (0, 604_801, -1)],
        *[("pairing_n", value) for value in (0, 2_017, "many")],
        *[
            ("pairing_models", value)
            for value in ("aurora", [""], [3, {}], ["x" * 402], ["m"] * 101, None, ["m", "n", " m"])
        ],
        *[(name, value) for name in ("gold_rate", "repeat_rate") for value in (-0.1, 0.6, "often")],
        *[("overlap_sample_share", value) for value in (-0.1, 1.1)],
        *[("overlap_sample", value) for value in (0, 101)],
        *[("requires", value) for value in ("french", ["x" * 51], ["t"] * 21)],
        *[("lease_auto", value) for value in (None, "sometimes", 3)],
        *[("skips_to_lead", value) for value in (-1, 101)],
        *[("name", value) for value in ("", None, "x" * 201, ["x"])],
        *[(name, "nonsense") for name in ("scale", "order", "pairing", "status")],
        *[("members", value) for value in ("alice", ["nobody"], [3, {}], None)],
        ("guidelines", None),
        ("slug", "other"),
        ("gold", True),
        ("a/b", 1),
    ],
)
def test_a_wrong_setting_is_refused_with_a_pointer_and_nothing_changes(program, name, value):
    before = program.get()
    found = pointers(program("PATCH", "", {"order": "random", name: value}))
    assert found[0].split("/")[1] == name.split("/")[0].replace("a", "a~1b" if "/" in name else "a")
    assert program.get() == before


def test_models_come_with_the_strategy_that_needs_them(program):
    before = program.get()
    for models in ({}, {"pairing_models": ["aurora"]}, {"pairing_models": ["aurora", "aurora"]}):
        assert pointers(program("PATCH", "", {"pairing": "model_pairs", **models})) == ["/pairing_models"]
    assert program.get() == before
    named = {"pairing": "model_pairs", "pairing_models": ["aurora", "basalt"]}
    assert program("PATCH", "", named).json() == {**before, **named}
    assert pointers(program("PATCH", "", {"pairing_models": []})) == ["/pairing_models"]
    assert Event.objects.get(kind="project.changed", payload__has_key="pairing").payload == named


def test_all_wrong_settings_are_named_at_once(program):
    assert pointers(program("PATCH", "", {"overlap": 0, "status": "x"})) == ["/overlap", "/status"]


def test_the_same_change_twice_is_one_event(project, program):
    for _ in range(2):
        assert program("PATCH", "", {"overlap": 3}).status_code == 200
    assert Event.objects.filter(kind="project.changed", payload={"overlap": 3}).count() == 1
    assert set(Comparison.objects.values_list("overlap", flat=True)) == {3}


def test_an_empty_change_is_refused(project, program):
    events = Event.objects.count()
    assert "overlap" in problem(program("PATCH", "", {}), 422)["detail"]
    assert Event.objects.count() == events
    assert Project.objects.get(pk=project.pk).overlap == 1
