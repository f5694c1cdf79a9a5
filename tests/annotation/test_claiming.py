"""Claims: the order of the queue is kept, whatever opens behind an annotator, and none costs more than another."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from annotation import claiming, judging, pairing, projects, queue
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Annotator, Comparison, Project, Prompt
from tests import world

ORDERS = ["fifo", "random", "least_judged"]
committed = pytest.mark.django_db(transaction=True)


@contextmanager
def meanwhile(work: Callable[[], object]) -> Iterator[None]:
    """Runs work in a transaction of another connection; it commits when the block ends."""
    done, may_commit = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                done.set()
                assert may_commit.wait(30)
        finally:
            done.set()
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    assert done.wait(30)
    try:
        yield
    finally:
        may_commit.set()
        thread.join()


def take_all(annotator: Annotator) -> list[int]:
    """Judge until nothing is left; the comparisons in the order of their coming."""
    return [lease.comparison_id for lease in iter(lambda: world.judge_next(annotator), None)]


def many(project: Project, outputs: int) -> None:
    """Comparisons of all pairs of that many outputs of one prompt."""
    pair_up(project, answered(project, outputs))


def answered(project: Project, outputs: int) -> Prompt:
    """A prompt with that many outputs and no comparison."""
    record = {
        "request_id": str(uuid.uuid4()),
        "prompt": "Which?",
        "outputs": [{"content": f"Answer {n}", "model": {"name": "aurora"}} for n in range(outputs)],
    }
    checked = [check_inference(project, record, now=timezone.now())]
    accept_inferences(project, checked, actor="test", rule=Project.Pairing.NONE)
    return Prompt.objects.get(request_id=record["request_id"])


@transaction.atomic
def pair_up(project: Project, prompt: Prompt) -> None:
    """Comparisons of all pairs of a prompt's outputs."""
    outputs = [judging.Output.of(candidate) for candidate in prompt.candidates.order_by("pk")]
    asked = pairing.Answered(prompt.pk, prompt.request_id, outputs, [pairing.Model("aurora", "")] * len(outputs))
    pairing.pair_up(project, [asked], rule=pairing.Rule.of(project, Project.Pairing.ALL_PAIRS), actor="test")


@pytest.mark.parametrize("order", ORDERS)
@committed
def test_what_is_committed_late_is_found(order):
    project = world.project(comparisons=2, order=order)
    alice = world.annotator(project, "alice")
    late = answered(project, 2)
    with meanwhile(lambda: pair_up(project, late)):
        # Its id was given before theirs, and alice passes its place while nobody can see it.
        many(project, 3)
        assert len(take_all(alice)) == 5
    assert [Comparison.objects.get(pk=pk).prompt for pk in take_all(alice)] == [late]


@committed
def test_what_is_given_back_while_somebody_walks_past_is_found():
    project = world.project(comparisons=3)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    (lease,) = queue.hold(bob, count=1)
    with meanwhile(lambda: queue.release(bob, lease.uid)):
        assert lease.comparison_id not in take_all(alice)
    assert take_all(alice) == [lease.comparison_id]


@committed
def test_more_judgments_wanted_and_new_priorities_are_found_behind_the_place():
    project = world.project(comparisons=6)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    for _ in range(3):
        world.judge_next(bob)
    world.judge_next(alice)
    projects.change_project(project, {"overlap": 2}, actor="test")
    ids = list(Comparison.objects.order_by("pk").values_list("pk", flat=True))
    assert world.judge_next(alice).comparison_id == ids[0]
    Comparison.objects.filter(pk=ids[5]).update(priority=1)
    Comparison.objects.filter(pk=ids[1]).update(priority=-1)
    assert take_all(alice) == [ids[5], ids[2], ids[4], ids[1]]


@committed
def test_what_comes_back_one_by_one_is_offered_in_its_order():
    project = world.project(comparisons=5)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    held = queue.hold(bob, count=4)
    first = world.judge_next(alice)
    assert first.comparison_id == held[-1].comparison_id + 1
    for lease in reversed(held):
        queue.release(bob, lease.uid)
    assert take_all(alice) == [lease.comparison_id for lease in held]


@committed
def test_another_order_begins_anew():
    project = world.project(comparisons=8)
    alice = world.annotator(project, "alice")
    for _ in range(4):
        world.judge_next(alice)
    projects.change_project(project, {"order": "random"}, actor="test")
    expected = Comparison.objects.filter(taken=0).order_by("shuffle", "pk")
    assert list(expected.values_list("pk", flat=True)) == take_all(alice)


@committed
def test_least_judged_first_goes_over_all_before_any_gets_a_second():
    project = world.project(comparisons=4, overlap=2, order="least_judged")
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    for annotator in (alice, bob, alice, bob):
        world.judge_next(annotator)
    assert set(Comparison.objects.values_list("taken", flat=True)) == {1}
    assert len(take_all(alice)) == len(take_all(bob)) == 2


@committed
def test_a_flood_behind_the_place_is_found_in_its_order():
    project = world.project(comparisons=1)
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    assert world.judge_next(alice) is None
    many(project, 47)
    assert Comparison.objects.count() > claiming.MOST_OPENED
    expected = list(Comparison.objects.filter(taken=0).order_by("pk").values_list("pk", flat=True)[:3])
    assert [world.judge_next(alice).comparison_id for _ in range(3)] == expected


@committed
def test_a_database_that_was_restored_elsewhere_is_walked_anew():
    project = world.project(comparisons=2)
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    # There the transactions of both sides of the dump have other numbers.
    Annotator.objects.update(walk={**Annotator.objects.get().walk, "server": "0", "place": [1 << 40, 1 << 40]})
    assert world.judge_next(alice) is not None


def pages_read(annotator: Annotator) -> int:
    """How many pages one claim of this annotator looks at."""
    project = annotator.project
    parameters = {
        "project": project.pk, "annotator": annotator.pk, "actor": "test", "order": project.order, "seconds": 9,
        "count": 999, "known": [],
    }  # fmt: skip
    statement = claiming.STATEMENTS[Project.Order(project.order)].claim
    with transaction.atomic(), psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        (plan,) = cursor.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, parameters).fetchone()
        transaction.set_rollback(True)
    return (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]["Shared Hit Blocks"]


@pytest.mark.parametrize("order", ORDERS)
@committed
def test_a_claim_costs_the_same_for_one_who_is_far_ahead(order):
    project = world.project(order=order, overlap=3)
    many(project, 32)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    queue.release(bob, queue.hold(bob, count=1)[0].uid)
    for _ in range(2):  # a page that is read for the first time tidies it up
        at_the_start = pages_read(bob)
    for lease in queue.hold(alice, count=100):
        queue.skip(alice, lease.uid)
    queue.release(alice, queue.hold(alice, count=1)[0].uid)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) annotation_comparison, annotation_assignment")
    for _ in range(2):
        far_ahead = pages_read(alice)
    assert far_ahead < 2 * at_the_start
