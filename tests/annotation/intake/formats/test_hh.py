"""Anthropic HH transcripts: cut at their marks, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.intake.formats.hh import HH, read_transcript
from tests.annotation.intake.formats.convert import convert_pair, refusal

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(
    lambda text: "\n\nHuman:" not in f"\n\n{text}" and "\n\nAssistant:" not in f"\n\n{text}"
)
TURNS = st.lists(st.tuples(st.sampled_from(["Human", "Assistant"]), TEXTS), min_size=1)


def write(messages):
    speakers = {"user": "Human", "assistant": "Assistant"}
    return "".join(f"\n\n{speakers[message['role']]}: {message['content']}" for message in messages)


@given(TURNS)
def test_a_transcript_is_its_turns_again(turns):
    text = "".join(f"\n\n{speaker}: {said}" for speaker, said in turns)
    messages = read_transcript(text)
    assert [message["content"] for message in messages] == [said for _, said in turns]
    assert write(messages) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\n\nHuman: a\n\nAssistant: ", ["a", ""]),
        ("\n\nHuman: a\n\nAssistant:", ["a", ""]),
        ("\n\nHuman:\n\nAssistant: b", ["", "b"]),
        ("\n\nHuman:  two spaces \n\nAssistant: b\n", [" two spaces ", "b\n"]),
        (
            "\n\nHuman: see Human: and\nAssistant: no\n\nAssistants: x",
            ["see Human: and\nAssistant: no\n\nAssistants: x"],
        ),
        ("\n\nHuman: a\n\n\n\nAssistant: b", ["a\n\n", "b"]),
        ("\n\nHuman: a\n\nHuman:b\n\nHuman: c", ["a\n\nHuman:b", "c"]),
    ],
)
def test_marks_are_read_exactly(text, said):
    assert [message["content"] for message in read_transcript(text)] == said


def test_common_turns_are_the_prompt_and_the_last_answers_the_outputs():
    shared = "\n\nHuman: Hi\n\nAssistant: Ho\n\nHuman: Well?"
    pair = convert_pair(HH, {"chosen": f"{shared}\n\nAssistant: Good. ", "rejected": f"{shared}\n\nAssistant: Bad"})
    assert write(pair.line["prompt"]) == shared
    assert (pair.chosen, pair.rejected) == ("Good. ", "Bad")
    assert pair.line["feedback"][0]["source"] == {"type": "human", "id": "imported:hh"}


def test_conversations_that_part_early_keep_their_turns():
    pair = convert_pair(
        HH,
        {
            "chosen": "\n\nHuman: a\n\nAssistant: b\n\nHuman: c\n\nAssistant: d",
            "rejected": "\n\nHuman: a\n\nAssistant: x",
        },
    )
    assert write(pair.line["prompt"]) == "\n\nHuman: a"
    assert write(pair.chosen) == "\n\nAssistant: b\n\nHuman: c\n\nAssistant: d"
    assert pair.rejected == "x"


@given(TURNS, TEXTS, TEXTS)
def test_nothing_of_a_pair_is_lost(turns, one, other):
    shared = "".join(f"\n\n{speaker}: {said}" for speaker, said in turns)
    record = {"chosen": f"{shared}\n\nAssistant: {one}", "rejected": f"{shared}\n\nAssistant: {other}"}
    pair = convert_pair(HH, record)
    for name, content in (("chosen", pair.chosen), ("rejected", pair.rejected)):
        answer = [{"role": "assistant", "content": content}] if isinstance(content, str) else content
        assert write([*pair.line["prompt"], *answer]) == record[name]


@pytest.mark.parametrize(
    ("record", "where", "why"),
    [
        ({"chosen": "\n\nHuman: a\n\nAssistant: b"}, "/rejected", "is missing"),
        ({"chosen": 5, "rejected": "x"}, "/chosen", "must be a string"),
        ({"chosen": "Human: a", "rejected": "x"}, "/chosen", "does not begin with"),
        ({"chosen": "x\n\nHuman: a", "rejected": "x"}, "/chosen", "does not begin with"),
        ({"chosen": "\n\nHuman: a", "rejected": "\n\nHuman: b"}, "", "no answer by an assistant"),
    ],
)
def test_what_is_no_transcript_is_refused(record, where, why):
    pointer, detail = refusal(HH, record)
    assert pointer == where
    assert why in detail
