"""HelpSteer3 preferences: scores from -3 to 3, overall or by annotator."""

from __future__ import annotations

import pytest

from annotation.intake.formats.helpsteer import HELPSTEER
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

CONTEXT = [{"role": "user", "content": "What?"}]
RECORD = {"domain": "stem", "context": CONTEXT, "response1": "One.", "response2": "Two.", "overall_preference": -2}


@pytest.mark.parametrize(
    ("score", "chosen", "strength"), [(-3, "One.", 3), (-1, "One.", 1), (1, "Two.", 1), (2.0, "Two.", 2)]
)
def test_the_sign_tells_the_winner_and_the_size_how_much(score, chosen, strength):
    pair = convert_pair(HELPSTEER, RECORD | {"overall_preference": score})
    assert pair.chosen == chosen
    assert pair.line["feedback"][0]["strength"] == strength
    assert pair.line["prompt"] == CONTEXT
    assert pair.line["metadata"] == {"domain": "stem"}


def test_zero_is_a_tie():
    vote = convert(HELPSTEER, RECORD | {"overall_preference": 0})["feedback"][0]
    assert vote["outcome"] == "tie"
    assert "strength" not in vote


def test_each_annotator_has_a_vote():
    single = [
        {"score": -1, "reasoning": "Shorter.", "feedback1": "Good", "feedback2": ""},
        {"score": -1, "reasoning": None},
        {"score": 0},
    ]
    line = convert(HELPSTEER, RECORD | {"individual_preference": single})
    votes = line["feedback"]
    assert [vote["source"]["id"] for vote in votes] == [f"imported:helpsteer:{place}" for place in (1, 2, 3)]
    assert [vote["outcome"] for vote in votes] == ["chosen", "chosen", "tie"]
    assert votes[0]["rationale"] == "Shorter."
    assert votes[0]["metadata"] == {"feedback1": "Good", "feedback2": ""}
    assert "rationale" not in votes[1]
    assert line["metadata"] == {"domain": "stem", "overall_preference": -2}


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ({"overall_preference": 4}, "/overall_preference", "from -3 to 3"),
        ({"overall_preference": 0.5}, "/overall_preference", "from -3 to 3"),
        ({"overall_preference": True}, "/overall_preference", "from -3 to 3"),
        ({"overall_preference": None}, "/overall_preference", "from -3 to 3"),
        ({"overall_preference": [1]}, "/overall_preference", "from -3 to 3"),
        ({"context": None}, "/context", "is missing"),
        ({"response1": 5}, "/response1", "must be a string"),
        ({"individual_preference": "[]"}, "/individual_preference", "must be a list"),
        ({"individual_preference": [{}]}, "/individual_preference/0/score", "from -3 to 3"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(change, where, why):
    pointer, detail = refusal(HELPSTEER, RECORD | change)
    assert pointer == where
    assert why in detail
