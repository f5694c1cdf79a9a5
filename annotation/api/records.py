"""The records of intake in the OpenAPI document: their schemas, taken from those that check them, and examples."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiRequest, extend_schema_field
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema
from rest_framework import serializers

from annotation.intake.answering import KINDS as ANSWERS
from annotation.intake.schemas import KINDS, Inference

Schema = dict[str, Any]

JSON, LINES = "application/json", "application/x-ndjson"
# drf-spectacular does not see that their bodies are required.
OPERATIONS = ("inferences_send", "feedback_send", "queue_judge", "comparisons_make")
COMPONENTS = "#/components/schemas/"
# What is logged of a prompt or output, as it came.
CONTENT: Schema = {
    "oneOf": [{"type": "string"}, {"type": "array", "items": {"$ref": f"{COMPONENTS}MessageRecord"}, "minItems": 1}]
}
DIGEST = "3eba73a8eff3e91aa0e3f9aac1d1e2b82a0f8858c84d231522103283bbe5aeb5"

INFERENCE = {
    "request_id": "7f0c",
    "occurred_at": "2026-05-01T10:00:00Z",
    "prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a seal?"}],
    "metadata": {"session_id": "s-1", "user_id": "u-9", "language": "en"},
    "outputs": [
        {
            "output_id": "a1",
            "content": "A marine mammal.",
            "model": {"name": "aurora", "version": "1.2"},
            "parameters": {"temperature": 0.7},
        },
        {"output_id": "b2", "content": "A stamp in wax.", "model": {"name": "basalt"}},
    ],
}
USER = {"type": "end_user", "id": "u-9"}
FEEDBACK: dict[str, Schema] = {
    "preference": {
        "source": USER,
        "presented": ["b2", "a1"],
        "digests": {"a1": DIGEST},
        "outcome": "chosen",
        "chosen": "a1",
        "rejected": "b2",
        "strength": 2,
        "duration_ms": 5400,
    },
    "score": {"source": {"type": "reward_model", "id": "rm-7", "version": "3"}, "scores": {"a1": 0.8, "b2": 0.2}},
    "ranking": {
        "source": {"type": "ai_critic", "id": "critic-1", "version": "2"},
        "ranking": [["a1"], ["b2"]],
        "principle": "Prefer the answer that fits the question.",
        "critique": "The question says nothing of letters.",
    },
    "rating": {"source": USER, "output": "a1", "value": 1},
    "edit": {"source": USER, "output": "a1", "edited": "A marine mammal with flippers."},
    "implicit": {"source": USER, "signals": {"dwell_ms": {"a1": 5200, "b2": 900}, "copied": ["a1"]}},
    "retraction": {"source": USER, "retracts": "fb-preference"},
}


@extend_schema_field(CONTENT)
class ContentField(serializers.JSONField):
    """The content of a prompt or output in an answer."""

    def __init__(self) -> None:
        super().__init__(help_text="A string or a list of messages, as logged.")


def feedback_example(kind: str) -> Schema:
    """A feedback record of a kind on INFERENCE."""
    head = {"feedback_id": f"fb-{kind}", "request_id": "7f0c", "kind": kind}
    return {**head, **FEEDBACK[kind]}


def answer_example(kind: str) -> Schema:
    """The same as the answer to a lease that critic-1 holds."""
    body = {**feedback_example(kind), "source": {"type": "ai_critic", "id": "critic-1", "version": "2"}}
    del body["request_id"]
    return body


def inferences_request() -> dict[str, OpenApiRequest]:
    """The three forms of a body of POST inferences/."""
    another = {"request_id": "7f0d", "prompt": "Tell a joke.", "outputs": [{"content": "Knock, knock."}]}
    alone = [OpenApiExample("One inference", INFERENCE)]
    return _forms({"$ref": f"{COMPONENTS}InferenceRecord"}, alone, [INFERENCE, another])


def feedback_request() -> dict[str, OpenApiRequest]:
    """The three forms of a body of POST feedback/."""
    alone = [OpenApiExample(f"One {kind}", feedback_example(kind)) for kind in KINDS]
    return _forms(_one_of(KINDS, "Record"), alone, [feedback_example("preference"), feedback_example("score")])


def answer_request() -> dict[str, OpenApiRequest]:
    """The body of POST queue/{lease_id}/judge/."""
    examples = [OpenApiExample(f"A {kind}", answer_example(kind)) for kind in ANSWERS]
    return {JSON: OpenApiRequest(_one_of(ANSWERS, "Answer"), examples=examples)}


def nothing_request() -> dict[str, OpenApiRequest]:
    """The body of a call that takes none: left out, or an empty object."""
    nothing = {"type": "object", "additionalProperties": False}
    return {JSON: OpenApiRequest(nothing, examples=[OpenApiExample("Nothing", {})])}


def _forms(record: Schema, alone: list[OpenApiExample], several: list[Schema]) -> dict[str, OpenApiRequest]:
    a_list = {
        "type": "array",
        "maxItems": 1_000,
        "items": {"description": "A record as above; one that is not is refused in its result, and spoils no other."},
    }
    lines = {"type": "string", "description": "A record as above on each line. Any length; it is read as a stream."}
    text = "\n".join(json.dumps(one) for one in several) + "\n"
    return {
        JSON: OpenApiRequest({"anyOf": [record, a_list]}, examples=[*alone, OpenApiExample("A list", several)]),
        LINES: OpenApiRequest(lines, examples=[OpenApiExample("Two lines", text, media_type=LINES)]),
    }


def _one_of(kinds: Iterable[str], suffix: str) -> Schema:
    refs = {kind: f"{COMPONENTS}{KINDS[kind].__name__}{suffix}" for kind in kinds}
    return {
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "kind", "mapping": refs},
    }


def components() -> dict[str, Schema]:
    """The schemas that the requests above refer to, by name."""
    models: list[type[BaseModel]] = [Inference, *KINDS.values()]
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in models]
    _, told = models_json_schema(modes, ref_template=COMPONENTS + "{model}Record")
    records = {f"{name}Record": _plain(schema) for name, schema in told["$defs"].items()}
    names = [KINDS[kind].__name__ for kind in ANSWERS]
    return records | {f"{name}Answer": _without_request(records[f"{name}Record"]) for name in names}


def _without_request(record: Schema) -> Schema:
    properties = {name: schema for name, schema in record["properties"].items() if name != "request_id"}
    return {**record, "properties": properties, "required": [n for n in record["required"] if n != "request_id"]}


def _plain(schema: Any) -> Any:
    """A schema without the titles and defaults that say nothing new."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: _plain(value) for name, value in schema.items() if name != "properties"}
    if isinstance(told.get("title"), str):
        del told["title"]
    if told.get("default", ...) is None:
        del told["default"]
    if "properties" in schema:
        told["properties"] = {name: _plain(value) for name, value in schema["properties"].items()}
    return told
