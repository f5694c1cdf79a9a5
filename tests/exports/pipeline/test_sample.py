"""Sampling: a lottery by hash, so that limits hold exactly and the same pairs win again."""

from __future__ import annotations

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
