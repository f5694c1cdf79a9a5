"""Sampling: a lottery by hash, so that limits hold exactly and the same pairs win again."""

from __future__ import annotations

from collections import Counter

import pytest

from tests import world
from tests.exports.dataset import built, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db):
    project = world.project()
    for number in range(12):
        log_inference(project, f"r{number}", "One.", "Two.", "Three.", prompt=f"Prompt {number // 2}?")
        for n, pair in enumerate([(0, 1), (1, 2), (0, 2)]):
            vote(project, f"r{number}", "tie" if n == 2 else pair[0], pair=pair)
    return project


def drawn(project, **sample):
    snapshot = built(project, sample=sample, formats=["battles", "preference", "judgments"])
    assert len(rows(snapshot, "judgments")) == 36  # the audit table is never sampled
    return rows(snapshot, "preference"), rows(snapshot, "battles")


def ids(pairs):
    return {pair["meta_pair_id"] for pair in pairs}


def test_each_config_gets_its_whole_limit(project):
    pairs, battles = drawn(project, limit=10)
    assert (len(pairs), len(battles)) == (10, 10)
    assert "tie" in {battle["winner"] for battle in battles}
    assert {b["meta_pair_id"] for b in battles if b["winner"] != "tie"} <= ids(pairs)


def test_a_limit_does_not_depend_on_the_other_formats(project):
    pairs, _ = drawn(project, limit=10)
    alone = built(project, sample={"limit": 10}, formats=["preference"])
    assert ids(rows(alone, "preference")) == ids(pairs)


def test_a_larger_limit_holds_the_smaller(project):
    few, more = (ids(drawn(project, limit=limit)[0]) for limit in (5, 15))
    assert few < more


def test_another_seed_draws_others(project):
    one, other = (ids(drawn(project, limit=10, seed=seed)[0]) for seed in (1, 2))
    assert one != other


def test_per_prompt_counts_pairs_of_equal_prompts(project):
    pairs, battles = drawn(project, per_prompt=2)
    for rows_ in (pairs, battles):
        prompts = [str(row.get("prompt") or row["conversation_a"][:1]) for row in rows_]
        assert {prompts.count(prompt) for prompt in prompts} == {2}
        assert len(set(prompts)) == 6


def test_per_prompt_and_limit_together(project):
    pairs, battles = drawn(project, per_prompt=1, limit=4)
    assert (len(pairs), len(battles)) == (4, 4)
    assert len({str(pair["prompt"]) for pair in pairs}) == 4


def test_per_model_pair(project):
    pairs, battles = drawn(project, per_model_pair=3)
    models = [frozenset((pair["meta_chosen_model"], pair["meta_rejected_model"])) for pair in pairs]
    assert {models.count(two) for two in models} == {3}
    assert len(set(models)) == 2
    assert len(battles) == 9


@pytest.fixture
def votes_of_three(db):
    """Each of thirty pairs is judged by two of three annotators; the longer output wins two times in three."""
    project = world.project()
    for number in range(30):
        longer = number % 3 != 0
        log_inference(project, f"r{number}", "A long answer." if longer else "Short.", "Quite short.")
        for judge in [f"annotator{n}" for n in range(3) if n != number % 3]:
            vote(project, f"r{number}", 0, by=judge)
    return project


@pytest.mark.parametrize("consensus", ["majority", "each"])
def test_nobody_stands_behind_more_pairs_than_per_annotator(votes_of_three, consensus):
    recipe = {"consensus": consensus, "formats": ["battles", "judgments"], "sample": {"per_annotator": 5}}
    snapshot = built(votes_of_three, **recipe)
    battles = rows(snapshot, "battles")
    judged = rows(snapshot, "judgments")
    behind = Counter(
        row["source_id"] for battle in battles for row in judged
        if row["request_id"] == battle["question_id"] and battle["judge"] in (row["source_id"], "majority of 2")
    )  # fmt: skip
    assert max(behind.values()) == 5
    assert set(behind) == {"annotator0", "annotator1", "annotator2"}


def longer_wins(pairs):
    return [len(pair["chosen"][0]["content"]) > len(pair["rejected"][0]["content"]) for pair in pairs]


@pytest.mark.parametrize(("share", "longer"), [(1.0, 20), (0.6, 15), (0.5, 10), (0.25, 3), (0.0, 0)])
def test_the_longer_output_wins_no_more_often_than_it_may(votes_of_three, share, longer):
    recipe = {"formats": ["preference"], "sample": {"longer_wins_at_most": share}}
    won = longer_wins(rows(built(votes_of_three, **recipe), "preference"))
    assert (won.count(True), won.count(False)) == (longer, 10)


def test_an_output_is_as_long_as_its_messages_together(db):
    project = world.project("apart")
    called = {"role": "assistant", "content": "Abc"}, {"role": "tool", "content": "De", "tool_call_id": "1"}
    log_inference(project, "r", "Sixlet", [*called])
    vote(project, "r", 0)
    left = rows(built(project, formats=["preference"], sample={"longer_wins_at_most": 0.0}), "preference")
    assert left == []
    lengths = built(project, formats=["preference"]).manifest["counts"]["measured"]["lengths"]
    assert lengths == {"pairs": 1, "longer_won": 1}


@pytest.mark.parametrize("limit", [1, 2, 5, 9, 14])
def test_the_balance_holds_for_any_limit_and_in_each_split(votes_of_three, limit):
    sample = {"longer_wins_at_most": 0.5, "limit": limit}
    snapshot = built(votes_of_three, formats=["preference"], sample=sample, split={"test": 0.4, "seed": 2})
    for split in ("train", "test"):
        won = longer_wins(rows(snapshot, "preference", split))
        assert won.count(True) <= won.count(False)
    assert len(rows(snapshot, "preference")) == limit
