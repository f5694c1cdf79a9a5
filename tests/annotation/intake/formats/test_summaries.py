"""summarize-from-feedback: comparisons of two summaries, and single ones rated on axes."""

from __future__ import annotations

import pytest

from annotation.intake.formats.summaries import SUMMARIES
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

INFO = {"id": "t3_1", "post": "I lost my keys.", "title": "Keys", "subreddit": "advice", "site": None, "article": None}
RECORD = {
    "info": INFO, "split": "train", "choice": 1, "worker": "w9", "batch": "batch3",
    "summaries": [{"text": " Lost.", "policy": "sup1", "note": ""},
                  {"text": " Keys lost.", "policy": "ref", "note": "n"}],
    "extra": {"confidence": 8},
}  # fmt: skip
AXES = {"overall": 7, "accuracy": 6, "coverage": 5, "coherence": 7}
RATED = {
    "info": {"id": "c1", "article": "News.", "post": None}, "split": "test", "worker": "w1", "batch": "b",
    "summary": {"text": "Short news.", "policy": "sup2", "axes": AXES},
}  # fmt: skip


def test_the_choice_of_a_worker_is_a_vote():
    pair = convert_pair(SUMMARIES, RECORD)
    (vote,) = pair.line["feedback"]
    assert (pair.chosen, pair.rejected) == (" Keys lost.", " Lost.")
    assert vote["source"] == {"type": "human", "id": "w9"}
    assert vote["metadata"] == {"confidence": 8}
    assert pair.line["prompt"] == "SUBREDDIT: r/advice\n\nTITLE: Keys\n\nPOST: I lost my keys.\n\nTL;DR:"
    assert pair.line["metadata"] == {"info": {"id": "t3_1"}, "split": "train", "batch": "batch3"}
    assert {output["model"]["name"] for output in pair.line["outputs"]} == {"sup1", "ref"}


def test_the_overall_axis_is_a_rating():
    line = convert(SUMMARIES, RATED)
    (rating,) = line["feedback"]
    assert (rating["kind"], rating["value"], rating["metadata"]["axes"]) == ("rating", 1.0, AXES)
    assert line["prompt"] == "Article: News.\n\nTL;DR:"


def test_a_summary_that_was_not_rated_is_kept():
    unrated = RATED | {"summary": {"text": "x", "axes": {"overall": None}}}
    assert convert(SUMMARIES, unrated)["feedback"] == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"choice": 2}, "/choice"),
        ({"choice": True}, "/choice"),
        ({"info": None}, "/info"),
        ({"info": {"post": 1}}, "/post"),
        ({"summaries": []}, "/summaries"),
        ({"summaries": [{"text": "x"}, {}]}, "/summaries/1/text"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(change, where):
    assert refusal(SUMMARIES, RECORD | change)[0] == where
