"""UltraFeedback: raw with ratings by aspect, and binarized."""

from __future__ import annotations

import pytest

from annotation.intake.formats.ultrafeedback import ULTRAFEEDBACK
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal


def completion(model, response, *ratings, **more):
    aspects = ("instruction_following", "honesty", "truthfulness", "helpfulness")
    annotations = {
        aspect: {"Rating": rating, "Rationale": "…"} for aspect, rating in zip(aspects, ratings, strict=False)
    }
    return {"model": model, "principle": "helpfulness", "response": response, "annotations": annotations, **more}


RAW = {
    "source": "evol_instruct",
    "instruction": "Write a haiku.",
    "models": ["alpaca-7b", "gpt-4", "wizardlm-7b", "bard"],
    "completions": [
        completion("alpaca-7b", "One.", "2", "N/A", "3", "1"),
        completion("gpt-4", "Two.", "5", "5", "5", "5"),
        completion("wizardlm-7b", "Three.", "5", "5", "5", "5"),
        completion("bard", "Four.", overall_score=7.5),
    ],
}
CHOSEN = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho."}]
REJECTED = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "No."}]
BINARIZED = {
    "prompt": "Hi", "prompt_id": "a1", "chosen": CHOSEN, "rejected": REJECTED, "messages": CHOSEN,
    "score_chosen": 8.5, "score_rejected": 6.0,
}  # fmt: skip


def test_the_mean_of_the_ratings_is_the_score():
    line = convert(ULTRAFEEDBACK, RAW)
    (said,) = line["feedback"]
    of = {output["content"]: output for output in line["outputs"]}
    scores = {text: said["scores"][output["output_id"]] for text, output in of.items()}
    assert scores == {"One.": 2.0, "Two.": 5.0, "Three.": 5.0, "Four.": 7.5}
    assert (said["kind"], said["source"]) == ("score", {"type": "ai_critic", "id": "imported:ultrafeedback"})
    assert of["Two."]["model"] == {"name": "gpt-4"}
    assert of["Two."]["metadata"]["annotations"]["honesty"] == {"Rating": "5", "Rationale": "…"}
    assert (line["prompt"], line["metadata"]) == ("Write a haiku.", {"source": "evol_instruct"})


def test_outputs_without_ratings_have_no_vote():
    bare = RAW | {"completions": [{"model": "x", "response": "One."}, {"model": "y", "response": "Two."}]}
    line = convert(ULTRAFEEDBACK, bare)
    assert (len(line["outputs"]), line["feedback"]) == (2, [])


def test_a_binarized_pair_keeps_its_scores():
    pair = convert_pair(ULTRAFEEDBACK, BINARIZED)
    assert (pair.line["prompt"], pair.chosen, pair.rejected) == ("Hi", [CHOSEN[1]], [REJECTED[1]])
    (vote,) = pair.line["feedback"]
    assert vote["scores"] == {vote["chosen"]: 8.5, vote["rejected"]: 6.0}
    assert pair.line["metadata"] == {"prompt_id": "a1"}


@pytest.mark.parametrize(
    ("record", "where", "why"),
    [
        (RAW | {"completions": []}, "/completions", "must have some elements"),
        (RAW | {"completions": [{"model": "x"}]}, "/completions/0/response", "must be a string"),
        (RAW | {"instruction": 5}, "/instruction", "must be a string"),
        (BINARIZED | {"score_chosen": "high"}, "/score_chosen", "must be a number"),
        (BINARIZED | {"prompt": "Other"}, "/prompt", "is not how chosen and rejected begin"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(record, where, why):
    told = refusal(ULTRAFEEDBACK, record)
    assert told[0] == where
    assert why in told[1]
