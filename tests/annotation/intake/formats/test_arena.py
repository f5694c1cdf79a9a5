"""Arena battles, by conversations and in the 55k form."""

from __future__ import annotations

import json

import pytest

from annotation.intake.formats.arena import ARENA
from tests.annotation.intake.formats.convert import convert, convert_pair, refusal

ASKED = {"role": "user", "content": "What?"}
BATTLE = {
    "question_id": "q1",
    "model_a": "aurora",
    "model_b": "basalt",
    "winner": "model_a",
    "judge": "arena_user_7",
    "conversation_a": [ASKED, {"role": "assistant", "content": "This."}],
    "conversation_b": [ASKED, {"role": "assistant", "content": "That."}],
    "turn": 1,
    "anony": True,
    "language": "English",
    "tstamp": 1_700_000_000.25,
}
ROW_55K = {
    "id": "30192",
    "model_a": "aurora",
    "model_b": "basalt",
    "prompt": json.dumps(["One?", "Two?"]),
    "response_a": json.dumps(["A1", "A2 \ud83d\ude00"]),
    "response_b": json.dumps(["B1", "B2"]),
    "winner_model_a": "0",
    "winner_model_b": "1",
    "winner_tie": "0",
}


def shown(line):
    """The model on either side, left first."""
    models = {output["output_id"]: output["model"]["name"] for output in line["outputs"]}
    return [models[output_id] for output_id in line["feedback"][0]["presented"]]


def test_a_battle_becomes_a_vote_by_its_judge():
    pair = convert_pair(ARENA, BATTLE)
    assert pair.line["prompt"] == [ASKED]
    assert (pair.chosen, pair.rejected) == ("This.", "That.")
    assert shown(pair.line) == ["aurora", "basalt"]
    vote = pair.line["feedback"][0]
    assert vote["source"] == {"type": "human", "id": "arena_user_7"}
    assert vote["occurred_at"] == "2023-11-14T22:13:20.250000+00:00"
    assert pair.line["metadata"] == {"question_id": "q1", "turn": 1, "anony": True, "language": "English"}


@pytest.mark.parametrize(
    ("winner", "outcome"), [("tie", "tie"), ("tie (bothbad)", "both_bad"), ("both_bad", "both_bad")]
)
def test_ties_and_both_bad_are_told_apart(winner, outcome):
    line = convert(ARENA, BATTLE | {"winner": winner})
    assert line["feedback"][0]["outcome"] == outcome
    assert "chosen" not in line["feedback"][0]
    assert shown(line) == ["aurora", "basalt"]


def test_the_right_model_wins_whichever_is_stored_first():
    for number in range(20):
        battle = BATTLE | {"question_id": number, "winner": "model_b"}
        assert convert_pair(ARENA, battle).chosen == "That."


def test_another_judge_of_the_same_battle_votes_on_the_same_inference():
    one, other = convert(ARENA, BATTLE), convert(ARENA, BATTLE | {"judge": "expert_2", "tstamp": 5, "winner": "tie"})
    assert one["request_id"] == other["request_id"]
    assert one["feedback"][0]["feedback_id"] != other["feedback"][0]["feedback_id"]


def test_conversations_that_part_early_are_kept_whole():
    turns = [
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "But?"},
        {"role": "assistant", "content": ""},
    ]
    pair = convert_pair(ARENA, BATTLE | {"conversation_b": [ASKED, *turns]})
    assert (pair.line["prompt"], pair.chosen, pair.rejected) == ([ASKED], "This.", turns)


def test_what_else_stands_in_messages_is_kept_with_the_output():
    counted = [{**ASKED, "num_tokens": 3}, {"role": "assistant", "content": "This.", "num_tokens": 2}]
    line = convert(ARENA, BATTLE | {"conversation_a": counted})
    output = next(output for output in line["outputs"] if output["model"]["name"] == "aurora")
    assert output["content"] == "This."
    assert output["metadata"] == {"conversation": [{"num_tokens": 3}, {"num_tokens": 2}]}


def test_judges_may_be_hashed_machines_or_unknown():
    battle = {name: value for name, value in BATTLE.items() if name not in ("judge", "tstamp")}
    assert convert(ARENA, battle | {"judge_hash": "abc"})["feedback"][0]["source"]["id"] == "abc"
    vote = convert(ARENA, battle)["feedback"][0]
    assert vote["source"] == {"type": "human", "id": "imported:arena"}
    assert "occurred_at" not in vote
    machine = convert(ARENA, BATTLE | {"judge": "gpt4_pair", "judge_type": "ai_critic"})["feedback"][0]
    assert machine["source"] == {"type": "ai_critic", "id": "gpt4_pair"}


def test_the_55k_form_is_read_turn_by_turn():
    pair = convert_pair(ARENA, ROW_55K)
    assert pair.line["prompt"] == [{"role": "user", "content": "One?"}]
    assert pair.chosen == [
        {"role": "assistant", "content": "B1"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "B2"},
    ]
    assert pair.rejected[-1]["content"] == "A2 😀"
    assert pair.line["metadata"] == {"id": "30192"}


def test_the_55k_form_may_hold_plain_texts_and_numbers():
    row = ROW_55K | {"prompt": "One?", "response_a": "A1", "response_b": "B1", "winner_model_b": 0, "winner_tie": 1.0}
    line = convert(ARENA, row)
    assert line["feedback"][0]["outcome"] == "tie"
    assert {output["content"] for output in line["outputs"]} == {"A1", "B1"}


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ({"conversation_a": None}, "/conversation_a", "a battle without its texts cannot be stored"),
        ({"conversation_b": []}, "/conversation_b", "must be a list of turns"),
        ({"conversation_b": "[1"}, "/conversation_b", "not sound JSON"),
        ({"conversation_b": [{"role": "bot", "content": ""}]}, "/conversation_b/0/role", "must be 'system'"),
        ({"conversation_a": [ASKED], "conversation_b": [ASKED]}, "", "no answer by an assistant"),
        ({"winner": "A"}, "/winner", "must be one of model_a, model_b, tie"),
        ({"winner": None}, "/winner", "must be one of"),
        ({"model_b": ""}, "/model_b", "must be the name of a model"),
        ({"model_a": 7}, "/model_a", "must be the name of a model"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(change, where, why):
    pointer, detail = refusal(ARENA, BATTLE | change)
    assert pointer == where
    assert why in detail


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ({"winner_tie": "1"}, "/winner_model_a", "just one of"),
        ({"winner_model_b": "0"}, "/winner_model_a", "just one of"),
        ({"response_b": '["B1"]'}, "/response_b", "as many turns"),
        ({"response_b": '["B1", null]'}, "/response_b/1", "must be a string"),
    ],
)
def test_a_spoiled_55k_row_is_refused_with_its_place(change, where, why):
    pointer, detail = refusal(ARENA, ROW_55K | change)
    assert pointer == where
    assert why in detail
