"""HelpSteer2: preferences by several annotators, and rated responses."""

from __future__ import annotations

import pytest

from annotation.intake.formats.helpsteer2 import HELPSTEER2
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

PAIR = {
    "split": "train", "prompt": "What?", "response_1": "One.", "response_2": "Two.", "preference_strength": 2,
    "preference_statement": "@Response 2 is better.", "preference_elaboration": "It is right.",
}  # fmt: skip
RATED = {
    "prompt": "What?", "response": "One.", "helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 1,
    "verbosity": 1,
}  # fmt: skip


def test_a_positive_strength_prefers_the_second():
    pair = convert_pair(HELPSTEER2, PAIR)
    (vote,) = pair.line["feedback"]
    assert (pair.chosen, vote["strength"], vote["rationale"]) == ("Two.", 2, "It is right.")
    assert convert_pair(HELPSTEER2, PAIR | {"preference_strength": -1}).chosen == "One."


def test_each_annotator_has_a_vote():
    single = [{"strength": -3, "justification": "Wrong."}, {"strength": 1, "justification": "Short."}, {"strength": 0}]
    votes = convert(HELPSTEER2, PAIR | {"all_preferences_unprocessed": single})["feedback"]
    assert [vote["source"]["id"] for vote in votes] == [f"imported:helpsteer2:{place}" for place in (1, 2, 3)]
    assert [(vote["outcome"], vote.get("strength")) for vote in votes] == [("chosen", 3), ("chosen", 1), ("tie", None)]


@pytest.mark.parametrize(("helpfulness", "value"), [(0, -1.0), (2, 0.0), (3, 0.5), ("4", 1.0)])
def test_a_rated_response_is_a_rating(helpfulness, value):
    line = convert(HELPSTEER2, RATED | {"helpfulness": helpfulness})
    (rating,) = line["feedback"]
    assert (rating["kind"], rating["value"]) == ("rating", value)
    assert rating["metadata"]["verbosity"] == 1


@pytest.mark.parametrize(
    ("record", "where"),
    [
        (PAIR | {"preference_strength": 4}, "/preference_strength"),
        (PAIR | {"response_2": None}, "/response_2"),
        (PAIR | {"all_preferences_unprocessed": [{"strength": "x"}]}, "/all_preferences_unprocessed/0/strength"),
        (RATED | {"helpfulness": "good"}, "/helpfulness"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(record, where):
    assert refusal(HELPSTEER2, record)[0] == where
