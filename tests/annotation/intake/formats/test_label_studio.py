"""Label Studio: tasks of a Pairwise tag, in JSON, JSON-MIN and CSV."""

from __future__ import annotations

import pytest

from annotation.intake.formats.label_studio import LABEL_STUDIO
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal


def annotation(side, by=3, **more):
    result = {"from_name": "comparison", "to_name": "answer1,answer2", "type": "pairwise", "value": {"selected": side}}
    return {"id": 7, "completed_by": by, "created_at": "2026-05-01T10:00:00.000000Z", "lead_time": 5.25,
            "result": [result], "was_cancelled": False, **more}  # fmt: skip


DATA = {"prompt": "What?", "answer1": "One.", "answer2": "Two.", "topic": "words"}
TASK = {"id": 1, "data": DATA, "annotations": [annotation("right")], "predictions": [], "project": 2}
MIN = {**DATA, "id": 1, "comparison": {"selected": "left"}, "annotator": 3, "annotation_id": 7,
       "created_at": "2026-05-01T10:00:00Z", "updated_at": "2026-05-01T10:00:00Z", "lead_time": 5.25}  # fmt: skip


def test_an_annotation_is_a_vote_by_its_side():
    pair = convert_pair(LABEL_STUDIO, TASK)
    (vote,) = pair.line["feedback"]
    assert (pair.chosen, pair.rejected) == ("Two.", "One.")
    assert vote["presented"] == [vote["rejected"], vote["chosen"]]
    assert (vote["source"]["id"], vote["duration_ms"]) == ("label_studio:3", 5250)
    assert (pair.line["prompt"], pair.line["metadata"]) == ("What?", {"topic": "words"})


def test_every_annotation_counts_save_those_that_were_cancelled():
    other = annotation("right", {"id": 4, "email": "a@b.example"})
    more = [annotation("left"), other, annotation("left", was_cancelled=True), annotation("left", result=[])]
    votes = convert(LABEL_STUDIO, TASK | {"annotations": more})["feedback"]
    assert [vote["source"]["id"] for vote in votes] == ["label_studio:3", "label_studio:a@b.example"]


@pytest.mark.parametrize("selected", [[{"selected": "left"}], {"selected": "left"}, "left"])
def test_json_min(selected):
    pair = convert_pair(LABEL_STUDIO, MIN | {"comparison": selected})
    assert (pair.chosen, pair.line["metadata"]) == ("One.", {"topic": "words"})


def test_csv():
    row = {name: str(value) for name, value in MIN.items()} | {"comparison": '[{"selected": "right"}]'}
    pair = convert_pair(LABEL_STUDIO, row)
    assert (pair.chosen, pair.line["metadata"]) == ("Two.", {"topic": "words"})
    assert (pair.line["feedback"][0]["source"]["id"], pair.line["feedback"][0]["duration_ms"]) == (
        "label_studio:3", 5250,
    )  # fmt: skip


@pytest.mark.parametrize("text", ["[" * 9_000, "[NaN]", "[1"])
def test_a_text_that_only_begins_like_a_list_is_a_text(text):
    pair = convert_pair(LABEL_STUDIO, MIN | {"answer2": text, "topic": text})
    assert (pair.rejected, pair.line["metadata"]) == (text, {"topic": text})


@pytest.mark.parametrize("seconds", ["nan", "1e999", "soon"])
def test_a_lead_time_that_is_no_number_is_refused(seconds):
    assert refusal(LABEL_STUDIO, MIN | {"lead_time": seconds})[0] == "/lead_time"


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"data": {"prompt": "x", "text": "y"}}, "/data"),
        ({"data": {"answer1": "x", "answer2": "y"}}, "/data"),
        ({"annotations": [1]}, "/annotations/0"),
        ({"annotations": [annotation("middle")]}, "/annotations/0/result"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(change, where):
    assert refusal(LABEL_STUDIO, TASK | change)[0] == where
