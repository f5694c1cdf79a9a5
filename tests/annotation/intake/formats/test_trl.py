"""TRL pairs: explicit and implicit prompts, strings and conversations."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from annotation.intake.formats.trl import TRL
from annotation.intake.schemas import RefusedError
from tests.annotation.intake.formats.convert import NAMESPACE, convert_pair, refusal

SYSTEM = {"role": "system", "content": "Be brief."}
ASKED = {"role": "user", "content": "What?"}
THIS = {"role": "assistant", "content": "This."}
THAT = {"role": "assistant", "content": "That."}
MORE = {"role": "user", "content": "More?"}


def parts(record):
    pair = convert_pair(TRL, record)
    return pair.line["prompt"], pair.chosen, pair.rejected


def test_strings_are_taken_to_the_byte():
    assert parts({"prompt": " Q\r\n", "chosen": " yes \u2028", "rejected": ""}) == (" Q\r\n", " yes \u2028", "")


def test_conversations_with_their_prompt_are_taken_as_they_are():
    record = {"prompt": [SYSTEM, ASKED], "chosen": [THIS], "rejected": [THAT, MORE, THIS]}
    assert parts(record) == ([SYSTEM, ASKED], [THIS], [THAT, MORE, THIS])
    assert parts({"prompt": "What?", "chosen": [THIS], "rejected": [THAT]}) == ("What?", [THIS], [THAT])


def test_the_prompt_inside_of_conversations_is_found():
    record = {"chosen": [SYSTEM, ASKED, THIS], "rejected": [SYSTEM, ASKED, THAT]}
    assert parts(record) == ([SYSTEM, ASKED], "This.", "That.")
    longer = {"chosen": [ASKED, THIS, MORE, THIS], "rejected": [ASKED, THIS, MORE, THAT], "prompt": None}
    assert parts(longer) == ([ASKED, THIS, MORE], "This.", "That.")
    apart = {"chosen": [ASKED, THIS, MORE, THIS], "rejected": [ASKED, THAT]}
    assert parts(apart) == ([ASKED], [THIS, MORE, THIS], "That.")


def test_a_difference_after_the_answer_takes_the_answer_along():
    record = {"chosen": [ASKED, THIS, MORE, THIS], "rejected": [ASKED, THIS, ASKED, THIS]}
    assert parts(record) == ([ASKED], [THIS, MORE, THIS], [THIS, ASKED, THIS])


def test_identical_conversations_keep_the_last_answer_apart():
    assert parts({"chosen": [ASKED, THIS], "rejected": [ASKED, THIS]}) == ([ASKED], "This.", "This.")
    assert parts({"chosen": [THIS], "rejected": [THAT]}) == ("", "This.", "That.")


def test_a_prompt_beside_whole_conversations_says_where_they_part():
    whole = {"chosen": [ASKED, THIS, MORE, THIS], "rejected": [ASKED, THIS, MORE, THAT]}
    assert parts({"prompt": [ASKED], **whole}) == ([ASKED], [THIS, MORE, THIS], [THIS, MORE, THAT])
    assert parts({"prompt": "What?", **whole})[1:] == ([THIS, MORE, THIS], [THIS, MORE, THAT])
    with_system = {"chosen": [SYSTEM, ASKED, THIS], "rejected": [SYSTEM, ASKED, THAT]}
    assert parts({"prompt": "What?", **with_system}) == ([SYSTEM, ASKED], [THIS], [THAT])
    assert refusal(TRL, {"prompt": "Else?", **whole}) == ("/prompt", "is not how chosen and rejected begin")


@pytest.mark.parametrize(
    ("chosen", "rejected", "prompt"),
    [
        ("Q: Which colour?\nA: blue.", "Q: Which colour?\nA: black.", "Q: Which colour?\nA: "),
        ("yes", "no", ""),
        ("a b c", "a b d e", "a b "),
        ("a  x", "a y", "a "),
    ],
)
def test_the_prompt_inside_of_strings_ends_before_the_word_that_differs(chosen, rejected, prompt):
    assert parts({"chosen": chosen, "rejected": rejected}) == (
        *(prompt, chosen.removeprefix(prompt), rejected.removeprefix(prompt)),
    )


@given(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 3)
def test_prompt_and_answer_joined_are_the_text_again(shared, one, other):
    record = {"chosen": shared + one, "rejected": shared + other}
    try:
        prompt, chosen, rejected = parts(record)
    except RefusedError:
        assume(False)
    assert (prompt + chosen, prompt + rejected) == (record["chosen"], record["rejected"])


@pytest.mark.parametrize(("chosen", "rejected"), [("same", "same"), ("yes", "yes, because"), ("", "x")])
def test_strings_without_an_end_of_the_prompt_are_refused(chosen, rejected):
    assert "has no prompt" in refusal(TRL, {"chosen": chosen, "rejected": rejected})[1]


@pytest.mark.parametrize(
    ("record", "where", "why"),
    [
        ({"prompt": "x", "rejected": "y"}, "/chosen", "is missing"),
        ({"prompt": "x", "chosen": "y", "rejected": None}, "/rejected", "is missing"),
        ({"prompt": "x", "chosen": "y", "rejected": 5}, "/rejected", "must be a string or a list of messages"),
        ({"prompt": {}, "chosen": "y", "rejected": "z"}, "/prompt", "must be a string or a list of messages"),
        ({"chosen": [{"role": "user"}], "rejected": []}, "/chosen/0", "needs content"),
        ({"prompt": "x", "chosen": "y", "rejected": [THIS]}, "/rejected", "same form as chosen"),
        ({"chosen": [ASKED], "rejected": [MORE]}, "", "no answer by an assistant"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(record, where, why):
    pointer, detail = refusal(TRL, record)
    assert pointer == where
    assert why in detail


def test_tools_are_tools_and_the_rest_is_metadata():
    tools = [{"type": "function", "function": {"name": "seek"}}]
    record = {"prompt": "x", "chosen": "y", "rejected": "z", "tools": tools, "margin": 0.5, "note": None}
    line = TRL.convert(record, NAMESPACE)
    assert line["tools"] == tools
    assert line["metadata"] == {"margin": 0.5}
    assert TRL.convert({**record, "tools": "[]"}, NAMESPACE)["metadata"] == {"margin": 0.5, "tools": "[]"}


def test_the_vote_is_an_imported_one_and_nothing_more():
    (vote,) = TRL.convert({"prompt": "x", "chosen": "y", "rejected": "z"}, NAMESPACE)["feedback"]
    assert vote["source"] == {"type": "human", "id": "imported:trl"}
    assert vote.keys() == {"feedback_id", "kind", "source", "outcome", "chosen", "rejected"}
