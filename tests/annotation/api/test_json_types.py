"""A JSON value of another type than the one that is told is refused, though it could be read as one."""

from __future__ import annotations

import pytest

from annotation.models import Assignment
from tests import world
from tests.annotation.intake.records import preference
from tests.api import Caller, pointers

pytestmark = pytest.mark.django_db

NUMBER, TRUTH, TEXT, LIST, OBJECT = 1, True, "1", ["1"], {"1": 1}
INTEGERS = ["overlap", "lease_seconds", "orphan_hours"]
TEXTS = ["name", "guidelines", "scale", "order", "pairing", "status"]
# The fields of every body that REST framework's serializers read; records and recipes have schemas of their own.
FIELDS = [
    ("POST", "queue/claim/", {"annotator": "x"}, "annotator", [NUMBER, 1.5, TRUTH, LIST, OBJECT]),
    ("POST", "queue/claim/", {"annotator": "x"}, "count", [TEXT, 1.5, TRUTH, LIST, OBJECT]),
    ("POST", "queue/{lease}/skip/", {}, "reason", [NUMBER, 1.5, TRUTH, LIST, OBJECT]),
    ("POST", "snapshots/", {}, "formats", [TEXT, NUMBER, TRUTH, OBJECT]),
    ("POST", "snapshots/", {}, "recipe", [NUMBER, TRUTH, LIST]),
    ("POST", "snapshots/preview/", {}, "formats", [TEXT, NUMBER, TRUTH, OBJECT]),
    ("POST", "snapshots/1/links/", {}, "expires_in", [TEXT, 1.5, TRUTH, LIST, OBJECT]),
    *[("PATCH", "", {}, name, [TEXT, 1.5, TRUTH, LIST, OBJECT]) for name in INTEGERS],
    *[("PATCH", "", {}, name, [NUMBER, TRUTH, LIST, OBJECT]) for name in TEXTS],
    ("PATCH", "", {}, "implicit_rate", [TEXT, TRUTH, LIST, OBJECT]),
    ("PATCH", "", {}, "heuristics", [TEXT, NUMBER, TRUTH, OBJECT]),
    ("PATCH", "", {}, "members", [TEXT, NUMBER, TRUTH, OBJECT]),
]


@pytest.fixture
def program(db):
    return Caller(world.project(comparisons=1), "manage")


@pytest.mark.parametrize(("method", "path", "body", "name", "values"), FIELDS)
def test_a_value_of_another_type_is_refused_with_a_pointer(program, method, path, body, name, values):
    if "{lease}" in path:
        path = path.format(lease=program("POST", "queue/claim/", {"annotator": "x"}).json()[0]["lease_id"])
    for value in [*values, None]:
        assert pointers(program(method, path, {**body, name: value})) == [f"/{name}"], value


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("snapshots/", {"formats": ["preference", 1]}, "/formats/1"),
        ("snapshots/", {"recipe": {"min_votes": "2"}}, "/recipe/min_votes"),
        ("snapshots/", {"recipe": {"surplus": 1}}, "/recipe/surplus"),
        ("snapshots/", {"recipe": {"split": {"seed": True}}}, "/recipe/split/seed"),
        ("snapshots/", {"recipe": {"split": {"test": "0.1"}}}, "/recipe/split/test"),
    ],
)
def test_what_is_inside_has_its_type_too(program, path, body, where):
    assert pointers(program("POST", path, body)) == [where]


def test_an_item_of_a_list_is_pointed_to(program):
    world.person("alice")
    assert pointers(program("PATCH", "", {"members": ["alice", 3, None]})) == ["/members/1", "/members/2"]


def test_everything_wrong_is_named_at_once_and_once(program):
    found = pointers(program("PATCH", "", {"overlap": "many", "status": "x", "name": 5, "implicit_rate": 2}))
    assert sorted(found) == ["/implicit_rate", "/name", "/overlap", "/status"]


LONG_NAMES = {f"{n}{'x' * 2_000}": n for n in range(50)}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "", LONG_NAMES),
        ("PATCH", "", {"members": list(range(50))}),
        ("POST", "snapshots/", {"recipe": LONG_NAMES}),
        ("POST", "feedback/", {"kind": "rating", **LONG_NAMES}),
    ],
)
def test_of_many_errors_the_first_are_told(program, method, path, body):
    answer = program(method, path, body)
    assert len(pointers(answer)) == 20
    assert len(answer.content) < 70_000


def test_lists_are_bounded(program):
    assert pointers(program("PATCH", "", {"members": ["x"] * 10_001})) == ["/members"]
    assert pointers(program("PATCH", "", {"heuristics": ["dwell_ratio"] * 100})) == ["/heuristics"]


def test_nothing_is_done_of_what_is_refused(program):
    assert pointers(program("POST", "queue/claim/", {"annotator": 7, "count": "1"})) == ["/annotator", "/count"]
    assert not Assignment.objects.exists()


@pytest.mark.parametrize("name", ["", "unknown", "Overlap"])
def test_an_unknown_name_is_refused_whatever_its_type(program, name):
    assert pointers(program("PATCH", "", {name: 1})) == [f"/{name}"]


def test_a_whole_number_may_have_a_point(program):
    """JSON has one type of numbers: 2.0 is 2, as in its canonical form."""
    assert program("PATCH", "", b'{"overlap": 2.0, "implicit_rate": 1}').json()["overlap"] == 2
    assert len(program("POST", "queue/claim/", b'{"annotator": "x", "count": 1.0}').json()) == 1
    told = program("POST", "snapshots/", b'{"recipe": {"min_votes": 2.0, "split": {"seed": 3.0, "test": 0}}}').json()
    assert (told["recipe"]["min_votes"], told["recipe"]["split"]["seed"]) == (2, 3)
    record = preference("f1", "r0", chosen="r0-0", rejected="r0-1", strength=2.0)
    assert program("POST", "feedback/", record).status_code == 201
    assert program("POST", "feedback/", {**record, "strength": 2}).status_code == 200
    assert program.get("judgments/")["results"][0]["strength"] == 2
