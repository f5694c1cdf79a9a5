"""Writers of the same ids take turns: whatever comes at once is stored once, and nobody fails."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections, transaction

from annotation import projects
from annotation.intake.lines import accept_lines, check_line
from annotation.intake.outcomes import take_every_turn, take_turns
from annotation.models import Candidate, Comparison, Event, Feedback, Judgment, Project, Prompt
from tests import world
from tests.annotation.intake.records import NOW, inference, preference

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works):
    """Run functions at the same time, each on a connection of its own; return what they return."""
    start = threading.Barrier(len(works))

    def run(work):
        try:
            start.wait()
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(run, work) for work in works]]


def accept(slug, values):
    project = Project.objects.get(slug=slug)
    lines = [check_line(project, value, now=NOW) for value in values]
    return accept_lines(project, lines, actor="test", now=NOW)


def test_two_writers_of_the_same_records_store_them_once():
    project = world.project()
    values = [inference(f"r{n}", feedback=[preference(f"f{n}", f"r{n}")]) for n in range(60)]
    orders = [values, list(reversed(values)), values[30:] + values[:30]]

    def write(order):
        batches = [order[start : start + 7] for start in range(0, len(order), 7)]
        return [outcome for batch in batches for outcome in accept(project.slug, batch)]

    told = [
        outcome for outcomes in at_once(*(lambda order=order: write(order) for order in orders)) for outcome in outcomes
    ]
    results = [outcome.inference.result for outcome in told]
    assert (results.count("created"), results.count("duplicate")) == (60, 120)
    results = [one.result for outcome in told for one in outcome.feedback]
    assert (results.count("created"), results.count("duplicate")) == (60, 120)
    counted = [model.objects.count() for model in (Prompt, Candidate, Comparison, Feedback, Judgment)]
    assert counted == [60, 120, 60, 60, 60]
    assert Event.objects.filter(kind="inference.logged").count() == 60
    assert {outcome.inference.outputs for outcome in told if outcome.inference.id == "r0"} == {
        told[0].inference.outputs,
    }


def test_two_writers_that_disagree_cannot_both_have_it():
    project = world.project()
    one, other = (inference(prompt=text) for text in ("one", "other"))
    stealing = inference("r2")
    stealing["outputs"][0]["output_id"] = "r1-a"
    works = (lambda value=value: accept(project.slug, [value]) for value in (one, other, stealing))
    results = sorted(outcomes[0].inference.result for outcomes in at_once(*works))
    assert results in (["conflict", "created", "refused"], ["created", "refused", "refused"])
    assert Candidate.objects.filter(output_id="r1-a").count() == 1


def test_writers_of_other_ids_do_not_wait():
    project = world.project()
    with transaction.atomic():
        take_turns(project, ["some id"])
        (outcomes,) = at_once(lambda: accept(project.slug, [inference("elsewhere")]))
    assert outcomes[0].inference.result == "created"


def test_who_takes_every_turn_keeps_all_others_waiting():
    project = world.project()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            take_every_turn(project)
            waiting = pool.submit(at_once, lambda: accept(project.slug, [inference()]))
            wait_for_waiter()
            assert not waiting.done()
        assert waiting.result()[0][0].inference.result == "created"


def test_a_change_of_overlap_reaches_the_comparisons_of_a_batch_that_is_under_way():
    project = world.project()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            accept(project.slug, [inference()])
            change = {"overlap": 4}
            changing = pool.submit(at_once, lambda: projects.change_project(project, change, actor="lena"))
            wait_for_waiter()
        changing.result()
    assert Comparison.objects.get().overlap == 4


def wait_for_waiter():
    """Return when another connection waits for a lock."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits")
