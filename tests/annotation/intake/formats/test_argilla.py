"""Argilla: rankings, labels and ratings, as objects and as flat columns."""

from __future__ import annotations

import pytest

from annotation.intake.formats import detect
from annotation.intake.formats.argilla import ARGILLA
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

FIELDS = {"prompt": "What?", "response1": "One.", "response2": "Two."}
RECORD = {
    "id": "a1", "fields": FIELDS, "metadata": {"topic": "words"}, "suggestions": {}, "status": "completed",
    "responses": {"preference": [{"value": "response2", "user_id": "u1"}]},
}  # fmt: skip


def test_a_label_that_names_an_output_is_a_vote():
    pair = convert_pair(ARGILLA, RECORD)
    assert (pair.chosen, pair.rejected) == ("Two.", "One.")
    assert pair.line["feedback"][0]["source"] == {"type": "human", "id": "argilla:u1"}
    assert (pair.line["prompt"], pair.line["metadata"]) == ("What?", {"topic": "words"})


def test_tie_is_one_and_another_label_is_no_vote():
    answers = [{"value": "tie", "user_id": "u1"}, {"value": "unsure", "user_id": "u2"},
               {"value": "response1", "user_id": "u3", "status": "draft"}]  # fmt: skip
    line = convert(ARGILLA, RECORD | {"responses": {"preference": answers}})
    assert [vote["outcome"] for vote in line["feedback"]] == ["tie"]


@pytest.mark.parametrize(
    "value",
    [[{"value": "response2", "rank": 1}, {"value": "response1", "rank": 2}], ["response2", "response1"]],
    ids=["ranks", "in order"],
)
def test_a_ranking(value):
    line = convert(ARGILLA, RECORD | {"responses": {"preference": [{"value": value, "user_id": "u1"}]}})
    contents = {output["output_id"]: output["content"] for output in line["outputs"]}
    (said,) = line["feedback"]
    assert [[contents[one] for one in place] for place in said["ranking"]] == [["Two."], ["One."]]


def test_equal_ranks_are_one_place():
    value = [{"value": "response2", "rank": 1}, {"value": "response1", "rank": 1}]
    line = convert(ARGILLA, RECORD | {"responses": {"preference": [{"value": value, "user_id": "u1"}]}})
    assert len(line["feedback"][0]["ranking"]) == 1


def test_ratings_of_each_output_are_a_ranking():
    fields = {"instruction": "What?", "generation-0": "One.", "generation-1": "Two.", "generation-2": "Three."}
    ratings = {f"generation-{n}-rating": [{"value": value, "user_id": "u1"}] for n, value in enumerate((4, 5, 4))}
    line = convert(ARGILLA, {"fields": fields, "responses": ratings})
    contents = {output["output_id"]: output["content"] for output in line["outputs"]}
    (said,) = line["feedback"]
    assert [{contents[one] for one in place} for place in said["ranking"]] == [{"Two."}, {"One.", "Three."}]


def test_flat_columns_with_the_usual_names_are_not_taken_for_another_format():
    flat = {"prompt": "P", "response1": "A", "response2": "B", "ranking.responses": [["response1", "response2"]]}
    assert detect(flat) is ARGILLA


def test_flat_columns():
    flat = {
        **FIELDS, "id": "a1", "status": "completed", "_server_id": "s", "language": "en",
        "preference.responses": ["response1", "response2"], "preference.responses.users": ["u1", "u2"],
        "preference.responses.status": ["submitted", "discarded"], "preference.suggestion": "response2",
    }  # fmt: skip
    pair = convert_pair(ARGILLA, flat)
    assert (pair.chosen, pair.line["metadata"]) == ("One.", {"language": "en"})


@pytest.mark.parametrize(
    "ranking",
    [[{"rank": 1, "value": "response2"}, {"rank": 2, "value": "response1"}],
     {"rank": [1, 2], "value": ["response2", "response1"]}],
    ids=["objects", "lists"],
)  # fmt: skip
def test_a_data_set_of_argilla_1(ranking):
    record = {
        **FIELDS, "external_id": "a1", "metadata": '{"topic": "words"}',
        "preference": [{"user_id": "u1", "value": ranking, "status": "submitted"},
                       {"user_id": "u2", "value": ranking, "status": "discarded"}],
        "preference-suggestion": None, "preference-suggestion-metadata": {"agent": None},
        "reasons": [], "reasons-suggestion": None, "reasons-suggestion-metadata": {"agent": None},
    }  # fmt: skip
    line = convert(ARGILLA, record)
    contents = {output["output_id"]: output["content"] for output in line["outputs"]}
    (said,) = line["feedback"]
    assert [[contents[one] for one in place] for place in said["ranking"]] == [["Two."], ["One."]]
    assert (line["prompt"], line["metadata"]) == ("What?", {"topic": "words"})


@pytest.mark.parametrize(
    "answers",
    [[{"value": "response2", "status": "submitted"}],  # as Parquet is read: without what is null
     {"user_id": [None, "u2"], "value": ["response2", "response1"], "status": ["submitted", "draft"]}],
    ids=["nobody", "lists"],
)  # fmt: skip
def test_other_shapes_of_argilla_1(answers):
    pair = convert_pair(ARGILLA, {**FIELDS, "preference": answers, "preference-suggestion-metadata": {}})
    assert (pair.chosen, pair.line["feedback"][0]["source"]["id"]) == ("Two.", "imported:argilla")


@pytest.mark.parametrize("metadata", ["words", '{"x": NaN}', '{"x": 1, "x": 2}', '{"x": "\\u0000"}'])
def test_metadata_that_is_no_sound_json_is_kept_as_it_is(metadata):
    assert convert_pair(ARGILLA, RECORD | {"metadata": metadata}).line["metadata"] == {"metadata": metadata}


@pytest.mark.parametrize("value", [["clear", "short"], [{"start": 0, "end": 3, "label": "name"}]])
def test_several_labels_or_spans_are_no_ranking(value):
    line = convert(ARGILLA, RECORD | {"responses": {"marks": [{"value": value, "user_id": "u1"}]}})
    assert line.get("feedback", []) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"fields": {"prompt": "x", "text": "y"}}, "/fields"),
        ({"fields": {"response1": "x", "response2": "y"}}, "/fields"),
        ({"responses": [1]}, "/responses"),
        ({"responses": {"preference": [1]}}, "/responses/preference"),
        ({"responses": {"preference": [{"value": ["response1", "other"]}]}}, "/responses/preference/1"),
        ({"responses": {"preference": [{"value": [{"value": "other", "rank": 1}]}]}}, "/responses/preference/0"),
        ({"responses": {"preference": [{"value": {"value": ["response1"], "rank": []}}]}}, "/responses/preference/0"),
        ({"responses": {"preference": [{"value": ["response1"]}]}}, "/responses/preference"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(change, where):
    assert refusal(ARGILLA, RECORD | change)[0] == where
