"""What formats share: detection, ids that follow from the content, an order that does not tell the winner."""

from __future__ import annotations

import copy
import uuid

import pytest

from annotation.intake.formats import FORMATS, detect
from annotation.intake.formats.trl import TRL
from tests.annotation.intake.formats.convert import NAMESPACE, convert, convert_pair

RECORD = {"prompt": "What is a seal?", "chosen": "An animal.", "rejected": "A stamp.", "topic": "words"}
HH = "\n\nHuman: Hi\n\nAssistant: Ho"


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("native", {"request_id": "r1", "prompt": "x", "outputs": [], "chosen": 1, "rejected": 2}),
        ("trl", RECORD),
        ("trl", {"chosen": [], "rejected": []}),
        ("trl", {"prompt": "x", "chosen": HH, "rejected": HH}),
        ("hh", {"chosen": HH, "rejected": HH}),
        ("hh", {"prompt": None, "chosen": HH, "rejected": HH}),
        ("arena", {"question_id": 1, "model_a": "x", "model_b": "y", "winner": "tie"}),
        ("helpsteer", {"context": [], "response1": "", "response2": "", "overall_preference": 1}),
        ("alpaca", {"instruction": "", "input": "", "chosen": "", "rejected": ""}),
        ("prefapp", {"prompt": [], "chosen": [], "rejected": [], "meta_pair_id": "", "meta_votes_chosen": 1}),
        ("prefapp", {"model_a": "x", "model_b": "y", "meta_pair_id": "", "meta_votes_chosen": 1}),
        ("helpsteer2", {"prompt": "", "response_1": "", "response_2": "", "preference_strength": 1}),
        ("helpsteer2", {"prompt": "", "response": "", "helpfulness": 1}),
        ("ultrafeedback", {"instruction": "", "completions": []}),
        ("ultrafeedback", {"prompt": "", "chosen": [], "rejected": [], "score_chosen": 1, "score_rejected": 0}),
        ("webgpt", {"question": {}, "answer_0": "", "answer_1": ""}),
        ("summaries", {"info": {}, "summaries": [], "choice": 0}),
        ("summaries", {"info": {}, "summary": {}}),
        ("argilla", {"fields": {}, "responses": {}}),
        ("argilla", {"prompt": "", "preference.responses": []}),
        ("label_studio", {"data": {}, "annotations": []}),
        ("label_studio", {"prompt": "", "pw": "left", "annotation_id": 1}),
    ],
)
def test_formats_are_known_by_their_fields(name, record):
    assert detect(record) is FORMATS[name]


@pytest.mark.parametrize("record", [{}, {"text": "x"}, {"chosen": "x"}, [], "x", None])
def test_what_no_format_has_is_not_guessed(record):
    assert detect(record) is None


def test_the_same_record_has_the_same_ids_in_one_project_and_others_in_another():
    assert convert(TRL, RECORD) == convert(TRL, copy.deepcopy(RECORD))
    other = TRL.convert(RECORD, uuid.UUID(int=7))
    mine = convert(TRL, RECORD)
    assert other["request_id"] != mine["request_id"]
    assert {output["output_id"] for output in other["outputs"]}.isdisjoint(
        output["output_id"] for output in mine["outputs"]
    )
    assert uuid.UUID(int=7) != NAMESPACE


@pytest.mark.parametrize("change", [{"prompt": "other"}, {"chosen": "other"}, {"topic": "other"}, {"more": 1}], ids=str)
def test_another_record_has_other_ids(change):
    assert convert(TRL, RECORD | change)["request_id"] != convert(TRL, RECORD)["request_id"]


def test_two_votes_on_one_pair_are_two_votes_on_the_same_inference():
    mine = convert_pair(TRL, RECORD)
    against = convert_pair(TRL, RECORD | {"chosen": "A stamp.", "rejected": "An animal."})
    inference = {name: value for name, value in mine.line.items() if name != "feedback"}
    assert {name: value for name, value in against.line.items() if name != "feedback"} == inference
    assert mine.line["feedback"][0]["feedback_id"] != against.line["feedback"][0]["feedback_id"]
    assert (mine.chosen, against.chosen) == ("An animal.", "A stamp.")


def test_the_order_of_the_outputs_does_not_tell_the_winner():
    first = 0
    for number in range(200):
        line = convert(TRL, RECORD | {"prompt": f"Question {number}"})
        first += line["outputs"][0]["output_id"] == line["feedback"][0]["chosen"]
    assert 70 < first < 130


def test_identical_outputs_have_ids_of_their_own():
    pair = convert_pair(TRL, RECORD | {"rejected": "An animal."})
    assert pair.chosen == pair.rejected == "An animal."
    assert len({output["output_id"] for output in pair.line["outputs"]}) == 2
