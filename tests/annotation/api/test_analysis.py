"""What the API tells of judgments: agreement, annotators, bias and experiments, and which judgments count."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import answers, erasure
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Annotator
from annotation.recent import recent
from tests import world
from tests.annotation.intake.records import inference
from tests.api import Caller, pointers, problem
from tests.chance import GOLD, NEITHER, RATES, REPEAT, drawn
from tests.exports.dataset import give_feedback, log_inference, vote

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("always_anew")]

AURORA, BASALT = {"name": "aurora", "version": "1"}, {"name": "basalt", "version": "1"}


@pytest.fixture
def project(db):
    return world.project("summaries")


@pytest.fixture
def reader(project):
    return Caller(project, "read")


def experiments(reader, **query):
    return reader.get("experiments/", **query)["experiments"]


def by_name(reader, **query):
    return {one["name"]: one for one in reader.get("annotators/", **query)["annotators"]}


class TestWhatCounts:
    def counted(self, reader, **query):
        return sum(one["n"] for one in experiments(reader, **query))

    def test_current_preferences_between_outputs_of_different_models(self, project, reader):
        log_inference(project, "r", "One", "Two", "Three")
        vote(project, "r", 0)
        vote(project, "r", "tie", pair=(1, 2), by="bob")
        taken_back = vote(project, "r", 1, pair=(1, 2))
        give_feedback(project, "r", "retraction", retracts=taken_back)
        give_feedback(project, "r", "rating", output="r-0", value=1)
        give_feedback(project, "r", "edit", output="r-0", edited="Uno")
        vote(project, "r", 0, source="end_user", by="u-1")
        assert self.counted(reader) == 2
        assert self.counted(reader, source="end_user") == 1
        assert self.counted(reader, source="reward_model") == 0

    def test_golds_and_repeats_are_no_votes(self, db):
        project = world.project(comparisons=30, **RATES)
        world.add_golds(project, 1)
        alice = world.annotator(project, "alice")
        for what, times in ((NEITHER, 24), (GOLD, 1), (REPEAT, 1)):
            with drawn(what):
                for _ in range(times):
                    world.judge_next(alice)
        reader = Caller(project, "read")
        assert self.counted(reader) == 24
        told = by_name(reader)["alice"]
        assert (told["judgments"], told["golds"], told["repeats"]) == (24, 1, 1)

    def test_what_was_erased_is_gone(self, project, reader):
        log_inference(project, "r", "One", "Two", metadata={"user_id": "u-9"})
        vote(project, "r", 0)
        assert self.counted(reader) == 1
        erasure.erase(project, user_id="u-9", actor="test")
        assert self.counted(reader) == 0
        assert reader.get("annotators/") == {"annotators": []}

    def test_of_a_time(self, project, reader):
        log_inference(project, "r", "One", "Two")
        then = timezone.now() - dt.timedelta(days=9)
        vote(project, "r", 0, occurred_at=then.isoformat())
        vote(project, "r", 0, by="bob")
        week_ago = (timezone.now() - dt.timedelta(days=7)).isoformat()
        assert self.counted(reader, since=week_ago) == self.counted(reader, until=week_ago) == 1
        assert self.counted(reader) == 2


def test_experiments_name_both_models_and_a_verdict(project, reader):
    for n in range(30):
        log_inference(project, f"r{n}", "One", "Two")
        vote(project, f"r{n}", 0 if n < 25 else 1 if n < 28 else "both_bad")
    (one,) = experiments(reader)
    assert (one["first"], one["second"]) == (AURORA, BASALT)
    assert (one["n"], one["wins"], one["losses"], one["ties"], one["verdict"]) == (30, 25, 3, 2, "first")
    assert one["win_rate"] == pytest.approx(25 / 28)
    assert one["ci_low"] < one["win_rate"] < one["ci_high"]


def test_agreement_in_all_and_by_language_and_models(project, reader):
    for n in range(6):
        log_inference(project, f"r{n}", "One", "Two", metadata={"language": "en" if n < 4 else "fr"})
        vote(project, f"r{n}", 0, by="alice")
        vote(project, f"r{n}", 0 if n < 4 else "tie", by="bob")
    log_inference(project, "alone", "One", "Two")
    vote(project, "alone", 1, by="carol")
    told = reader.get("agreement/")
    assert (told["items"], told["answers"], told["raters"]) == (6, 12, 2)
    assert told["percent"] == pytest.approx(4 / 6)
    assert told["by"]["language"]["en"]["percent"] == 1
    assert told["by"]["language"]["fr"]["percent"] == 0
    assert told["by"]["language"]["en"]["alpha_nominal"] is None
    assert list(told["by"]["models"]) == ["aurora 1 / basalt 1"]
    assert told["by"]["models"]["aurora 1 / basalt 1"]["alpha_nominal"] == told["alpha_nominal"]


def test_outputs_without_a_model_are_no_slice(project, reader):
    record = inference("n", outputs=[{"output_id": "n-0", "content": "One"}, {"output_id": "n-1", "content": "Two"}])
    accept_inferences(project, [check_inference(project, record, now=timezone.now())], actor="test")
    for by in ("alice", "bob"):
        vote(project, "n", 0, by=by)
    told = reader.get("agreement/")
    assert (told["items"], told["by"]) == (1, {"language": {}, "models": {}})
    assert experiments(reader) == []


def test_sides_on_the_page_play_no_part_in_agreement(project, reader):
    log_inference(project, "r", "One", "Two")
    for by, shown in (("alice", ["r-0", "r-1"]), ("bob", ["r-1", "r-0"])):
        give_feedback(
            project, "r", "preference", by=by, outcome="chosen", chosen="r-0", rejected="r-1", presented=shown
        )
    assert reader.get("agreement/")["percent"] == 1


def test_strength_counts_in_the_ordinal_figure(project, reader):
    for n in range(4):
        log_inference(project, f"r{n}", "One", "Two")
        for by, strength in (("alice", 1), ("bob", 1 + n % 2 * 2)):
            vote(project, f"r{n}", n // 2, by=by, strength=strength)
    told = reader.get("agreement/")
    assert told["alpha_nominal"] == 1
    assert 0 < told["alpha_ordinal"] < 1


def test_each_annotator_is_measured(project, reader):
    long, short = "A longer answer.", "Short."
    for n in range(10):
        log_inference(project, f"r{n}", long, [{"role": "assistant", "content": short}])
        vote(project, f"r{n}", 0, by="alice", duration_ms=4_000 + n)
        vote(project, f"r{n}", 0 if n < 6 else "tie", by="bob", duration_ms=9_000)
        vote(project, f"r{n}", 1 if n < 8 else "both_bad", by="carol", pair=(1, 0))
    told = by_name(reader)
    alice, bob, carol = (told[name] for name in ("alice", "bob", "carol"))
    assert (alice["judgments"], alice["sided"], alice["left_rate"], alice["longer_rate"]) == (10, 10, 1, 1)
    assert alice["left_p_value"] == pytest.approx(2 / 2**10)
    assert alice["median_seconds"] == pytest.approx(4.0045)
    assert (bob["tie_rate"], bob["both_bad_rate"]) == (0.4, 0)
    # Two others make a majority where they agree: alice and bob six times, about which carol thought otherwise.
    assert (carol["compared"], carol["agreement"]) == (6, 0)
    assert (carol["left_rate"], carol["longer_rate"], carol["median_seconds"]) == (1, 0, None)
    assert alice["flags"] == []


def test_nobody_is_compared_with_themselves(project, reader):
    log_inference(project, "r", "One", "Two")
    vote(project, "r", 0)
    vote(project, "r", 1)  # of the same person, who does not agree or disagree by it
    told = by_name(reader)["alice"]
    assert (told["judgments"], told["compared"], told["agreement"]) == (2, 0, None)
    assert reader.get("agreement/")["items"] == 0
    vote(project, "r", 1, by="bob")
    told = reader.get("agreement/")
    assert (told["items"], told["answers"], told["percent"]) == (1, 2, 1)  # the latest word of alice


def test_repeats_tell_of_consistency(db):
    project = world.project(comparisons=40, **RATES)
    alice = world.annotator(project, "alice")
    with drawn(NEITHER):
        for _ in range(30):
            world.judge_next(alice)
    with drawn(REPEAT):
        for _ in range(6):  # again the left one, and so never the same of a flipped pair
            world.judge_next(alice)
    told = by_name(Caller(project, "read"))["alice"]
    assert (told["judgments"], told["repeats"], told["consistency"]) == (30, 6, 0)
    assert told["flags"] == ["leans_to_a_side", "fast", "inconsistent"]


def test_golds_of_a_program_are_told_of_it_and_of_nobody_of_that_name(db):
    project = world.project(comparisons=2, **RATES)
    world.add_golds(project, 1)
    critic, reader = Caller(project, "annotate"), Caller(project, "read")
    with drawn(GOLD):
        (lease,) = json.loads(critic("POST", "queue/claim/", {"annotator": "crit"}).content)
    best = lease["outputs"][0]["output_id"]
    body = {"feedback_id": "f1", "kind": "preference", "source": {"type": "ai_critic", "id": "crit"},
            "outcome": "chosen", "chosen": best, "rejected": lease["outputs"][1]["output_id"]}  # fmt: skip
    assert critic("POST", f"queue/{lease['lease_id']}/judge/", body).status_code == 201
    for by, source in (("crit", "ai_critic"), ("crit", "reward_model"), ("api:crit", "human")):
        give_feedback(
            project, "r0", "preference", by=by, source=source, outcome="chosen", chosen="r0-0", rejected="r0-1"
        )
    assert by_name(reader, source="ai_critic")["crit"]["golds"] == 1
    assert by_name(reader, source="reward_model")["crit"]["golds"] == 0
    assert by_name(reader)["api:crit"]["golds"] == 0


def test_the_newest_judgment_is_there_at_once(project, reader):
    world.add_comparisons(project, 2)
    alice = world.annotator(project, "alice")
    for expected in (1, 2):
        world.judge_next(alice)
        assert by_name(reader)["alice"]["judgments"] == expected
    answers.undo(Annotator.objects.get(pk=alice.pk))
    assert by_name(reader)["alice"]["judgments"] == 1


def test_bias_over_time(project, reader):
    monday = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
    for n in range(40):
        log_inference(project, f"r{n}", "Plain words, and many of them.", "- **A**\n- B")
        when = monday + dt.timedelta(days=n // 20 * 7)
        vote(project, f"r{n}", 1, pair=(1, 0), occurred_at=when.isoformat(), duration_ms=1_500 if n % 2 else 20_000)
    told = reader.get("bias/")
    assert told["judgments"] == 40
    first, second = told["periods"]
    assert (first["since"], second["since"]) == ("2026-05-04T00:00:00Z", "2026-05-11T00:00:00Z")
    assert (first["judgments"], first["position"], first["length"], first["formatting"], first["fast"]) == (
        20,
        1,
        0,
        1,
        0.5,
    )
    assert told["tests"]["position"]["n"] == 40
    assert told["tests"]["speed"]["n"] == 20
    found = {alert["bias"]: alert for alert in told["alerts"]}
    assert set(found) == {"position", "length", "formatting", "speed"}
    assert found["position"]["since"] == "2026-05-04T00:00:00Z"
    assert (found["position"]["size"], found["length"]["size"]) == (0.5, -0.5)
    assert len(reader.get("bias/", period="day")["periods"]) == 2


@pytest.mark.parametrize("path", ["agreement/", "annotators/", "bias/", "experiments/"])
def test_an_empty_project_has_empty_answers(reader, path):
    told = reader.get(path)
    assert not any(told[name] for name in ("annotators", "experiments", "periods", "items") if name in told)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("agreement/?source=nobody", "/source"),
        ("agreement/?since=yesterday", "/since"),
        ("annotators/?source=end_user", "/source"),
        ("bias/?period=year", "/period"),
        ("experiments/?model=aurora", "/model"),
    ],
)
def test_a_wrong_parameter_is_named(reader, path, field):
    assert pointers(reader("GET", path)) == [field]


@pytest.mark.parametrize("path", ["agreement/", "annotators/", "bias/", "experiments/"])
def test_as_many_statements_for_any_number_of_judgments(project, reader, path):
    reader.get(path)  # the first call looks the key up
    numbers = []
    for n in range(2):
        for k in range(2 + 10 * n):
            log_inference(project, f"r{n}-{k}", "One", "Two")
            for by in ("alice", "bob", f"a{k}"):
                vote(project, f"r{n}-{k}", 0, by=by)
        with CaptureQueriesContext(connection) as captured:
            reader.get(path)
        numbers.append(len(captured))
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize("path", ["agreement/", "annotators/", "bias/", "experiments/", "leaderboard/"])
def test_what_takes_too_long_is_broken_off_with_a_way_out(reader, path, monkeypatch):
    for name in ("ITEMS", "WORK", "PERIODS", "MEETINGS"):
        monkeypatch.setattr(f"annotation.votes.{name}", "SELECT pg_sleep(9)")
    monkeypatch.setattr("annotation.votes.MOST_SECONDS", 0.05)
    assert "since" in problem(reader("GET", path), 503)["detail"]


def test_what_took_long_is_kept_and_told_apart_by_what_was_asked(project, monkeypatch):
    monkeypatch.setattr("annotation.recent.SLOW_SECONDS", 0)
    made = []

    def make():
        made.append(1)
        return len(made)

    other = world.project("other")
    asked = [(project, {"source": "human"}), (project, {"source": "human"}), (project, {"source": "end_user"}),
             (other, {"source": "human"})]  # fmt: skip
    assert [recent(of, "test", query, make) for of, query in asked] == [1, 1, 2, 3]
    monkeypatch.setattr("annotation.recent.SLOW_SECONDS", 9)
    assert [recent(other, "quick", {}, make) for _ in range(2)] == [4, 5]
