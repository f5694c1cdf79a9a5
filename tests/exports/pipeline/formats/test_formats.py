"""Each format on its own: pairs in, exactly the contract's columns out. No database, no Django."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from exports.pipeline.formats import FORMATS, Rows
from tests.exports.pipeline.formats.batches import CHAT, META, ODD, assistant, pairs, user

COLUMNS = {
    "preference": ["prompt", "chosen", "rejected"],
    "preference_text": ["prompt", "chosen", "rejected"],
    "preference_full": ["chosen", "rejected"],
    "reward": ["prompt", "chosen", "rejected", "margin"],
    "kto": ["prompt", "completion", "label"],
    "battles": ["question_id", "model_a", "model_b", "winner", "judge", "conversation_a", "conversation_b", "turn",
                "language", "tstamp"],
    "helpsteer": ["context", "response1", "response2", "overall_preference", "individual_preference"],
    "llamafactory": ["conversations", "chosen", "rejected"],
}  # fmt: skip


def convert(name, *changes):
    format_ = FORMATS[name]
    fitting, _ = format_.fitting(pairs(*changes))
    return format_.batch(fitting).to_pylist()


def own(row):
    return {name: value for name, value in row.items() if not name.startswith("meta_")}


@pytest.mark.parametrize("name", COLUMNS)
def test_the_columns_of_the_contract_come_first_then_provenance(name):
    names = FORMATS[name].schema.names
    assert names[: len(COLUMNS[name])] == COLUMNS[name]
    assert names[len(COLUMNS[name]) :] == [*META, *(["meta_origin"] if name == "kto" else [])]


@pytest.mark.parametrize("name", COLUMNS)
def test_provenance_is_carried_over(name):
    for row in convert(name, {}):
        assert {key: row[key] for key in META} == META


@pytest.mark.parametrize("name", COLUMNS)
def test_no_rows_give_no_rows_of_the_same_schema(name):
    format_ = FORMATS[name]
    empty = format_.batch(format_.fitting(pairs().slice(0, 0))[0])
    assert (empty.num_rows, empty.schema) == (0, format_.schema)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_slice_of_a_batch_gives_the_rows_of_the_slice(name):
    batch = pairs({"prompt_texts": ["first"]}, {"prompt_texts": ["second"]}, {"prompt_texts": ["third"]})
    whole = FORMATS[name].batch(batch).to_pylist()
    per_pair = len(whole) // 3
    assert FORMATS[name].batch(batch.slice(1, 1)).to_pylist() == whole[per_pair : 2 * per_pair]


def test_ties_go_only_to_formats_that_take_them():
    tie = {"winner": "tie", "in_decided": False}
    takers = {name for name in COLUMNS if convert(name, tie)}
    assert takers == {name for name in COLUMNS if FORMATS[name].rows is Rows.PAIRS} == {"battles", "helpsteer"}


def test_preference_has_the_new_turns_only():
    first, second = convert("preference", CHAT, ODD)
    turns = [{"role": "system", "content": "Be kind."}, user("Hi."), assistant("Hello."), user("Bye?")]
    assert own(first) == {"prompt": turns, "chosen": [assistant("Good.")], "rejected": [assistant("Bad.")]}
    assert second["chosen"] == [assistant("[]"), {"role": "tool", "content": "4"}]
    assert second["rejected"] == []


def test_preference_full_has_the_prompt_inside():
    first, second = convert("preference_full", {}, CHAT | ODD)
    assert own(first) == {
        "chosen": [user("Question?"), assistant("Good.")],
        "rejected": [user("Question?"), assistant("Bad.")],
    }
    assert [len(second[side]) for side in ("chosen", "rejected")] == [6, 4]


def test_preference_text_takes_a_single_turn_only():
    format_ = FORMATS["preference_text"]
    batch = pairs({}, CHAT, ODD, {"prompt_roles": ["system"]})
    fitting, refused = format_.fitting(batch)
    assert (fitting.num_rows, refused.num_rows, format_.only.rule) == (1, 3, "not_single_turn")
    (row,) = format_.batch(fitting).to_pylist()
    assert own(row) == {"prompt": "Question?", "chosen": "Good.", "rejected": "Bad."}


def test_reward_has_the_margin():
    (row,) = convert("reward", {"margin": 0.25})
    assert row["margin"] == 0.25
    assert row["chosen"] == [assistant("Good.")]


def test_kto_has_both_sides_with_true_labels():
    rows = convert("kto", {}, CHAT)
    assert [(row["completion"], row["label"]) for row in rows] == [
        ([assistant("Good.")], True),
        ([assistant("Bad.")], False),
    ] * 2
    assert [len(row["prompt"]) for row in rows] == [1, 1, 4, 4]
    assert {row["meta_origin"] for row in rows} == {"pair"}


RATED = {"in_decided": False, "in_pairs": False, "in_rated": True, "y_texts": ["Good."], "score_x": 0.5, "score_y": 0.5}


def test_kto_has_one_row_for_a_rated_output():
    rows = convert("kto", RATED, {}, RATED | {"winner": "b", "score_x": -1.0, "score_y": -1.0})
    assert [(row["meta_origin"], row["label"]) for row in rows] == [
        ("rating", True),
        ("pair", True),
        ("pair", False),
        ("rating", False),
    ]
    assert [row["completion"][0]["content"] for row in rows] == ["Good.", "Good.", "Bad.", "Good."]
    told = [(row["meta_chosen_score"], row["meta_rejected_score"], row["meta_rejected_model"]) for row in rows]
    assert told == [(0.5, None, None), *[(None, None, "basalt 1")] * 2, (-1.0, None, None)]


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - {"kto"}))
def test_a_rated_output_is_no_pair(name):
    assert convert(name, RATED) == []


@pytest.mark.parametrize(
    ("winner", "told", "model_a", "last_a"),
    [
        ("a", "model_a", "aurora 1", "Good."),
        ("b", "model_b", "basalt 1", "Bad."),
        ("tie", "tie", "aurora 1", "Good."),
        ("both_bad", "both_bad", "aurora 1", "Good."),
    ],
)
def test_battles_put_the_outputs_back_into_their_stable_order(winner, told, model_a, last_a):
    (row,) = convert("battles", {"winner": winner, **CHAT})
    assert (row["winner"], row["model_a"]) == (told, model_a)
    assert row["conversation_a"][-1] == assistant(last_a)
    assert len(row["conversation_b"]) == 5
    assert (row["question_id"], row["judge"], row["turn"]) == ("r1", "alice", 2)
    assert (row["language"], row["tstamp"]) == ("en", 1_700_000_000.5)


def test_an_unknown_winner_is_no_silent_tie():
    with pytest.raises(KeyError):
        convert("battles", {"winner": "A"})


@pytest.mark.parametrize(
    ("winner", "strength", "overall", "response1"),
    [
        ("a", 3.0, -3, "Good."),
        ("b", 1.0, 1, "Bad."),
        ("b", None, 2, "Bad."),
        ("a", None, -2, "Good."),
        ("a", 2.4, -2, "Good."),
        ("tie", None, 0, "Good."),
        ("both_bad", None, 0, "Good."),
    ],
)
def test_helpsteer_is_negative_when_the_first_is_better(winner, strength, overall, response1):
    (row,) = convert("helpsteer", {"winner": winner, "strength": strength})
    assert (row["overall_preference"], row["response1"]) == (overall, response1)
    assert row["context"] == [user("Question?")]
    assert row["individual_preference"] == [
        {"score": -2, "reasoning": "Because.", "feedback1": None, "feedback2": None}
    ]


def test_helpsteer_takes_answers_of_one_message():
    fitting, refused = FORMATS["helpsteer"].fitting(pairs({}, ODD, CHAT))
    assert (fitting.num_rows, refused.num_rows) == (2, 1)


def test_llamafactory_has_single_objects_and_an_odd_number_of_turns():
    (row,) = convert("llamafactory", CHAT)
    speakers = [turn["from"] for turn in row["conversations"]]
    assert speakers == ["system", "human", "gpt", "human"]
    assert row["chosen"] == {"from": "gpt", "value": "Good."}
    assert row["rejected"] == {"from": "gpt", "value": "Bad."}


@pytest.mark.parametrize(
    "roles", [["user", "assistant"], ["user", "user"], ["assistant", "user"], ["system"], ["user", "tool", "user"], []]
)
def test_llamafactory_leaves_out_what_its_converter_would_skip(roles):
    change = {"prompt_roles": roles, "prompt_texts": ["x"] * len(roles)}
    fitting, refused = FORMATS["llamafactory"].fitting(pairs(change, ODD))
    assert (fitting.num_rows, refused.num_rows) == (0, 2)


def test_llamafactory_registers_each_data_file():
    write = FORMATS["llamafactory"].side_files["dataset_info.json"]
    info = json.loads(write(["train-00000-of-00001.parquet", "test-00000-of-00001.parquet"]))
    assert list(info) == ["train-00000-of-00001", "test-00000-of-00001"]
    assert info["train-00000-of-00001"] == {
        "file_name": "train-00000-of-00001.parquet",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"},
    }


def test_no_format_uses_a_name_that_trl_reads_otherwise():
    reserved = {"messages", "text", "labels", "completions", "images", "image", "tools", "reference"}
    for format_ in FORMATS.values():
        assert not reserved & set(format_.schema.names)
        assert isinstance(format_.schema, pa.Schema)
