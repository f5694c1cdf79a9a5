"""Feedback → verdicts: one for a preference, one for each pair of scores or of a ranking."""

from __future__ import annotations

import pytest

from annotation.intake.schemas import RefusedError, parse_feedback
from annotation.intake.verdicts import Logged, verdicts_of
from annotation.judging import Output
from tests.annotation.intake.records import NOW, preference, ranking, score, tie

A, B, C = (Output(pk, f"r1-{letter}") for pk, letter in enumerate("abc"))
LOGGED = {output.output_id: Logged(output, str(output.pk) * 64) for output in (A, B, C)}


def judge(record):
    return verdicts_of(parse_feedback(record, now=NOW), LOGGED)


def refusals(record):
    with pytest.raises(RefusedError) as caught:
        judge(record)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


def told(verdicts):
    """Each verdict as winner and loser, or the pair that tied."""
    return [
        (verdict.chosen.output_id, verdict.rejected.output_id)
        if verdict.chosen
        else {output.output_id for output in verdict.pair}
        for verdict in verdicts
    ]


def test_a_preference_is_one_verdict():
    verdict = judge(preference(presented=["r1-b", "r1-a"], strength=3, confidence=0.5, scores={"r1-a": 1}))[0]
    assert (verdict.outcome, verdict.chosen, verdict.rejected) == ("chosen", A, B)
    assert verdict.presented == (B, A)
    assert (verdict.strength, verdict.confidence, verdict.scores) == (3, 0.5, {"r1-a": 1})


def test_without_presented_the_sides_are_unknown():
    assert judge(preference())[0].presented is None


@pytest.mark.parametrize("outcome", ["tie", "both_bad"])
def test_a_tie_has_a_pair_and_no_winner(outcome):
    verdict = judge(tie(outcome=outcome))[0]
    assert (verdict.outcome, verdict.chosen, verdict.rejected) == (outcome, None, None)
    assert verdict.pair == verdict.presented == (A, B)


def test_criteria_are_kept():
    criteria = {"tone": {"outcome": "chosen", "chosen": "r1-b"}, "truth": {"outcome": "both_bad"}}
    assert judge(preference(criteria=criteria))[0].criteria == criteria


def test_scores_compare_each_pair():
    verdicts = judge(score(scores={"r1-a": -1, "r1-b": 2.5, "r1-c": 2.5}))
    assert told(verdicts) == [("r1-b", "r1-a"), ("r1-c", "r1-a"), {"r1-b", "r1-c"}]
    assert [verdict.outcome for verdict in verdicts] == ["chosen", "chosen", "tie"]
    assert [verdict.scores for verdict in verdicts] == [
        {"r1-a": -1, "r1-b": 2.5},
        {"r1-a": -1, "r1-c": 2.5},
        {"r1-b": 2.5, "r1-c": 2.5},
    ]


def test_a_ranking_compares_each_pair_and_keeps_ties():
    verdicts = judge(ranking(ranking=[["r1-c"], ["r1-a", "r1-b"]]))
    assert told(verdicts) == [("r1-c", "r1-a"), ("r1-c", "r1-b"), {"r1-a", "r1-b"}]
    assert all(verdict.scores is None for verdict in verdicts)


def test_sides_of_a_ranking_follow_from_the_order_of_presentation():
    verdicts = judge(ranking(ranking=[["r1-a"], ["r1-b"], ["r1-c"]], presented=["r1-c", "r1-a", "r1-b"]))
    assert [verdict.presented for verdict in verdicts] == [(A, B), (C, A), (C, B)]


def test_foreign_outputs_are_refused_wherever_they_are_named():
    record = preference(
        chosen="r2-a", presented=["r2-a", "r1-b"], digests={"r2-a": "0" * 64}, scores={"r1-a": 1, "r2-a": 0}
    )
    assert refusals(record) == dict.fromkeys(
        ["/chosen", "/presented/0", "/digests/r2-a", "/scores/r2-a"], "is not an output of this request"
    )
    assert set(refusals(score(scores={"r1-a": 1, "x/y": 0}))) == {"/scores/x~1y"}
    assert set(refusals(ranking(ranking=[["r1-a"], ["r1-b", "other"]]))) == {"/ranking/1/1"}
    assert set(refusals(tie(presented=["r1-a", "other"]))) == {"/presented/1"}


def test_digests_must_be_those_of_the_logged_outputs():
    assert judge(preference(digests={"r1-a": "0" * 64, "r1-c": "2" * 64}))
    assert refusals(preference(digests={"r1-a": "0" * 64, "r1-b": "2" * 64})) == {
        "/digests/r1-b": "is not the digest of the logged output"
    }
