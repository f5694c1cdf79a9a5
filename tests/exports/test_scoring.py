"""Golden evaluation sets, and reward models scored by them: in a function, over the API, by the command."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from exports.scoring import Accuracy
from tests import world
from tests.api import Caller, pointers
from tests.exports.dataset import built, log_inference, rows, vote

really_built = pytest.mark.django_db(transaction=True)  # a build has a connection of its own


@pytest.mark.parametrize(
    ("pairs", "right", "expected"),
    # Intervals as R's prop.test(…, correct = FALSE) gives them.
    [(10, 8, (0.8, 0.4901625, 0.9433178)), (100, 50.0, (0.5, 0.4038315, 0.5961685)), (1, 1, (1.0, 0.2065493, 1.0))],
)
def test_the_interval_is_wilsons(pairs, right, expected):
    got = Accuracy.of(pairs, right)
    assert (got.accuracy, got.low, got.high) == pytest.approx(expected, abs=1e-6)


def test_without_pairs_there_is_no_accuracy():
    assert Accuracy.of(0, 0) == Accuracy(0, None, None, None)


@pytest.fixture
def golden(db):
    """A golden set of two pairs in each of two subsets; a fifth pair has two opinions, a sixth a single vote."""
    project = world.project()
    for number in range(6):
        log_inference(project, f"r{number}", "One.", "Two.", metadata={"subset": "even" if number % 2 == 0 else "odd"})
        vote(project, f"r{number}", 0, by="ann")
        if number < 5:
            vote(project, f"r{number}", 0 if number < 4 else 1, by="ben")
    return built(project, kind="golden", split={"test": 1, "seed": 0})


def scores_of(snapshot, *wrong):
    return [
        {"id": row["id"], "chosen": 1.0, "rejected": 2.0 if row["meta_request_id"] in wrong else 0.5}
        for row in rows(snapshot, "golden", "test")
    ]


@really_built
def test_a_golden_set_is_in_rewardbenchs_form(golden):
    found = rows(golden, "golden", "test")
    assert {row["meta_request_id"] for row in found} == {"r0", "r1", "r2", "r3"}
    assert rows(golden, "golden", "train") == []
    row = next(row for row in found if row["meta_request_id"] == "r1")
    assert row["chosen"][:-1] == row["rejected"][:-1] == row["prompt"]
    assert [row["chosen"][-1]["content"], row["rejected"][-1]["content"]] == ["One.", "Two."]
    assert [row["chosen_model"], row["rejected_model"]] == ["aurora 1", "basalt 1"]
    assert (row["subset"], row["id"]) == ("odd", row["meta_pair_id"])
    assert golden.recipe["kind"] == "golden"


@really_built
def test_a_reward_model_is_scored_over_the_api(golden):
    caller = Caller(golden.project, "read")
    scores = [*scores_of(golden, "r1"), {"id": "another", "chosen": 0, "rejected": 1}]
    told = caller("POST", "snapshots/1/score/", {"scores": scores}).json()
    assert (told["whole"]["pairs"], told["whole"]["accuracy"]) == (4, 0.75)
    assert {name: one["accuracy"] for name, one in told["subsets"].items()} == {"even": 1.0, "odd": 0.5}
    assert (told["mean"], told["missing"], told["unknown"]) == (0.75, 0, 1)
    twice = [scores[0], {**scores[0], "chosen": 9.0}]
    assert pointers(caller("POST", "snapshots/1/score/", {"scores": twice})) == ["/scores/1/id"]
    assert pointers(caller("POST", "snapshots/1/score/", {"scores": []})) == ["/scores"]
    one = {"id": "x", "chosen": 1, "rejected": 0}
    more, text = {"scores": [one, {**one, "tie": 0}]}, {"scores": [{**one, "chosen": "1"}]}
    assert pointers(caller("POST", "snapshots/1/score/", more)) == ["/scores/1/tie"]
    assert pointers(caller("POST", "snapshots/1/score/", text)) == ["/scores/0/chosen"]


@really_built
def test_a_reward_model_is_scored_by_the_command(golden, tmp_path):
    path = tmp_path / "scores.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in scores_of(golden, "r0", "r2")[:3]) + "\n")
    said = run("--project", "summaries", "--snapshot", "latest", "--scores", path)
    assert "1 pairs without scores; 0 scores without a pair" in said
    assert "even" in said
    assert json.loads(run("--snapshot", golden.path, "--scores", path, "--json"))["whole"]["pairs"] == 3
    for score in ("NaN", '"1"', "true", "null", "9" * 400):
        path.write_text(f'{{"id": "x", "chosen": {score}, "rejected": 1}}\n')
        with pytest.raises(CommandError, match=r"scores\.jsonl:1: the id must be a text and both scores finite"):
            run("--project", "summaries", "--snapshot", "1", "--scores", path)


@really_built
def test_what_holds_no_pairs_cannot_be_scored(tmp_path):
    project = world.project()
    log_inference(project, "r1", "One.", "Two.")
    vote(project, "r1", 0)
    snapshot = built(project, formats=["judgments"])
    (tmp_path / "scores.jsonl").write_text("")
    with pytest.raises(CommandError, match="has no pairs in Parquet files"):
        run("--snapshot", snapshot.path, "--scores", tmp_path / "scores.jsonl")
    body = {"scores": [{"id": "x", "chosen": 1, "rejected": 0}]}
    assert Caller(project, "read")("POST", "snapshots/1/score/", body).status_code == 409


@pytest.mark.django_db
def test_a_golden_set_is_no_increment():
    manager = Caller(world.project(), "manage")
    answer = manager("POST", "snapshots/", {"recipe": {"kind": "golden", "incremental": True}})
    assert pointers(answer) == ["/recipe"]


def run(*arguments):
    said = io.StringIO()
    call_command("score_reward_model", *map(str, arguments), stdout=said)
    return said.getvalue()
