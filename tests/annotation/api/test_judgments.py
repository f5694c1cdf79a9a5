"""The list of judgments: what it tells, what it filters, and that no page misses one."""

from __future__ import annotations

import datetime as dt
import threading
import uuid

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import answers, judging, projects
from annotation.models import Candidate, Event, Judgment, Prompt
from tests import world
from tests.api import Caller, pointers
from tests.chance import GOLD, RATES, drawn

pytestmark = pytest.mark.django_db

FIELDS = {
    *("id", "request_id", "comparison_id", "kind", "feedback_id", "source", "outcome", "chosen", "rejected", "outputs"),
    *("presented", "strength", "value", "scores", "criteria", "rationale", "principle", "critique"),
    *("duration_ms", "active_ms", "judged_at", "position", "surplus", "current", "erased"),
}


@pytest.fixture
def project(db):
    return world.project(comparisons=4)


@pytest.fixture
def alice(project):
    return world.annotator(project, "alice")


@pytest.fixture
def program(project):
    return Caller(project, "read")


def score(project, request_id, *, judged_at=None, **fields):
    """A reward model's verdict on the pair of a request: the first output wins."""
    prompt = Prompt.objects.get(project=project, request_id=request_id)
    first, second = map(judging.Output.of, prompt.candidates.order_by("index"))
    source = {"type": "reward_model", "id": "rm-7", "version": "3"}
    body = {"feedback_id": str(uuid.uuid4()), "request_id": request_id, "kind": "score", "source": source, **fields}
    verdict = judging.Verdict((first, second), "chosen", first, scores={first.output_id: 0.8, second.output_id: 0.2})
    entry = judging.NewFeedback(body, prompt.pk, [verdict], judged_at or timezone.now())
    with transaction.atomic():
        judging.record(project, [entry], actor="test")
    return body["feedback_id"]


def test_the_kind_of_comparison_is_told(alice, project, program):
    world.add_golds(project, 1)
    projects.change_project(project, RATES, actor="test")
    with drawn(GOLD):
        world.judge_next(alice)
    score(project, "r0")
    assert [told["kind"] for told in program.all("judgments/")] == ["gold", "plain"]


def test_a_judgment_of_the_page_is_told_in_full():
    project = world.project(comparisons=1, scale="strength7")
    lease = world.judge_next(world.annotator(project, "alice"), "b3", feedback_id="f1")
    (told,) = Caller(project, "read").all("judgments/")
    judgment = Judgment.objects.get()
    assert set(told) == FIELDS
    assert told["id"] == str(judgment.uid)
    assert told["comparison_id"] == str(lease.comparison.uid)
    assert (told["request_id"], told["feedback_id"]) == ("r0", "f1")
    assert told["source"] == {"type": "human", "id": "alice", "version": ""}
    assert told["presented"] == [lease.left.output_id, lease.right.output_id]
    assert (told["outcome"], told["strength"]) == ("chosen", 3)
    assert (told["chosen"], told["rejected"]) == (lease.right.output_id, lease.left.output_id)
    assert sorted(told["outputs"]) == ["r0-0", "r0-1"]
    assert (told["duration_ms"], told["active_ms"]) == (1_500, 1_200)
    assert dt.datetime.fromisoformat(told["judged_at"]) == judgment.judged_at
    assert (told["surplus"], told["current"]) == (False, True)
    assert told["scores"] is told["criteria"] is told["rationale"] is None


def test_a_tie_has_no_winner(alice, program):
    world.judge_next(alice, "tie")
    (told,) = program.all("judgments/")
    assert (told["outcome"], told["chosen"], told["rejected"]) == ("tie", None, None)


def test_a_vote_that_was_not_asked_for_is_told_with_its_texts_and_scores(project, program):
    score(project, "r1", rationale="Shorter.", principle="Be brief.", critique="The other rambles.")
    (told,) = program.all("judgments/")
    assert told["source"] == {"type": "reward_model", "id": "rm-7", "version": "3"}
    assert told["scores"] == {"r1-0": 0.8, "r1-1": 0.2}
    assert told["comparison_id"] is told["presented"] is None
    assert (told["rationale"], told["principle"], told["critique"]) == ("Shorter.", "Be brief.", "The other rambles.")


def test_the_position_is_that_of_its_event_in_the_log(alice, program):
    for _ in range(3):
        world.judge_next(alice)
    by_position = {event["position"]: event for event in Caller(alice.project, "read").get("events/")["results"]}
    for told in program.all("judgments/"):
        event = by_position[told["position"]]
        assert event["kind"] == "feedback.recorded"
        assert [judgment["id"] for judgment in event["payload"]["judgments"]] == [told["id"]]


def test_a_retracted_judgment_is_left_out_unless_it_is_asked_for(alice, program):
    world.judge_next(alice, feedback_id="f1")
    answers.undo(alice)
    world.judge_next(alice, feedback_id="f2")
    assert [told["feedback_id"] for told in program.all("judgments/")] == ["f2"]
    assert [told["feedback_id"] for told in program.all("judgments/", current="true")] == ["f2"]
    told = program.all("judgments/", current="false")
    assert [(one["feedback_id"], one["current"]) for one in told] == [("f1", False), ("f2", True)]


def test_filters_let_through_what_they_name(project, alice, program):
    world.judge_next(alice, "a")
    world.judge_next(alice, "tie")
    world.judge_next(world.annotator(project, "bob"), "both_bad")
    score(project, "r3")

    def requests(**query):
        return [told["request_id"] for told in program.all("judgments/", **query)]

    assert requests() == ["r0", "r1", "r2", "r3"]
    assert requests(source="human") == ["r0", "r1", "r2"]
    assert requests(source="reward_model") == ["r3"]
    assert requests(outcome="tie") == ["r1"]
    assert requests(outcome="chosen") == ["r0", "r3"]
    assert requests(annotator="bob") == ["r2"]
    assert requests(annotator="alice", outcome="both_bad") == []
    assert requests(model="aurora") == ["r0", "r1", "r2", "r3"]
    assert requests(model="unheard-of") == []


def test_since_is_included_and_until_is_not(project, program):
    noon = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
    for hours in range(3):
        score(project, f"r{hours}", judged_at=noon + dt.timedelta(hours=hours))

    def requests(**query):
        return [told["request_id"] for told in program.all("judgments/", **query)]

    assert requests(since="2026-05-01T13:00:00Z") == ["r1", "r2"]
    assert requests(until="2026-05-01T13:00:00Z") == ["r0"]
    assert requests(since="2026-05-01T15:00:00+02:00", until="2026-05-01T14:00:00Z") == ["r1"]


@pytest.mark.parametrize(
    "query",
    [
        {"source": "god"},
        {"outcome": "maybe"},
        {"current": "perhaps"},
        {"since": "yesterday"},
        {"since": "2026-05-01"},
        {"since": "0001-01-01T00:00:00+23:00"},
        {"since": "2026-W18-5T00:00:00Z"},
        {"since": "20260501T000000Z"},
        {"until": "2026-05-01T00:00:00\0Z"},
        {"until": "٢٠٢٦-05-01T00:00:00Z"},
        {"until": "9999-12-31T23:59:59-12:00"},
        {"until": "2026-13-01T00:00:00Z"},
        {"current": ""},
        {"source": "\ufffd"},
        {"until": "2026-05-01T10:00:00"},
        {"model": ""},
        {"annotator": "a\0b"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
        {"limit": "1.5"},
        {"limit": "1.0"},
        {"limit": "1_000"},
        {"limit": "١"},
        {"limit": " 1"},
        {"limit": "9" * 5_000},
        {"cursor": ""},
        {"cursor": "!"},
        {"cursor": "bjox"},
        {"cursor": "eDoxOjE"},
        {"cursor": "bjoxOjk5OTk5OTk5OTk5OTk5OTk5OTk5"},
        {"cursor": "\u00e4"},
    ],
)
def test_a_wrong_filter_is_refused_and_named(program, query):
    assert pointers(program.client.get(program.base + "judgments/", query)) == ["/" + next(iter(query))]


def test_pages_are_complete_in_both_directions(alice, program):
    for value in ("a", "tie", "b"):
        world.judge_next(alice, value)
    pages = [program.get("judgments/", limit=1, source="human")]
    while pages[-1]["next"]:
        assert pages[-1]["next"].startswith("http://testserver/api/v1/projects/summaries/judgments/?")
        pages.append(program.get(pages[-1]["next"]))
    assert [page["results"][0]["request_id"] for page in pages] == ["r0", "r1", "r2"]
    back = [pages[-1]]
    while back[-1]["previous"]:
        back.append(program.get(back[-1]["previous"]))
    assert [page["results"] for page in back] == [page["results"] for page in reversed(pages)]
    assert pages[0]["previous"] is None


def test_filters_stay_on_the_next_page(alice, program):
    for value in ("a", "tie", "b"):
        world.judge_next(alice, value)
    told = program.all("judgments/", limit=1, outcome="chosen")
    assert [one["request_id"] for one in told] == ["r0", "r2"]


def test_judgments_that_come_meanwhile_are_on_later_pages_and_none_comes_twice(alice, program):
    world.judge_next(alice)
    world.judge_next(alice)
    page = program.get("judgments/", limit=1)
    world.judge_next(alice)
    rest = program.all(page["next"])
    assert [told["request_id"] for told in page["results"] + rest] == ["r0", "r1", "r2"]


@pytest.mark.django_db(transaction=True)
def test_a_late_commit_comes_behind_what_was_read_before():
    project = world.project(comparisons=2)
    program = Caller(project, "read")
    written, may_commit = threading.Event(), threading.Event()

    def slow_writer():
        with transaction.atomic():
            score(project, "r0")
            written.set()
            may_commit.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slow_writer)
    thread.start()
    written.wait(10)
    score(project, "r1")
    first = program.get("judgments/", limit=1)
    assert [told["request_id"] for told in first["results"]] == ["r1"], "it was written later but is there first"
    may_commit.set()
    thread.join()
    assert [told["request_id"] for told in program.all("judgments/", limit=1)] == ["r1", "r0"]


def test_the_limit_is_capped_and_a_page_takes_the_same_queries_whatever_its_size(alice):
    project = world.project("long", comparisons=50)
    bob, program = world.annotator(project, "bob"), Caller(project, "read")

    def queries():
        program.get("judgments/")
        with CaptureQueriesContext(
            connection,
        ) as context:
            results = program.get("judgments/", limit=10**40)["results"]
        return len(context), len(results)

    for _ in range(2):
        world.judge_next(bob)
    few = queries()
    for _ in range(48):
        world.judge_next(bob)
    assert (few, queries()) == ((few[0], 2), (few[0], 50))


def test_reading_seals_what_waits_and_then_writes_nothing(alice, program):
    world.judge_next(alice)
    assert [told["request_id"] for told in program.all("judgments/")] == ["r0"]
    events = Event.objects.count()
    with CaptureQueriesContext(connection) as context:
        program.all("judgments/")
    assert not [query["sql"] for query in context if not query["sql"].startswith("SELECT")]
    assert Event.objects.count() == events


def test_the_texts_of_the_outputs_are_not_read(alice, program):
    world.judge_next(alice)
    program.all("judgments/")
    with CaptureQueriesContext(connection) as context:
        program.all("judgments/")
    content = f'"{Candidate._meta.get_field("content").column}"'
    assert not [query["sql"] for query in context if content in query["sql"]]
