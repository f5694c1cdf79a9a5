"""The records of the contract: what is taken, and what is refused with a pointer to the field."""

from __future__ import annotations

import copy
import datetime as dt

import pytest

from annotation.intake.schemas import RefusedError, parse_feedback, parse_inference
from tests.annotation.intake.records import NOW, inference, preference, ranking, score, tie

TOO_LONG = "x" * 201
DIGEST = "0" * 64


def problems(parse, value):
    """Pointer → detail of everything that a record is refused for."""
    with pytest.raises(RefusedError) as caught:
        parse(value, now=NOW)
    return {problem.pointer: problem.detail for problem in caught.value.problems}


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def with_output(**fields):
    record = copy.deepcopy(inference())
    record["outputs"][1].update(fields)
    return record


def test_a_full_inference_is_taken_as_it_is():
    messages = [
        {"role": "system", "content": "Be brief.", "name": "house"},
        {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "image_url", "image_url": {"url": "x:"}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "t1", "type": "function"}]},
        {"role": "assistant", "tool_calls": [{"id": "t2"}]},
        {"role": "tool", "content": "42", "tool_call_id": "t1"},
    ]
    value = inference(
        prompt=messages,
        tools=[{"type": "function"}],
        metadata={"features": [0.1, 1, None], "deep": {"er": []}},
        occurred_at="2026-05-01T10:00:00.123456+02:00",
    )
    value["outputs"][0] |= {
        "content": [{"role": "assistant", "content": "x"}],
        "model": {"name": "m", "version": None, "checkpoint": "sha256:0"},
        "parameters": {"temperature": 0.7},
        "metadata": {},
        "generated_at": "2026-05-01t08:00:00z",
    }
    before = copy.deepcopy(value)
    record = parse_inference(value, now=NOW)
    assert value == before
    assert record.prompt == messages
    assert record.occurred_at == dt.datetime(2026, 5, 1, 8, 0, 0, 123456, tzinfo=dt.UTC)
    assert record.outputs[0].model == {"name": "m", "version": None, "checkpoint": "sha256:0"}


@pytest.mark.parametrize(
    "content", ["", " \n", "\x85\u2028\x01", "x" * 100_000, [{"role": "assistant", "content": ""}]]
)
def test_any_text_is_content(content):
    value = inference(prompt=content if isinstance(content, str) else "")
    value["outputs"][0]["content"] = content
    assert parse_inference(value, now=NOW).outputs[0].content == content


def test_messages_are_taken_as_newer_chat_apis_write_them():
    prompt = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi."}]
    said = [{"role": "assistant", "content": "Hello.", "refusal": None}]
    value = inference(prompt=prompt)
    value["outputs"][0]["content"] = said
    record = parse_inference(value, now=NOW)
    assert (record.prompt, record.outputs[0].content) == (prompt, said), "as they came"


def test_optional_fields_may_be_null():
    value = inference(occurred_at=None, tools=None, metadata=None)
    value["outputs"][0] |= dict.fromkeys(["output_id", "model", "parameters", "metadata", "generated_at"])
    assert parse_inference(value, now=NOW).outputs[0].output_id is None
    optional = ["occurred_at", "presented", "digests", "strength", "scores", "criteria", "rationale", "metadata"]
    assert parse_feedback(preference(**dict.fromkeys(optional)), now=NOW).occurred_at is None


@pytest.mark.parametrize(
    ("value", "where", "why"),
    [
        ([], "", "must be an object"),
        (None, "", "must be an object"),
        (without(inference(), "request_id"), "/request_id", "is missing"),
        (without(inference(), "prompt"), "/prompt", "is missing"),
        (without(inference(), "outputs"), "/outputs", "is missing"),
        (inference(extra=1), "/extra", "is not a known field"),
        (inference(feedback=[]), "/feedback", "is not a known field"),
        (inference(request_id=""), "/request_id", "at least 1"),
        ({**inference(), "request_id": TOO_LONG}, "/request_id", "at most 200"),
        (inference(request_id=7), "/request_id", "must be a string"),
        (inference(prompt=None), "/prompt", "must be a string or a list of messages"),
        (inference(prompt=5), "/prompt", "must be a string or a list of messages"),
        (inference(prompt=[]), "/prompt", "at least 1"),
        (inference(prompt=["x"]), "/prompt/0", "must be an object"),
        (inference(prompt=[{"content": "x"}]), "/prompt/0/role", "is missing"),
        (inference(prompt=[{"role": "human", "content": "x"}]), "/prompt/0/role", "must be 'system', 'user'"),
        (
            inference(prompt=[{"role": "assistant", "content": "x", "refusal": "No."}]),
            "/prompt/0/refusal",
            "must be null",
        ),
        (inference(prompt=[{"role": "user"}]), "/prompt/0", "needs content"),
        (inference(prompt=[{"role": "user", "content": None}]), "/prompt/0", "needs content"),
        (inference(prompt=[{"role": "user", "content": 1}]), "/prompt/0/content", "string or a list of parts"),
        (inference(prompt=[{"role": "user", "content": "x", "from": "y"}]), "/prompt/0/from", "not a known field"),
        (inference(prompt=[{"role": "user", "content": []}]), "/prompt/0/content", "at least 1"),
        (inference(prompt=[{"role": "user", "content": [{"type": "sound"}]}]), "/prompt/0/content/0/type", "'text'"),
        (inference(prompt=[{"role": "user", "content": [{"type": "text"}]}]), "/prompt/0/content/0", "must hold"),
        (
            inference(prompt=[{"role": "user", "content": [{"type": "text", "text": "x", "image_url": {"url": ""}}]}]),
            "/prompt/0/content/0",
            "must hold type and text, and nothing else",
        ),
        (inference(tools={}), "/tools", "must be a list"),
        (inference(tools=["x"]), "/tools/0", "must be an object"),
        (inference(metadata=[]), "/metadata", "must be an object"),
        (inference(metadata={"x": "y" * 64 * 1024}), "/metadata", "larger than 64 KB"),
        (inference(occurred_at="2026-05-02T12:00:01Z"), "/occurred_at", "more than a day ahead"),
        (inference(occurred_at="2099-01-01T00:00:00Z"), "/occurred_at", "more than a day ahead"),
        (inference(occurred_at="2026-05-01T10:00:00"), "/occurred_at", "not a time with offset"),
        (inference(occurred_at="2026-05-01"), "/occurred_at", "not a time with offset"),
        (inference(occurred_at="2026-02-30T10:00:00Z"), "/occurred_at", "no time that there is"),
        (inference(occurred_at="0001-01-01T00:00:00+14:00"), "/occurred_at", "no time that there is"),
        (inference(occurred_at=1_700_000_000), "/occurred_at", "must be a string"),
        (inference(outputs=[]), "/outputs", "at least 1"),
        (inference(outputs=[{"content": ""}] * 65), "/outputs", "at most 64"),
        (inference(outputs={}), "/outputs", "must be a list"),
        (with_output(output_id="r1-a"), "/outputs/1/output_id", "output_id of an earlier output"),
        (with_output(output_id=TOO_LONG), "/outputs/1/output_id", "at most 200"),
        (with_output(content=None), "/outputs/1/content", "must be a string or a list of messages"),
        (with_output(model="m"), "/outputs/1/model", "must be an object"),
        (with_output(model={}), "/outputs/1/model/name", "is missing"),
        (with_output(model={"name": "m", "vendor": "v"}), "/outputs/1/model/vendor", "not a known field"),
        (with_output(parameters=[]), "/outputs/1/parameters", "must be an object"),
        (with_output(metadata={"x": "é" * 40_000}), "/outputs/1/metadata", "larger than 64 KB"),
        (with_output(generated_at="2026-05-03T00:00:00Z"), "/outputs/1/generated_at", "more than a day ahead"),
        (with_output(score=1), "/outputs/1/score", "not a known field"),
    ],
)
def test_what_is_wrong_with_an_inference_is_told_with_its_place(value, where, why):
    found = problems(parse_inference, value)
    assert list(found) == [where]
    assert why in found[where]


def test_every_problem_of_a_record_is_told():
    assert set(problems(parse_inference, {"request_id": 1, "prompt": None, "x": 1})) == {
        *("/request_id", "/prompt", "/x", "/outputs")
    }


def test_ids_and_metadata_may_fill_their_limits():
    parse_inference(
        inference("ü" * 200, metadata={"x": "y" * (64 * 1024 - 8)}, outputs=[{"content": ""}] * 64), now=NOW
    )
    parse_inference(inference(occurred_at="2026-05-02T12:00:00Z"), now=NOW)


@pytest.mark.parametrize(
    ("value", "where", "why"),
    [
        ([], "", "must be an object"),
        (without(preference(), "kind"), "/kind", "is missing"),
        (preference(kind="nonsense"), "/kind", "must be one of preference, score, ranking"),
        (preference(kind=["preference"]), "/kind", "must be one of"),
        (preference(kind="applause"), "/kind", "must be one of"),
        (without(preference(), "feedback_id"), "/feedback_id", "is missing"),
        (preference(feedback_id=TOO_LONG), "/feedback_id", "at most 200"),
        (without(preference(), "request_id"), "/request_id", "is missing"),
        (without(preference(), "source"), "/source", "is missing"),
        (preference(source={"type": "god"}), "/source/type", "must be 'human', 'end_user'"),
        (preference(source={"id": "u1"}), "/source/type", "is missing"),
        (preference(source={"type": "human", "id": ""}), "/source/id", "at least 1"),
        (preference(source={"type": "human", "name": "x"}), "/source/name", "not a known field"),
        (preference(vote=1), "/vote", "not a known field"),
        (preference(occurred_at="2099-01-01T00:00:00Z"), "/occurred_at", "more than a day ahead"),
        (preference(outcome="maybe"), "/outcome", "must be 'chosen', 'tie' or 'both_bad'"),
        (without(preference(), "outcome"), "/outcome", "is missing"),
        (without(preference(), "chosen"), "/chosen", "is missing"),
        (without(preference(), "rejected"), "/rejected", "is missing"),
        (preference(rejected="r1-a"), "/rejected", "is the chosen output"),
        (preference(strength=0), "/strength", "at least 1"),
        (preference(strength=9), "/strength", "at most 3"),
        (preference(strength=True), "/strength", "must be an integer"),
        (preference(strength=2.5), "/strength", "must be an integer"),
        (preference(presented=["r1-a", "other"]), "/presented", "does not hold every output"),
        (preference(presented=["r1-a"]), "/presented", "at least 2"),
        (preference(presented=["r1-a", "r1-b", "r1-c"]), "/presented", "at most 2"),
        (tie(presented=["r1-a", "r1-a"]), "/presented", "names an output twice"),
        (without(tie(), "presented"), "/presented", "is missing; the outcome tie needs it"),
        (without(tie(outcome="both_bad"), "presented"), "/presented", "the outcome both_bad needs it"),
        (tie(chosen="r1-a"), "/chosen", "does not go with the outcome tie"),
        (tie(rejected="r1-a"), "/rejected", "does not go with the outcome tie"),
        (tie(strength=1), "/strength", "needs the outcome chosen"),
        (preference(digests={"r1-a": "abc"}), "/digests/r1-a", "not a digest"),
        (preference(digests={"r1-a": DIGEST.upper().replace("0", "A")}), "/digests/r1-a", "not a digest"),
        (preference(digests=[]), "/digests", "must be an object"),
        (preference(scores={"r1-a": "high"}), "/scores/r1-a", "must be a number"),
        (preference(scores={"r1-a": True}), "/scores/r1-a", "must be a number"),
        (preference(criteria={"tone": {"outcome": "good"}}), "/criteria/tone/outcome", "must be"),
        (preference(criteria={"tone": {"outcome": "chosen"}}), "/criteria/tone/chosen", "is given with"),
        (preference(criteria={"tone": {"outcome": "tie", "chosen": "r1-a"}}), "/criteria/tone/chosen", "is given with"),
        (
            preference(criteria={"a/b": {"outcome": "chosen", "chosen": "r1-c"}}),
            "/criteria/a~1b/chosen",
            "is not one of the two outputs",
        ),
        (preference(confidence=1.1), "/confidence", "at most 1"),
        (preference(confidence="high"), "/confidence", "must be a number"),
        (preference(duration_ms=-1), "/duration_ms", "at least 0"),
        (preference(duration_ms=2**31), "/duration_ms", "at most"),
        (preference(duration_ms=1.5), "/duration_ms", "must be an integer"),
        (preference(rationale=5), "/rationale", "must be a string"),
        (preference(metadata={"x": "y" * 64 * 1024}), "/metadata", "larger than 64 KB"),
        (score(scores={"r1-a": 1.0}), "/scores", "at least 2"),
        (without(score(), "scores"), "/scores", "is missing"),
        (score(outcome="tie"), "/outcome", "not a known field"),
        (score(presented=["r1-a", "r1-c"]), "/presented", "does not hold every output"),
        (ranking(ranking=[]), "/ranking", "at least 1"),
        (ranking(ranking=[["r1-a"]]), "/ranking", "needs two outputs or more"),
        (ranking(ranking=[["r1-a"], []]), "/ranking/1", "at least 1"),
        (ranking(ranking=[["r1-a"], ["r1-b", "r1-a"]]), "/ranking", "names an output twice"),
        (ranking(ranking=["r1-a", "r1-b"]), "/ranking/0", "must be a list"),
    ],
)
def test_what_is_wrong_with_feedback_is_told_with_its_place(value, where, why):
    found = problems(parse_feedback, value)
    assert where in found
    assert why in found[where]


def test_problems_never_quote_texts():
    secret = "my secret answer"
    value = inference(
        prompt=[{"role": "user", "content": {"x": secret}}], metadata={"x": secret * 10_000}, extra=secret
    )
    assert secret not in str(problems(parse_inference, value))
    assert secret not in str(problems(parse_feedback, preference(rationale=[secret], confidence=secret)))
