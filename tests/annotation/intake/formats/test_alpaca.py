"""Alpaca preferences: instruction and input, system and history."""

from __future__ import annotations

import pytest

from annotation.intake.formats.alpaca import ALPACA
from tests.annotation.intake.formats.convert import convert_pair, refusal

RECORD = {"instruction": "Add.", "input": "1 + 1", "chosen": "2", "rejected": "3"}


def test_the_input_follows_the_instruction():
    pair = convert_pair(ALPACA, RECORD | {"topic": "sums"})
    assert (pair.line["prompt"], pair.chosen, pair.rejected) == ("Add.\n1 + 1", "2", "3")
    assert pair.line["metadata"] == {"topic": "sums"}
    assert convert_pair(ALPACA, RECORD | {"input": ""}).line["prompt"] == "Add."


def test_system_and_history_make_messages():
    record = RECORD | {"system": "Be brief.", "history": [["Hi", "Ho"], ["Well?", "Yes."]]}
    messages = convert_pair(ALPACA, record).line["prompt"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert [message["content"] for message in messages] == ["Be brief.", "Hi", "Ho", "Well?", "Yes.", "Add.\n1 + 1"]


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        ({"chosen": None}, "/chosen", "is missing"),
        ({"instruction": 5}, "/instruction", "must be a string"),
        ({"history": [["Hi"]]}, "/history/0", "two strings"),
        ({"history": "none"}, "/history/0", "two strings"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(change, where, why):
    pointer, detail = refusal(ALPACA, RECORD | change)
    assert pointer == where
    assert why in detail
