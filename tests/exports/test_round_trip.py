"""Out and in again: what a snapshot holds, imported into an empty project and exported once more, is the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from annotation.canonical import output_digest, prompt_digest
from annotation.intake.importing import import_files
from annotation.models import Project
from tests import world
from tests.exports.dataset import built, give_feedback, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)

CHAT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "And bye?"},
]
WITH_TEXTS = ["preference", "preference_full", "reward", "battles", "helpsteer", "llamafactory", "golden"]
CONFIGS = [*WITH_TEXTS, "preference_text", "kto", "judgments"]
# What another project names otherwise.
OWN = {"meta_pair_id", "meta_request_id", "meta_last_position", "question_id", "judge", "tstamp", "id"}


@pytest.fixture
def project(db):
    made = world.project(scale="strength7")
    for n in range(12):
        outputs = [f"One {n}.\r\n", f"„Zwei“ {n}\u2028 😀", f"Three {n}"]
        prompt = [*CHAT[:-1], {"role": "user", "content": f"Bye {n}?"}] if n % 3 == 0 else None
        log_inference(made, f"r{n}", *outputs, prompt=prompt, metadata={"language": ("en", "fr")[n % 2]})
        for by in ("alice", "bob", "carol")[: 1 + n % 3]:
            vote(made, f"r{n}", n % 2, by=by, strength=1 + n % 3, rationale=f"{by} on {n}")
        vote(made, f"r{n}", ("tie", "both_bad")[n % 2], pair=(0, 2))
    vote(made, "r1", 0, by="dave")
    ids = [f"r2-{n}" for n in range(3)]
    give_feedback(
        made, "r2", "score", by="rm", source="reward_model", scores=dict(zip(ids, (0.5, -0.25, 0.0), strict=True))
    )
    give_feedback(made, "r5", "edit", by="erin", output="r5-0", edited="One, as erin has it")
    give_feedback(made, "r4", "ranking", by="critic", source="ai_critic", ranking=[["r4-2"], ["r4-0", "r4-1"]])
    for n in range(4):
        give_feedback(made, f"r{n}", "rating", by="erin", output=f"r{n}-0", value=(1, -1, 0.5, -0.5)[n])
    return made


def imported(*paths: Path, slug: str = "again") -> Project:
    project, told = world.project(slug), []
    totals = import_files(project, list(map(str, paths)), rule="none", actor="test",
                          tell=lambda step: told.extend(step.problems))  # fmt: skip
    assert (totals.refused, told) == (0, [])
    return project


def plain(row):
    """A row without what is a project's own, so that it can be counted."""
    return repr({name: value for name, value in sorted(row.items()) if name not in OWN})


def told(snapshot, config):
    return Counter(map(plain, rows(snapshot, config)))


@pytest.mark.parametrize("config", WITH_TEXTS)
def test_the_rows_of_a_config_come_out_again(project, config):
    first = built(project, formats=[config])
    again = built(imported(*(first.path / config).glob("*.parquet")), formats=[config])
    assert sum(told(first, config).values()) > 0
    assert told(again, config) == told(first, config)


def test_rows_of_single_votes_give_each_vote_once(project):
    first = built(project, formats=["battles", "judgments"], consensus="each")
    again = imported(*(first.path / "battles").glob("*.parquet"))
    assert again.judgments.count() == len(
        [row for row in rows(first, "judgments") if row["kind"] not in {"rating", "edit"}]
    )
    assert told(built(again, formats=["battles"], consensus="each"), "battles") == told(first, "battles")


def test_json_lines_are_read_as_well(project):
    first = built(project, formats=["battles"], file_format="jsonl.zst")
    again = imported(*(first.path / "battles").glob("*.zst"))
    assert told(built(again, formats=["battles"]), "battles") == told(built(project, formats=["battles"]), "battles")


def test_single_turns_and_ratings_come_out_again(project):
    first = built(project, formats=["preference_text"])
    again = built(imported(*(first.path / "preference_text").glob("*.parquet")), formats=["preference_text"])
    assert told(again, "preference_text") == told(first, "preference_text")


def test_a_whole_snapshot_comes_back_with_its_judgments(project):
    recipe = {"formats": CONFIGS, "sources": ["human", "reward_model", "ai_critic"]}
    first = built(project, **recipe)
    again = built(imported(first.path), **recipe)
    for config in (*WITH_TEXTS, "preference_text", "kto"):
        assert told(again, config) == told(first, config), config
    mine, theirs = rows(first, "judgments"), rows(again, "judgments")
    assert Counter(row["kind"] for row in mine) == Counter(row["kind"] for row in theirs)
    assert "edit" in {row["kind"] for row in mine}
    # The edited output is made anew, and so has another id.
    mine, theirs = ([row for row in rows if row["kind"] != "edit"] for rows in (mine, theirs))
    for name in ("kind", "request_id", "source_id", "source_type", "outcome", "chosen", "rejected", "strength", "value",
                 "rationale", "presented", "prompt_digest", "judged_at", "scores"):  # fmt: skip
        assert Counter(repr(row[name]) for row in mine) == Counter(repr(row[name]) for row in theirs), name
    assert Counter(repr(sorted(row["output_digests"])) for row in mine) == Counter(
        repr(sorted(row["output_digests"])) for row in theirs
    )


def test_the_digests_are_those_of_the_first_project(project):
    first = built(project, formats=["preference", "judgments"])
    again = imported(*(first.path / "preference").glob("*.parquet"))
    logged = {row["prompt_digest"] for row in rows(first, "judgments")}
    made = set(again.prompts.values_list("digest", flat=True))
    assert made == {prompt_digest(row["prompt"]) for row in rows(first, "preference")} <= logged
    outputs = {digest for row in rows(first, "judgments") for digest in row["output_digests"]}
    assert {output_digest(row["chosen"]) for row in rows(first, "preference")} <= outputs


def test_importing_a_snapshot_again_makes_nothing(project):
    first = built(project, formats=CONFIGS)
    again = imported(first.path)
    totals = import_files(again, [str(first.path)], rule="none", actor="test", tell=lambda _: None)
    assert (totals.prompts, totals.judgments, totals.refused) == (0, 0, 0)


def test_a_text_that_the_snapshot_does_not_hold_is_told(project):
    first = built(project, formats=["judgments"])
    found = []
    totals = import_files(world.project("again"), [str(first.path)], actor="test",
                          tell=lambda step: found.extend(step.problems))  # fmt: skip
    assert (totals.prompts, totals.refused) == (0, 12)
    assert "stands in no config" in found[0][1].detail
