"""Asking for comparisons over the API, listing and changing them."""

from __future__ import annotations

import json

import pytest

from annotation import projects, queue
from annotation.api import comparison_shapes
from annotation.models import Comparison, Event
from annotation.pairing import walking
from tests import world
from tests.annotation.pairing.prompts import log_prompt
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db

NAMED = {"request_id": "r0", "outputs": ["r0-00", "r0-01"]}


@pytest.fixture
def project(db):
    made = world.project(overlap=2)
    for number in range(4):
        log_prompt(made, ["aurora 1.2", "basalt", "coral"], f"r{number}")
    return made


@pytest.fixture
def program(project):
    return Caller(project, "manage")


def post(program, **body):
    answer = program("POST", "comparisons/", body)
    assert answer.status_code in (200, 201), answer.content
    return answer.status_code, answer.json()


def test_a_pair_is_named_once_and_told_again(program):
    status, made = post(program, **NAMED, priority=4, overlap=3)
    assert (status, made["created"]) == (201, 1)
    comparison = Comparison.objects.get()
    assert (comparison.priority, comparison.overlap) == (4, 3)
    told = {"comparison_id": str(comparison.uid), "request_id": "r0", "outputs": ["r0-00", "r0-01"]}
    assert made == {"created": 1, "results": [told]}
    again = post(program, request_id="r0", outputs=["r0-01", "r0-00"])
    assert again == (200, {"created": 0, "results": [told]})
    assert Event.objects.filter(kind="comparisons.created").count() == 1
    assert Event.objects.get(kind="comparisons.created").actor == f"key:{program.key.uid}"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        *(({"request_id": value}, "/request_id") for value in ("r9", "", None)),
        *(({"outputs": ["r0-00", *more]}, "/outputs") for more in ([], ["r1-00"], ["r0-00"], ["r0-01", "r0-02"])),
        *(({"outputs": value}, "/outputs") for value in ([], "r0-00", None)),
        *(({"priority": value}, "/priority") for value in (2**31, -(2**31), "high", 1.5)),
        *(({"overlap": value}, "/overlap") for value in (0, 101, None)),
        *(({name: 1}, f"/{name}") for name in ("n", "limit", "strateg")),
        *(({"gold": value}, "/gold") for value in (1, {}, {"chosen": "r0-02"}, {"right": "r0-00"}, None)),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused_with_a_pointer(program, change, pointer):
    (found, *_) = pointers(program("POST", "comparisons/", NAMED | change))
    assert found.startswith(pointer)
    assert not Comparison.objects.exists()


def test_a_gold_is_made_once_and_of_a_comparison_that_nobody_was_given(project, program):
    gold = {"gold": {"chosen": "r0-01"}}
    assert post(program, **NAMED, **gold)[0] == 201
    comparison = Comparison.objects.get()
    assert (comparison.kind, comparison.gold_chosen.output_id) == ("gold", "r0-01")
    assert post(program, **NAMED, **gold)[0] == 200
    assert post(program, **NAMED)[1]["results"][0]["comparison_id"] == str(comparison.uid)
    told = program.get(f"comparisons/{comparison.uid}/")
    assert (told["kind"], told["state"], told["overlap"]) == ("gold", None, 0)
    assert program.all("comparisons/", state="done") == []
    problem(program("POST", "comparisons/", {**NAMED, "gold": {"chosen": "r0-00"}}), 409)
    problem(program("PATCH", f"comparisons/{comparison.uid}/", {"overlap": 3}), 409)
    other = {"request_id": "r1", "outputs": ["r1-00", "r1-01"]}
    post(program, **other)
    queue.hold(world.annotator(project, "alice"), count=1)
    problem(program("POST", "comparisons/", {**other, "gold": {"chosen": "r1-00"}}), 409)


def test_a_gold_has_no_overlap_though_one_is_sent(program):
    status, _ = post(program, **NAMED, gold={"chosen": "r0-01"}, overlap=3)
    assert (status, Comparison.objects.get().overlap) == (201, 0)


def test_an_overlap_that_was_asked_for_is_its_own(program):
    for request_id, more in (("r0", {"overlap": 3}), ("r1", {}), ("r2", {"overlap": 2})):
        post(program, request_id=request_id, outputs=[f"{request_id}-00", f"{request_id}-01"], **more)
    assert program("PATCH", "", {"overlap": 5}).status_code == 200
    told = [(one["overlap"], one["own_overlap"]) for one in program.all("comparisons/")]
    assert told == [(3, True), (5, False), (2, True)]


def test_what_waits_for_the_lead_says_so(project, program):
    post(program, **NAMED)
    alice = world.annotator(project, "alice")
    projects.change_project(project, {"skips_to_lead": 1}, actor="test")
    (lease,) = queue.hold(alice, count=1)
    queue.skip(alice, lease.uid)
    assert [one["state"] for one in program.all("comparisons/", state="with_lead")] == ["with_lead"]
    assert program.all("comparisons/", state="done") == []
    problem(program("PATCH", f"comparisons/{lease.comparison.uid}/", {"overlap": 3}), 409)


@pytest.mark.parametrize(
    ("body", "count"),
    [
        *(({"strategy": "all_pairs"}, 12), ({"strategy": "random"}, 4), ({"strategy": "random", "n": 2}, 8)),
        *(({"strategy": "round_robin", "seed": 3}, 12), ({"strategy": "informative", "limit": 5}, 5)),
        ({"strategy": "model_pairs", "models": ["aurora 1.2", "coral"]}, 4),
        ({"strategy": "informative", "n": 1}, 4),
    ],
)
def test_each_strategy_makes_its_comparisons_and_none_twice(program, body, count):
    status, made = post(program, **body, priority=2, overlap=5)
    assert (status, made["created"], len(made["results"]), made["next"]) == (201, count, count, None)
    stored = {str(comparison.uid): comparison for comparison in Comparison.objects.select_related("prompt", "a", "b")}
    assert {one["comparison_id"] for one in made["results"]} == set(stored)
    for one in made["results"]:
        comparison = stored[one["comparison_id"]]
        assert one["request_id"] == comparison.prompt.request_id
        assert one["outputs"] == [comparison.a.output_id, comparison.b.output_id]
        assert (comparison.priority, comparison.overlap) == (2, 5)
    if body != {"strategy": "informative", "limit": 5}:
        assert post(program, **body) == (200, {"created": 0, "results": [], "next": None})


def test_parameters_left_out_are_those_of_the_project(project, program):
    program("PATCH", "", {"pairing_n": 2, "pairing_models": ["basalt", "coral"]})
    assert post(program, strategy="random")[1]["created"] == 8
    post(program, strategy="model_pairs")
    assert Comparison.objects.filter(a__model_name="basalt", b__model_name="coral").count() == 4


@pytest.mark.parametrize("strategy", ["all_pairs", "random", "informative"])
def test_more_than_a_call_may_make_is_gone_on_with(program, strategy, monkeypatch):
    monkeypatch.setattr(walking, "PROMPTS_AT_ONCE", 2)
    monkeypatch.setattr(walking, "PROMPTS_OF_A_CALL", 3)
    body = {"strategy": strategy, "n": 2} if strategy != "all_pairs" else {"strategy": strategy}
    made, after, calls = 0, {}, 0
    while True:
        _, told = post(program, **body, **after, limit=5)
        made, calls, after = made + told["created"], calls + 1, {"after": told["next"]}
        assert told["created"] <= 5
        if told["next"] is None:
            break
    assert made == Comparison.objects.count() == (12 if strategy == "all_pairs" else 8)
    assert calls > 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        *(({"strategy": value}, "/strategy") for value in ("none", "all", None, 3, ["random"])),
        *(({"strategy": "all_pairs", "n": 2}, "/n"), ({"strategy": "all_pairs", "seed": 2}, "/seed")),
        *(({"strategy": "random", "models": ["a", "b"]}, "/models"), ({"strategy": "random", "n": 0}, "/n")),
        *(({"strategy": "random", "limit": value}, "/limit") for value in (0, 1_001, "many")),
        *(({"strategy": "random", "after": value}, "/after") for value in ("x", "", "bjoxOjI")),
        *(({"strategy": "model_pairs", "models": value}, "/models") for value in ([], ["a"], ["a", "a"], "a,b", [""])),
        *(({"strategy": "random", name: 1}, f"/{name}") for name in ("request_id", "outputs", "gold", "cursor")),
        ({"strategy": "model_pairs"}, "/models"),
    ],
)
def test_a_wrong_parameter_is_refused_with_a_pointer(program, body, pointer):
    (found, *_) = pointers(program("POST", "comparisons/", body))
    assert found.startswith(pointer)
    assert not Comparison.objects.exists()


def test_comparisons_are_listed_with_where_they_are(project, program):
    post(program, strategy="all_pairs")
    alice = world.annotator(project, "alice")
    for _ in range(2):
        world.judge_next(alice)
    queue.hold(alice, count=1)
    reader = Caller(project, "read")
    every = reader.all("comparisons/", limit=5)
    assert len(every) == 12
    assert every[0]["request_id"] == "r0"
    assert [(one["taken"], one["judged"]) for one in every[:4]] == [(1, 1), (1, 1), (1, 0), (0, 0)]
    assert reader.get(f"comparisons/{every[0]['comparison_id']}/") == every[0]
    program("PATCH", f"comparisons/{every[0]['comparison_id']}/", {"overlap": 1})
    program("PATCH", f"comparisons/{every[2]['comparison_id']}/", {"overlap": 1})
    states = {
        state: [one["comparison_id"] for one in reader.all("comparisons/", state=state)]
        for state in ("open", "leased", "done")
    }
    assert states["done"] == [every[0]["comparison_id"]]
    assert states["leased"] == [every[2]["comparison_id"]]
    assert len(states["open"]) == 10
    assert {one["state"] for one in reader.all("comparisons/")} == {"open", "leased", "done"}
    assert len(reader.all("comparisons/", model="basalt")) == 8
    assert len(reader.all("comparisons/", request_id="r2", model="coral")) == 2
    assert reader.all("comparisons/", model="nobody") == []


def test_the_number_of_statements_does_not_grow_with_the_page(project, program, django_assert_max_num_queries):
    post(program, strategy="all_pairs")
    reader = Caller(project, "read")
    reader.get("comparisons/", limit=1)
    with django_assert_max_num_queries(8):
        reader.get("comparisons/", limit=12)


def test_the_chance_is_told(project, program):
    post(program, strategy="random")
    for one in program.get("comparisons/")["results"]:
        assert one["propensity"] == pytest.approx(1 / 3)


def test_priority_and_overlap_can_be_changed(project, program):
    _, made = post(program, **NAMED)
    path = f"comparisons/{made['results'][0]['comparison_id']}/"
    before = program.get(path)
    assert program("PATCH", path, {"priority": 7}).json() == {**before, "priority": 7}
    assert program("PATCH", path, {"overlap": 4}).json() == {**before, "priority": 7, "overlap": 4, "own_overlap": True}
    told = list(Event.objects.filter(kind="comparison.changed").order_by("pk").values_list("payload", flat=True))
    assert told == [{"priority": 7}, {"overlap": 4}]


def test_a_change_that_cannot_be_is_refused(project, program):
    _, made = post(program, **NAMED)
    path = f"comparisons/{made['results'][0]['comparison_id']}/"
    for name in ("alice", "bob"):
        queue.hold(world.annotator(project, name), count=1)
    assert "2 of its judgments" in problem(program("PATCH", path, {"overlap": 1, "priority": 3}), 409)["detail"]
    assert pointers(program("PATCH", path, {"overlap": 0, "priority": "x"})) == ["/priority", "/overlap"]
    assert pointers(program("PATCH", path, {"taken": 0})) == ["/taken"]
    assert "priority" in problem(program("PATCH", path, {}), 422)["detail"]
    assert program.get(path)["priority"] == 0


def test_another_projects_comparison_is_not_there(project, program):
    _, made = post(program, **NAMED)
    path = f"comparisons/{made['results'][0]['comparison_id']}/"
    eve = Caller(world.project("other"), "manage")
    problem(eve("GET", path), 404)
    problem(eve("PATCH", path, {"priority": 1}), 404)
    assert pointers(eve("POST", "comparisons/", NAMED)) == ["/request_id"]
    assert eve.get("comparisons/")["results"] == []


def test_every_example_of_a_request_is_taken(program):
    outputs = [
        {"output_id": name, "content": name, "model": {"name": model, "version": "1.2"}}
        for name, model in (("a1", "aurora"), ("b2", "basalt"))
    ]
    program("POST", "inferences/", {"request_id": "7f0c", "prompt": "", "outputs": outputs})
    for example in comparison_shapes.EXAMPLES:
        if example.request_only:
            answer = program("POST", "comparisons/", json.loads(json.dumps(example.value)))
            assert answer.status_code in (200, 201), answer.content
