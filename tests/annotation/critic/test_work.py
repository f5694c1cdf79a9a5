"""A critic at work on a project's queue: asked in both orders, and counted."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from annotation import projects, queue
from annotation.critic import runs, work
from annotation.critic.runs import Order
from annotation.models import Annotator, Assignment, Comparison, CriticRun, Event, Feedback, Judgment
from annotation.replay import replay
from annotation.verification import verify
from tests import world
from tests.annotation.critic.endpoint import Reply, completion, prefers, serving, verdict
from tests.annotation.critic.orders import PRINCIPLES, ordered, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("impatient")]
State = CriticRun.State


def test_it_judges_all_and_says_by_what():
    project = world.project(comparisons=3)
    with serving(prefers("Taken in.")) as model:
        made = run(model, project)
    assert (made.state, made.judged, made.disagreed, made.skipped, made.lost) == (State.DONE, 3, 0, 0, 0)
    assert (made.requests, made.retries, made.tokens_in, made.tokens_out) == (6, 0, 600, 120)
    for judgment in Judgment.objects.select_related("feedback", "chosen", "assignment", "left", "right"):
        assert judgment.chosen.content.startswith("Taken in.")
        assert (judgment.left, judgment.right) == (judgment.assignment.left, judgment.assignment.right)
        source = (judgment.source_type, judgment.source_id, judgment.source_version)
        assert source == ("ai_critic", "critic", runs.version_of(made, runs.principles_of(made)))
        body = judgment.feedback.body
        # As it stood on the left it was A.
        letter = "A" if judgment.chosen == judgment.left else "B"
        assert (body["principle"], body["critique"]) == ("Prefer what is in.", f"I say {letter}.")
        told = body["metadata"]
        assert (told["model"], told["answered_as"], told["run"]) == ("judge", "judge-2026", str(made.uid))
        assert told["parameters"] == runs.PARAMETERS
    assert Annotator.objects.get().name == "api:critic"


def test_each_is_asked_about_in_both_orders():
    project = world.project(comparisons=2)
    with serving(prefers("Left out.")) as model:
        run(model, project, parallel=1)
    first, swapped, *_ = model.asked
    assert "Left out. 0" in first.response("A") + first.response("B")
    inside = [asked.response(side).splitlines()[1] for asked in (first, swapped) for side in "AB"]
    assert inside == [inside[0], inside[1], inside[1], inside[0]]
    lease = Assignment.objects.order_by("pk").first()
    assert inside[:2] == [lease.left.content, lease.right.content]


def test_a_model_that_prefers_a_place_says_nothing_but_ties():
    project = world.project(comparisons=2)
    with serving(lambda _: verdict("A")) as model:
        made = run(model, project)
    assert (made.judged, made.disagreed) == (2, 2)
    assert set(Judgment.objects.values_list("outcome", flat=True)) == {"tie"}
    assert "The other way round" in Feedback.objects.first().body["critique"]


@pytest.mark.parametrize("said", ["tie", "both_bad"])
def test_neither_is_better(said):
    project = world.project(comparisons=1)
    with serving(lambda _: verdict(said)) as model:
        assert run(model, project).disagreed == 0
    assert Judgment.objects.get().outcome == said


def test_a_scale_with_strength_gets_the_weaker_of_the_two():
    project = world.project(comparisons=1, scale="strength7")
    answers = [3, 1]

    def brain(asked):
        return verdict("A" if "Left out." in asked.response("A") else "B", strength=answers.pop(0))

    with serving(brain) as model:
        run(model, project)
    assert Judgment.objects.get().strength == 1


def test_without_principles_it_judges_by_the_guidelines_of_the_moment():
    project = world.project(comparisons=1, guidelines="Prefer the shorter one.")
    with serving(prefers("Left out.")) as model:
        made = run(model, project, principles=())
        assert made.state == State.DONE
    assert "1. Prefer the shorter one." in model.asked[0].body["messages"][0]["content"]
    judgment = Judgment.objects.select_related("feedback").get()
    assert judgment.feedback.body["principle"] == "Guidelines, version 1"
    assert (judgment.guidelines.version, judgment.source_version) == (1, "judge p1 guidelines-1")


def test_guidelines_that_are_gone_end_it():
    project = world.project(comparisons=1, guidelines="Prefer the shorter one.")
    with serving(prefers("Left out.")) as model:
        made = ordered(model, project, principles=())
        projects.change_project(project, {"guidelines": ""}, actor="test")
        work.work(made.pk)
    made.refresh_from_db()
    assert (made.state, made.error) == (State.FAILED, work.NO_GUIDELINES)
    assert not Assignment.objects.filter(state="leased").exists()


def test_what_a_critic_writes_is_text_and_nothing_else():
    hostile = "<script>alert(1)</script>\n{{ 7 * 7 }}'; DROP TABLE x; -- \u202e"
    project = world.project(comparisons=1)
    with serving(lambda _: verdict("tie", critique=hostile)) as model:
        run(model, project)
    assert Feedback.objects.get().body["critique"] == hostile


def test_refusals_and_nonsense_are_skipped_with_a_reason_and_left_to_others():
    project = world.project(comparisons=4)
    said = {"0": completion("", refusal="No."), "1": completion("A, I think."), "2": Reply(400, {"error": "too long"})}

    def brain(asked):
        return said.get(asked.response("A").split()[-3], verdict("tie"))

    with serving(brain) as model:
        made = run(model, project, parallel=1)
    assert (made.state, made.judged, made.skipped) == (State.DONE, 1, 3)
    reasons = Assignment.objects.filter(state="skipped").order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == [
        "the model refused: No.", "The answer holds no JSON object, 2 times.",
        'the endpoint answered 400: {"error": "too long"}',
    ]  # fmt: skip
    assert made.requests == 1 + 2 + 1 + 2
    alice = world.annotator(project, "alice")
    assert len(queue.hold(alice, count=10)) == 3


def test_what_was_wrong_each_time_is_told():
    project = world.project(comparisons=1)
    said = [completion("A, I think."), completion('{"verdict": "A"}')]
    with serving(lambda _: said.pop(0)) as model:
        run(model, project)
    reason = Assignment.objects.get().reason
    assert reason == "The answer holds no JSON object; asked again, it has no critique."


def test_a_model_that_cannot_judge_does_not_leave_a_queue_unjudged():
    project = world.project(comparisons=runs.SKIPS_IN_A_ROW + 5)
    with serving(lambda _: completion("?")) as model:
        made = ordered(model, project, parallel=1)
        while made.state in CriticRun.UNFINISHED:  # in however many turns
            work.work(made.pk, turn=0.02)
            made.refresh_from_db()
    assert (made.state, made.error, made.skipped) == (State.FAILED, work.GIVEN_UP, runs.SKIPS_IN_A_ROW)
    assert made.attempt > 1
    assert not Assignment.objects.filter(state="leased").exists()


def test_what_passes_is_waited_for():
    project = world.project(comparisons=3)
    troubles = [Reply(429, {}, {"Retry-After": "0"}), Reply(500, {}), Reply(503, b"")]

    def brain(asked):
        return troubles.pop() if troubles else prefers("Taken in.")(asked)

    with serving(brain) as model:
        made = run(model, project)
    assert (made.state, made.judged, made.requests, made.retries) == (State.DONE, 3, 9, 3)


def test_an_endpoint_that_is_down_ends_it_and_all_goes_back():
    project = world.project(comparisons=3)
    with serving(lambda _: Reply(503, {})) as model:
        made = run(model, project)
    assert (made.state, made.judged, made.skipped) == (State.FAILED, 0, 0)
    assert made.error == "the endpoint answered 503, 4 times in a row"
    assert set(Assignment.objects.values_list("state", flat=True)) == {"released"}
    # Ordered again it goes on where it was.
    with serving(prefers("Taken in.")) as model:
        assert run(model, project).judged == 3


def test_the_key_is_read_where_the_work_is_done_and_stands_nowhere(monkeypatch):
    project = world.project(comparisons=1)
    monkeypatch.setenv("JUDGE_KEY", " sk-hidden-1 \n")
    with serving(prefers("Taken in.")) as model:
        made = run(model, project, key_variable="JUDGE_KEY")
        assert {asked.headers["Authorization"] for asked in model.asked} == {"Bearer sk-hidden-1"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT r::text FROM annotation_criticrun r UNION ALL SELECT e::text FROM annotation_event e")
        assert not [row for (row,) in cursor.fetchall() if "sk-hidden" in row]
    monkeypatch.delenv("JUDGE_KEY")
    with serving(prefers("Taken in.")) as model:
        made = run(model, project, key_variable="JUDGE_KEY")
        assert model.asked == []
    assert (made.state, made.error) == (State.FAILED, "The environment of the worker holds no key in JUDGE_KEY.")


def test_as_many_as_are_wanted_and_what_they_cost():
    project = world.project(comparisons=5)
    with serving(prefers("Taken in.")) as model:
        made = run(model, project, most=2, price_in=Decimal("2.5"), price_out=Decimal(10))
    assert (made.state, made.judged, made.requests) == (State.DONE, 2, 4)
    assert made.cost == (400 * Decimal("2.5") + 80 * 10) / 1_000_000
    assert Assignment.objects.count() == 2


def test_images_reach_the_model():
    project = world.project()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    record = {
        "request_id": "r-image",
        "prompt": [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}],
        "outputs": [{"content": "A seal."}, {"content": "A stamp."}],
    }
    checked = world.check_inference(project, record, now=timezone.now())
    world.accept_inferences(project, [checked], actor="test")
    with serving(lambda _: verdict("tie")) as model:
        assert run(model, project).judged == 1
    assert all(image in asked.content for asked in model.asked)


def test_a_lease_that_was_lost_is_counted_and_nothing_else():
    project = world.project(comparisons=1)
    is_lost = threading.Event()

    def brain(_):
        is_lost.wait(10)
        return verdict("tie")

    def lose():
        for lease in Assignment.objects.filter(state="leased").select_related("annotator__project"):
            queue.release(lease.annotator, lease.uid, actor="user:lena")
            is_lost.set()

    with serving(brain) as model:
        made = ordered(model, project, most=1)
        work.work(made.pk, tell=lose)
    made.refresh_from_db()
    assert (made.state, made.judged, made.lost) == (State.DONE, 0, 1)
    assert not Judgment.objects.exists()


def test_one_of_a_name_works_at_a_time():
    project = world.project(comparisons=1)
    with serving(prefers("Taken in.")) as model:
        ordered(model, project)
        with pytest.raises(runs.OrderError, match="at work there already"):
            ordered(model, project)
        ordered(model, project, name="another")
        ordered(model, world.project("poems"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "ftp://models.example/v1"}, {"endpoint": "models.example"},
        {"endpoint": "https://user:secret@models.example/v1"}, {"endpoint": "https://models.example/v1?key=secret"},
        {"parallel": 0}, {"parallel": 33}, {"per_minute": -1}, {"most": 0}, {"price_in": Decimal(-1)},
        {"parameters": {"model": "another"}}, {"name": "x" * 197}, {"model": "x" * 151}, {"principles": ()},
    ],
)  # fmt: skip
def test_what_cannot_be_ordered(wrong):
    project = world.project(comparisons=1)
    order = Order(**{"endpoint": "https://models.example/v1", "model": "judge", "principles": PRINCIPLES, **wrong})
    with pytest.raises(runs.OrderError) as caught:
        runs.request(project, order, actor="test")
    assert "secret" not in str(caught.value)
    assert not CriticRun.objects.exists()


def test_a_project_that_is_not_open_gives_nothing():
    project = world.project(comparisons=1, status="paused")
    with pytest.raises(runs.OrderError, match="paused"):
        runs.request(project, Order("https://models.example/v1", "judge", principles=PRINCIPLES), actor="test")


@pytest.mark.django_db(transaction=True)
def test_the_log_gives_the_same_judgments():
    project = world.project(comparisons=4, overlap=2)
    with serving(prefers("Taken in.")) as model:
        run(model, project)
    alice = world.annotator(project, "alice")
    while world.judge_next(alice):
        pass
    verify(project)
    assert replay(project).differences == []
    kinds = Event.objects.filter(kind__startswith="critic.").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["critic.requested", "critic.done"]
    assert not Comparison.objects.exclude(taken=2, judged=2).exists()
