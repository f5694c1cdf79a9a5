"""The queue as programs use it: claim, renew, release, skip."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import canonical, projects, queue
from annotation.models import Annotator, Assignment, Comparison
from tests import world
from tests.api import Caller, pointers, problem
from tests.chance import GOLD, NEITHER, RATES, drawn

pytestmark = pytest.mark.django_db

STEPS = ["release", "skip", "renew"]


@pytest.fixture
def project(db):
    return world.project(comparisons=3)


@pytest.fixture
def program(project):
    return Caller(project, "annotate")


def claim(program, annotator="critic-1", **fields):
    answer = program("POST", "queue/claim/", {"annotator": annotator, **fields})
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_lease_tells_what_to_compare_and_no_model(project, program):
    (told,) = claim(program)
    lease = Assignment.objects.get()
    assert set(told) == {"lease_id", "expires_at", "comparison_id", "prompt", "outputs", "scale"}
    assert (told["lease_id"], told["comparison_id"]) == (str(lease.uid), str(lease.comparison.uid))
    assert dt.datetime.fromisoformat(told["expires_at"]) == lease.expires_at
    assert (told["prompt"], told["scale"]) == ("Question 0?", "plain")
    assert [output["output_id"] for output in told["outputs"]] == [lease.left.output_id, lease.right.output_id]
    for output in told["outputs"]:
        assert set(output) == {"output_id", "content", "digest"}
        assert output["digest"] == canonical.output_digest(output["content"])
    assert "aurora" not in str(told)


def test_a_gold_tells_nothing_more(project, program):
    world.add_golds(project, 1)
    projects.change_project(project, RATES, actor="test")
    with drawn(GOLD, NEITHER):
        gold, plain = claim(program, count=2)
    assert Comparison.objects.get(uid=gold["comparison_id"]).kind == "gold"
    assert set(gold) == set(plain)
    assert {uid[14] for told in (gold, plain) for uid in (told["lease_id"], told["comparison_id"])} == {"4"}


def test_programs_are_named_apart_from_people(project, program):
    world.judge_next(world.annotator(project, "critic-1"))
    claim(program)
    assert set(Annotator.objects.values_list("name", flat=True)) == {"critic-1", "api:critic-1"}


def test_a_name_is_taken_as_it_is(project, program):
    (lease,) = claim(program, " critic ")
    assert Annotator.objects.get().name == "api: critic "
    left, right = (output["output_id"] for output in lease["outputs"])
    body = {
        "feedback_id": "f1",
        "kind": "preference",
        "source": {"type": "ai_critic", "id": " critic "},
        "outcome": "chosen",
        "chosen": left,
        "rejected": right,
    }
    assert program("POST", f"queue/{lease['lease_id']}/judge/", body).status_code == 201
    assert len(Caller(project, "read").get("judgments/", annotator=" critic ")["results"]) == 1


def test_claiming_again_gives_the_same_leases_and_no_more_than_wanted(program):
    first = claim(program, count=2)
    assert claim(program, count=2) == first
    assert claim(program, count=1) == first[:1]
    assert len(claim(program, count=10)) == 3


def test_when_nothing_is_left_the_list_is_empty(project, program):
    assert len(claim(program, count=10)) == 3
    assert claim(program, "critic-2") == []
    projects.change_project(project, {"status": "paused"}, actor="test")
    world.add_comparisons(project, 1)
    assert claim(program, "critic-2") == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/annotator"),
        ({"annotator": ""}, "/annotator"),
        ({"annotator": "x" * 201}, "/annotator"),
        ({"annotator": 3.5}, "/count"),
        ({"annotator": ["x"]}, "/annotator"),
        ({"annotator": "x", "count": 0}, "/count"),
        ({"annotator": "x", "count": 11}, "/count"),
        ({"annotator": "x", "count": "many"}, "/count"),
        ({"annotator": "x", "user": "alice"}, "/user"),
    ],
)
def test_a_wrong_claim_is_refused(program, body, pointer):
    body = {"count": 0, **body} if pointer == "/count" else body
    assert pointer in pointers(program("POST", "queue/claim/", body))
    assert not Assignment.objects.exists()


def test_released_is_offered_again_and_skipped_is_not(project, program):
    (lease,) = claim(program)
    answer = program("POST", f"queue/{lease['lease_id']}/release/")
    assert (answer.status_code, answer.content) == (204, b"")
    (again,) = claim(program)
    assert again["comparison_id"] == lease["comparison_id"]
    answer = program("POST", f"queue/{again['lease_id']}/skip/", {"reason": "I do not read French."})
    assert (answer.status_code, answer.content) == (204, b"")
    assert Assignment.objects.get(uid=again["lease_id"]).reason == "I do not read French."
    assert claim(program)[0]["comparison_id"] != lease["comparison_id"]


def test_renewing_prolongs(project, program):
    (lease,) = claim(program)
    Assignment.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    told = program("POST", f"queue/{lease['lease_id']}/renew/").json()
    assert dt.datetime.fromisoformat(told["expires_at"]) == Assignment.objects.get().expires_at
    assert queue.expire() == 0


@pytest.mark.parametrize("step", ["release", "skip"])
def test_ending_a_lease_twice_is_once(project, program, step):
    (lease,) = claim(program)
    for _ in range(2):
        assert program("POST", f"queue/{lease['lease_id']}/{step}/").status_code == 204
    assert Comparison.objects.get(uid=lease["comparison_id"]).taken == 0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("ended", ["released", "skipped", "expired", "judged"])
def test_a_lease_that_ended_otherwise_is_409(program, step, ended):
    (lease,) = claim(program)
    annotator = Annotator.objects.get()
    if ended == "expired":
        Assignment.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
        queue.expire()
    else:
        end = {"released": queue.release, "skipped": queue.skip, "judged": queue.settle}[ended]
        end(annotator, uuid.UUID(lease["lease_id"]))
    if ended.startswith(step):
        return
    assert ended in problem(program("POST", f"queue/{lease['lease_id']}/{step}/"), 409)["detail"]


@pytest.mark.parametrize("step", STEPS)
def test_leases_of_people_and_of_other_projects_are_not_there(project, program, step):
    (own,) = claim(program)
    eve = Caller(world.project("other"), "annotate")
    (of_alice,) = queue.hold(world.annotator(project, "alice"), count=1)
    problem(eve("POST", f"queue/{own['lease_id']}/{step}/"), 404)
    problem(program("POST", f"queue/{of_alice.uid}/{step}/"), 404)
    problem(program("POST", f"queue/{uuid.uuid4()}/{step}/"), 404)
    problem(program("POST", f"queue/no-uuid/{step}/"), 404)
    assert set(Assignment.objects.values_list("state", flat=True)) == {"leased"}


@pytest.mark.parametrize("step", STEPS)
def test_unknown_fields_and_long_reasons_are_refused(program, step):
    (lease,) = claim(program)
    assert pointers(program("POST", f"queue/{lease['lease_id']}/{step}/", {"why": "x"})) == ["/why"]
    long = pointers(program("POST", f"queue/{lease['lease_id']}/{step}/", {"reason": "x" * 501}))
    assert long == ["/reason"]


@pytest.mark.parametrize("path", ["queue/claim/", *(f"queue/{uuid.UUID(int=0)}/{step}/" for step in STEPS)])
def test_only_post_with_the_scope(project, program, path):
    answer = program("GET", path)
    problem(answer, 405)
    assert set(answer["Allow"].split(", ")) == {"POST", "OPTIONS"}
    problem(Caller(project, "read", "ingest")("POST", path, {}), 403)
    assert Caller(project, "manage")("POST", path, {}).status_code in (404, 422)


def test_a_claim_of_ten_takes_no_query_for_each_lease_once_they_are_held(project, program):
    world.add_comparisons(project, 10)
    claim(program, count=10)

    def queries(count):
        with CaptureQueriesContext(connection) as context:
            assert len(claim(program, count=count)) == count
        return len(context)

    assert queries(2) == queries(10)


@pytest.mark.django_db(transaction=True)
def test_many_programs_at_once_never_hold_the_same_comparison():
    project = world.project(comparisons=20)
    program = Caller(project, "annotate")
    statuses: list[int] = []
    held: list[str] = []

    def work(name):
        for _ in range(4):
            answer = program("POST", "queue/claim/", {"annotator": name, "count": 5})
            statuses.append(answer.status_code)
        held.extend(lease["comparison_id"] for lease in answer.json())
        connections.close_all()

    threads = [threading.Thread(target=work, args=(f"critic-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 32
    assert len(held) == len(set(held)) == 20
