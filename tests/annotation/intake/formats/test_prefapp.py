"""Rows of our own snapshots: as many votes as they count, with the strength, scores and sources that they tell."""

from __future__ import annotations

import pytest

from annotation.intake.formats.prefapp import PREFAPP
from tests.annotation.intake.formats.convert import convert, refusal

META = {
    "meta_pair_id": "p1", "meta_request_id": "r1", "meta_source": "human", "meta_votes_chosen": 2,
    "meta_votes_rejected": 1, "meta_votes_tie": 0, "meta_votes_both_bad": 1, "meta_agreement": 0.5,
    "meta_chosen_model": "aurora 1", "meta_rejected_model": "basalt 1", "meta_chosen_score": None,
    "meta_rejected_score": None, "meta_last_position": 9,
}  # fmt: skip
ASKED = [{"role": "user", "content": "What?"}]
GOOD, BAD = ([{"role": "assistant", "content": text}] for text in ("Good.", "Bad."))
ROW = {"prompt": ASKED, "chosen": GOOD, "rejected": BAD, **META}


def votes_of(line):
    """What each vote says, by the texts."""
    texts = texts_of(line)
    return sorted(texts[one["chosen"]] if one["outcome"] == "chosen" else one["outcome"] for one in line["feedback"])


def texts_of(line):
    return {output["output_id"]: output["content"][0]["content"] for output in line["outputs"]}


def test_as_many_votes_as_were_counted():
    line = convert(PREFAPP, ROW)
    assert votes_of(line) == ["Bad.", "Good.", "Good.", "both_bad"]
    assert len({vote["source"]["id"] for vote in line["feedback"]}) == 4
    assert {output["model"]["name"] for output in line["outputs"]} == {"aurora 1", "basalt 1"}
    assert (line["prompt"], line["metadata"]) == (ASKED, {"request_id": "r1"})


def test_the_same_votes_from_either_side_are_the_same():
    other = {"chosen": BAD, "rejected": GOOD, "meta_votes_chosen": 1, "meta_votes_rejected": 2,
             "meta_chosen_model": "basalt 1", "meta_rejected_model": "aurora 1"}  # fmt: skip
    assert convert(PREFAPP, ROW) == convert(PREFAPP, ROW | other)


@pytest.mark.parametrize(("margin", "strengths"), [(1.0, [3, 3]), (0.5, [1, 2]), (1 / 3, [0, 0]), (5 / 6, [2, 3])])
def test_the_mean_strength_is_that_of_the_margin(margin, strengths):
    line = convert(PREFAPP, ROW | {"margin": margin, "meta_votes_rejected": 0, "meta_votes_both_bad": 0})
    told = [vote.get("strength") for vote in line["feedback"]]
    assert sorted(one or 0 for one in told) == strengths


def test_scores_stay_with_their_outputs():
    line = convert(PREFAPP, ROW | {"margin": 0.75, "meta_chosen_score": 0.5, "meta_rejected_score": -0.25})
    texts = texts_of(line)
    for vote in line["feedback"]:
        assert {texts[one]: score for one, score in vote["scores"].items()} == {"Good.": 0.5, "Bad.": -0.25}
        assert "strength" not in vote


def test_a_battle_of_one_vote_names_its_judge():
    row = {"model_a": "aurora 1", "model_b": "basalt 1", "winner": "model_b", "judge": "alice",
           "conversation_a": [*ASKED, *BAD], "conversation_b": [*ASKED, *GOOD], "language": "fr",
           **META, "meta_votes_chosen": 1, "meta_votes_rejected": 0, "meta_votes_both_bad": 0,
           "meta_source": "ai_critic"}  # fmt: skip
    line = convert(PREFAPP, row)
    (vote,) = line["feedback"]
    assert vote["source"] == {"type": "ai_critic", "id": "alice"}
    models = {output["content"]: output["model"]["name"] for output in line["outputs"]}
    assert models == {"Good.": "aurora 1", "Bad.": "basalt 1"}
    assert line["metadata"]["language"] == "fr"


def test_a_rating_is_one_and_half_a_pair_is_none():
    row = {"prompt": ASKED, "completion": GOOD, "label": True, **META}
    row |= {"meta_origin": "rating", "meta_chosen_score": 0.5}
    (rating,) = convert(PREFAPP, row)["feedback"]
    assert (rating["kind"], rating["value"]) == ("rating", 0.5)
    where, why = refusal(PREFAPP, row | {"meta_origin": "pair"})
    assert (where, "one side of a pair" in why) == ("/meta_origin", True)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"meta_votes_chosen": -1}, "/meta_votes_chosen"),
        ({"meta_votes_tie": "many"}, "/meta_votes_tie"),
        ({"meta_votes_tie": 10**9}, "/meta_votes_tie"),
        ({"chosen": None}, "/chosen"),
        ({"conversations": [{"from": "bot", "value": "x"}]}, "/conversations/0"),
        ({"context": ASKED, "response1": "x", "response2": "y", "overall_preference": "2"}, "/overall_preference"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(change, where):
    assert refusal(PREFAPP, ROW | change)[0] == where
