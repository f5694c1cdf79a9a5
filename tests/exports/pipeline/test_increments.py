"""Increments: each holds what is new, and applied in turn they are the full selection."""

from __future__ import annotations

import random
import threading
import time

import pyarrow.parquet as pq
import pytest
from django.db import connection, transaction
from django.utils import timezone

from annotation.intake.feedback import accept_feedback, check_feedback
from exports.models import Snapshot
from exports.pipeline.build import build
from exports.pipeline.verify import verify_folder
from tests import world
from tests.exports.dataset import ask, built, digests, give_feedback, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)

CONFIGS = ["preference", "battles", "kto", "helpsteer", "judgments"]
IDS = {"judgments": "judgment_id"}


@pytest.fixture
def project(db):
    project = world.project()
    for number in range(4):
        log_inference(project, f"r{number}", "One.", "Two.")
        vote(project, f"r{number}", 0)
    return project


def ids(config, rows_):
    return [row[IDS.get(config, "meta_pair_id")] for row in rows_]


def changes(snapshot, kind="pair"):
    return {
        change: {
            row["id"] for file in (snapshot.path / "changes").glob(f"{change}-*")
            for row in pq.read_table(file).to_pylist() if row["kind"] == kind
        }
        for change in ("added", "changed", "removed")
    }  # fmt: skip


def apply(state, increment):
    """A full selection as {config: rows}, brought up to date by an increment as docs/formats.md tells to."""
    told = [changes(increment, kind) for kind in ("pair", "judgment")]
    gone = set().union(*(one["changed"] | one["removed"] for one in told))
    return {
        config: [row for row in state[config] if row[IDS.get(config, "meta_pair_id")] not in gone]
        + rows(increment, config)
        for config in state
    }


def same(config, one, other):
    """The same rows, in whatever order."""
    return sorted(map(repr, one[config])) == sorted(map(repr, rows(other, config)))


def test_an_increment_holds_what_came_since(project):
    base = built(project, formats=CONFIGS)
    log_inference(project, "new", "One.", "Two.")
    vote(project, "new", 1)
    vote(project, "r0", 0, by="bob")  # one vote more
    vote(project, "r1", 1, by="bob")  # no majority any more
    give_feedback(project, "r2", "preference", presented=["r2-0", "r2-1"], outcome="tie", by="bob")
    increment = built(project, formats=CONFIGS, incremental=True)
    assert increment.parent == base
    assert increment.manifest["parent"] == base.version
    before = {row["meta_request_id"]: row["meta_pair_id"] for row in rows(base, "preference")}
    (added,) = (row["meta_pair_id"] for row in rows(increment, "preference") if row["meta_request_id"] == "new")
    assert changes(increment) == {
        "added": {added},
        "changed": {before["r0"]},
        "removed": {before["r1"], before["r2"]},
    }
    assert {row["meta_request_id"] for row in rows(increment, "preference")} == {"new", "r0"}
    assert len(rows(increment, "judgments")) == len(changes(increment, "judgment")["added"]) == 4
    assert increment.manifest["counts"]["changes"] == {
        "pair": {"added": 1, "changed": 1, "removed": 2},
        "judgment": {"added": 4, "changed": 0, "removed": 0},
    }
    assert verify_folder(increment.path).problems == []
    state = apply({config: rows(base, config) for config in CONFIGS}, increment)
    full = built(project, formats=CONFIGS)
    for config in CONFIGS:
        assert same(config, state, full)


def test_a_retraction_takes_the_pair_and_the_judgment_out(project):
    feedback_id = vote(project, "r3", 1, by="bob", pair=(0, 1))
    only = vote(project, "r0", 1, by="ann")
    built(project, formats=CONFIGS, consensus="each")
    for request_id, retracted, by in (("r3", feedback_id, "bob"), ("r0", only, "ann")):
        give_feedback(project, request_id, "retraction", retracts=retracted, by=by)
    increment = built(project, formats=CONFIGS, consensus="each", incremental=True)
    assert [len(told) for told in changes(increment).values()] == [0, 2, 2]
    assert [len(told) for told in changes(increment, "judgment").values()] == [0, 0, 2]


def test_a_row_changes_with_the_other_votes_that_it_tells_of(project):
    recipe = {"formats": CONFIGS, "consensus": "each"}
    taken_back = vote(project, "r0", 0, by="bob", strength=3)
    base = built(project, **recipe)
    give_feedback(project, "r0", "retraction", by="bob", retracts=taken_back)
    vote(project, "r0", 0, by="carol", strength=1)
    increment, full = built(project, **recipe, incremental=True), built(project, **recipe)
    state = apply({config: rows(base, config) for config in CONFIGS}, increment)
    for config in CONFIGS:
        assert same(config, state, full), config


def test_nothing_new_is_an_empty_increment(project):
    first = built(project, formats=CONFIGS, incremental=True)
    assert (first.parent, first.rows) == (None, built(project, formats=CONFIGS).rows)
    again = built(project, formats=CONFIGS, incremental=True)
    assert again.rows == 0
    assert not (again.path / "changes").exists()
    assert digests(again) == {path: told for path, told in digests(first).items() if path.startswith("index/")}


def test_the_parent_is_the_newest_ready_snapshot_of_the_same_recipe(project):
    base = built(project, formats=["preference"])
    built(project, formats=["preference"], min_votes=2)
    built(project, formats=["judgments"])
    ask(project, formats=["preference"], drop=[], split={"test": 0, "seed": 0})  # never built
    increment = built(project, formats=["preference"], incremental=True)
    assert increment.parent == base
    assert built(project, formats=["preference"], incremental=True).parent == increment


def test_a_sampled_increment_says_what_lost_its_place(project):
    sample = {"limit": 3}
    state = {"preference": rows(built(project, formats=["preference"], sample=sample), "preference")}
    for number in range(10):
        log_inference(project, f"more{number}", "One.", "Two.")
        vote(project, f"more{number}", 0)
    increment = built(project, formats=["preference"], sample=sample, incremental=True)
    state = apply(state, increment)
    assert len(state["preference"]) == 3
    assert same("preference", state, built(project, formats=["preference"], sample=sample))


def write_slowly(project, seed, stop):
    """Vote and retract in transactions that stay open for a while, so that events commit in another order."""
    random_ = random.Random(seed)
    mine = []
    try:
        while not stop.is_set():
            if mine and random_.random() < 0.3:
                target, request_id = mine.pop(random_.randrange(len(mine)))
                record = {"kind": "retraction", "retracts": target, "request_id": request_id}
            else:
                request_id = f"r{random_.randrange(4)}"
                winner = random_.randrange(2)
                record = {"kind": "preference", "request_id": request_id, "outcome": "chosen"}
                record |= {"chosen": f"{request_id}-{winner}", "rejected": f"{request_id}-{1 - winner}"}
                record |= {"strength": random_.randint(1, 3)}
            record |= {"feedback_id": f"{seed}-{random_.random()}", "source": {"type": "human", "id": f"w{seed}"}}
            with transaction.atomic():
                checked = [check_feedback(record, now=timezone.now())]
                accept_feedback(project, checked, actor="test", now=timezone.now())
                time.sleep(random_.random() / 20)
            if record["kind"] == "preference":
                mine.append((record["feedback_id"], request_id))
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [{"consensus": "majority"}, {"consensus": "each", "merge": "content"}])
def test_increments_in_turn_are_the_full_selection_under_slow_concurrent_writers(project, recipe):
    recipe = {"formats": CONFIGS, **recipe}
    stop = threading.Event()
    writers = [threading.Thread(target=write_slowly, args=(project, seed, stop)) for seed in range(3)]
    for writer in writers:
        writer.start()
    try:
        increments = [built(project, incremental=True, **recipe) for _ in range(4)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    increments.append(built(project, incremental=True, **recipe))
    assert [one.parent_id for one in increments] == [None, *(one.pk for one in increments[:-1])]
    state = {config: [] for config in CONFIGS}
    for increment in increments:
        state = apply(state, increment)
    full = built(project, **recipe)
    assert len(rows(full, "judgments")) > 4
    for config in CONFIGS:
        assert same(config, state, full)
        assert len(set(ids(config, state[config]))) == len(state[config]) / (2 if config == "kto" else 1)


def test_a_parent_that_is_gone_is_told(project):
    base = built(project, formats=["preference"])
    for file in base.path.rglob("*"):
        if file.is_file():
            file.unlink()
    snapshot = ask(project, formats=["preference"], drop=[], split={"test": 0, "seed": 0}, incremental=True)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.status == Snapshot.Status.FAILED
    assert "version 1" in snapshot.error
