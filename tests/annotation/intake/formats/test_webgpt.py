"""WebGPT comparisons: two answers with scores that add up to nothing."""

from __future__ import annotations

import pytest

from annotation.intake.formats.webgpt import WEBGPT
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

RECORD = {
    "question": {"dataset": "eli5", "id": "q1", "full_text": "Why is the sky blue?"},
    "quotes_0": {"title": ["Sky"], "extract": ["Light scatters."]}, "answer_0": "It scatters [1].",
    "tokens_0": {"prefix": [1, 2], "completion": [3]}, "score_0": -0.5,
    "quotes_1": {"title": [], "extract": []}, "answer_1": "Because.", "tokens_1": {}, "score_1": 0.5,
}  # fmt: skip


def test_the_higher_score_wins_and_both_are_kept():
    pair = convert_pair(WEBGPT, RECORD)
    (vote,) = pair.line["feedback"]
    assert (pair.chosen, pair.rejected) == ("Because.", "It scatters [1].")
    assert vote["scores"] == {vote["chosen"]: 0.5, vote["rejected"]: -0.5}
    assert pair.line["prompt"] == "Why is the sky blue?"
    assert pair.line["metadata"] == {"question": {"dataset": "eli5", "id": "q1"}}
    quoted = next(output for output in pair.line["outputs"] if output["content"] == "It scatters [1].")
    assert quoted["metadata"] == {"quotes": RECORD["quotes_0"]}


def test_no_difference_is_a_tie_and_a_question_may_be_a_text():
    line = convert(WEBGPT, RECORD | {"score_0": 0.0, "score_1": 0, "question": "Why?"})
    assert (line["prompt"], line["feedback"][0]["outcome"]) == ("Why?", "tie")


@pytest.mark.parametrize(
    ("change", "where"),
    [({"score_1": None}, "/score_1"), ({"answer_0": None}, "/answer_0"), ({"question": {"id": 1}}, "/full_text")],
)
def test_what_is_wrong_is_told_with_its_field(change, where):
    assert refusal(WEBGPT, RECORD | change)[0] == where
