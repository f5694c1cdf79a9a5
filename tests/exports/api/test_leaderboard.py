"""The leaderboard over the API: of votes, and of the battles of a snapshot."""

from __future__ import annotations

import pytest
from django.utils import timezone

from annotation.intake.inferences import accept_inferences, check_inference
from tests import world
from tests.api import Caller, pointers, problem
from tests.exports.dataset import built, log_inference, published, vote

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("always_anew")]


@pytest.fixture
def project(db):
    made = world.project("summaries")
    for n in range(24):
        tool = [{"role": "assistant", "content": "I look it up."}, {"role": "tool", "content": "42"}]
        between = [*tool, {"role": "assistant", "content": f"It is 42{'!' * n}"}]
        log_inference(made, f"r{n}", "A long answer, with many words.", "Short.", between)
        vote(made, f"r{n}", 0 if n % 4 else 1)
        vote(made, f"r{n}", ("tie", "both_bad", 1, 2)[n % 4], pair=(1, 2))
        vote(made, f"r{n}", 0 if n % 3 else 2, pair=(0, 2), by="bob")
    return made


@pytest.fixture
def reader(project):
    return Caller(project, "read")


def test_models_in_the_order_of_their_ratings(reader):
    told = reader.get("leaderboard/")
    assert [one["name"] for one in told["models"]] == ["aurora", "cedar", "basalt"]
    best = told["models"][0]
    assert (best["version"], best["battles"], best["wins"], best["losses"], best["ties"]) == ("1", 48, 34, 14, 0)
    assert best["ci_low"] < best["rating"] < best["ci_high"]
    assert sum(one["rating"] for one in told["models"]) == pytest.approx(3000)
    assert (told["connected"], told["style_controlled"]) == (True, {})
    assert told["pairs"]["aurora 1"]["basalt 1"] == {"battles": 24, "wins": 18, "losses": 6, "ties": 0}
    assert told["pairs"]["basalt 1"]["aurora 1"] == {"battles": 24, "wins": 6, "losses": 18, "ties": 0}
    assert told["pairs"]["basalt 1"]["cedar 1"]["ties"] == 12


def test_both_bad_may_be_dropped(reader):
    told = reader.get("leaderboard/", both_bad="drop")
    assert told["pairs"]["basalt 1"]["cedar 1"] == {"battles": 18, "wins": 6, "losses": 6, "ties": 6}


def test_length_controlled(reader):
    styled = reader.get("leaderboard/", style="length")["style_controlled"]
    assert styled["style"] == "length"
    assert styled["ci_low"] < styled["coefficient"] < styled["ci_high"]
    assert [one["rank"] for one in styled["models"]] == sorted(one["rank"] for one in styled["models"])
    assert {one["name"] for one in styled["models"]} == {"aurora", "basalt", "cedar"}


@pytest.mark.parametrize("query", [{}, {"style": "length"}, {"both_bad": "drop"}])
def test_single_votes_of_a_snapshot_give_the_same_ratings(project, reader, query):
    snapshot = built(project, formats=["battles"], consensus="each")
    vote(project, "r0", 1, by="carol")  # later, and so in no count of the snapshot
    of_snapshot = reader.get("leaderboard/", snapshot=snapshot.version, **query)
    assert of_snapshot != reader.get("leaderboard/", **query)
    assert [one["name"] for one in of_snapshot["models"]] == ["aurora 1", "cedar 1", "basalt 1"]
    until = reader.get("leaderboard/", until=project.judgments.latest("pk").judged_at.isoformat(), **query)
    for part in ("models", "style_controlled"):
        one, other = of_snapshot[part], until[part]
        one, other = (one, other) if part == "models" else (one.get("models", []), other.get("models", []))
        assert [entry["rating"] for entry in one] == pytest.approx([entry["rating"] for entry in other])
    assert of_snapshot["pairs"] == until["pairs"]
    assert reader.get("leaderboard/", snapshot="latest", **query) == of_snapshot


def test_an_increment_is_no_whole(project, reader):
    recipe = {"formats": ["battles"], "incremental": True}
    first = built(project, **recipe)
    vote(project, "r0", 1, by="carol")
    second = built(project, **recipe)
    assert second.parent == first
    assert reader.get("leaderboard/", snapshot=first.version)["models"]
    assert "increment" in problem(reader("GET", f"leaderboard/?snapshot={second.version}"), 409)["detail"]


def test_battles_that_are_gone_or_damaged_are_not_counted_without(project, reader):
    snapshot = built(project, formats=["battles"], split={"test": 0.5, "seed": 0})
    train = next((snapshot.path / "battles").glob("train-*"))
    whole = train.read_bytes()
    train.write_bytes(whole[: len(whole) // 2])
    problem(reader("GET", f"leaderboard/?snapshot={snapshot.version}"), 410)
    train.unlink()
    problem(reader("GET", f"leaderboard/?snapshot={snapshot.version}"), 410)


def test_models_that_come_to_the_same_words_are_told_apart(db):
    project = world.project("alike")
    models = [{"name": "a", "version": "b c"}, {"name": "a b", "version": "c"}]
    outputs = [{"output_id": f"r-{n}", "content": str(n), "model": model} for n, model in enumerate(models)]
    record = {"request_id": "r", "prompt": "?", "outputs": outputs}
    accept_inferences(project, [check_inference(project, record, now=timezone.now())], actor="test")
    vote(project, "r", 0)
    pairs = Caller(project, "read").get("leaderboard/")["pairs"]
    assert pairs['["a", "b c"]']['["a b", "c"]']["wins"] == 1


def test_what_a_snapshot_cannot_tell(project, reader):
    without = published(project)
    assert "battles" in problem(reader("GET", f"leaderboard/?snapshot={without.version}"), 409)["detail"]
    problem(reader("GET", "leaderboard/?snapshot=99"), 404)


def test_battles_of_a_snapshot_may_be_chosen_by_source_and_time(project, reader):
    vote(project, "r0", 1, by="rm", source="reward_model", occurred_at="2026-01-05T00:00:00Z")
    snapshot = built(project, formats=["battles"], consensus="each", sources=["human", "reward_model"]).version
    counted = {
        name: sum(one["battles"] for one in reader.get("leaderboard/", snapshot=snapshot, **query)["models"]) // 2
        for name, query in {
            "all": {}, "human": {"source": "human"}, "model": {"source": "reward_model"},
            "early": {"until": "2026-02-01T00:00:00Z"}, "late": {"since": "2026-02-01T00:00:00Z"},
            "none": {"source": "ai_critic", "style": "length"},
        }.items()
    }  # fmt: skip
    assert counted == {"all": 73, "human": 72, "model": 1, "early": 1, "late": 72, "none": 0}


@pytest.mark.parametrize("query", ["style=charm", "both_bad=win", "snapshot=", "top=3"])
def test_a_wrong_parameter_is_named(reader, query):
    assert pointers(reader("GET", f"leaderboard/?{query}")) == [f"/{query.partition('=')[0]}"]


def test_an_empty_project_has_an_empty_leaderboard(db):
    told = Caller(world.project("empty"), "read").get("leaderboard/")
    assert (told["models"], told["pairs"], told["connected"]) == ([], {}, True)
