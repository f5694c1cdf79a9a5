"""The OpenAPI document: valid, complete, and true of what the API answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from jsonschema import Draft202012Validator
from playwright.sync_api import Browser

from annotation.intake.schemas import KINDS
from tests import world
from tests.api import Caller

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(Client().get("/api/schema/", headers={"Accept": "application/json"}).content)


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def bodies(operation):
    """(status or "request", media type, body) of an operation."""
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        yield "request", media_type, body
    for status, response in operation["responses"].items():
        for media_type, body in response.get("content", {}).items():
            yield status, media_type, body


def is_download(operation):
    contents = [response.get("content", {}) for response in operation["responses"].values()]
    return any(body.get("schema", {}).get("format") == "binary" for content in contents for body in content.values())


def closed(schema):
    """The schema with every object closed, so that a field it does not tell of is an error."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    told = {name: closed(value) for name, value in schema.items()}
    return (
        {"additionalProperties": False, **told} if "type" in told and isinstance(told.get("properties"), dict) else told
    )


def validator(document, schema):
    return Draft202012Validator({**closed(schema), "components": closed(document["components"])})


def test_the_document_is_valid_and_made_without_a_warning(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema.yml"))


def test_every_operation_tells_its_failures_as_problems(document):
    for path, method, operation in operations(document):
        statuses = {"400", "403", "404", "422", "500", "503"}
        statuses |= {"411", "413", "415"} if "requestBody" in operation else set()
        statuses |= {"406"} if not is_download(operation) else set()
        statuses |= {"401", "429"} if operation.get("security") != [{}] else set()
        assert statuses <= set(operation["responses"]), (path, method)
        assert "default" not in operation["responses"], "it would stand for every status that is forgotten"
        for status, media_type, body in bodies(operation):
            if status[0] in "45":
                assert media_type == "application/problem+json", (path, method, status)
                assert body["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_every_body_has_an_example_that_fits_its_schema(document):
    for path, method, operation in operations(document):
        for status, media_type, body in bodies(operation):
            if media_type not in ("application/json", "application/x-ndjson") or is_download(operation):
                continue
            assert body.get("examples"), (path, method, status)
            for example in body["examples"].values():
                validator(document, body["schema"]).validate(example["value"])


def objects(document, schema, seen=()):
    """Every object with named properties in a schema, wherever it stands."""
    if isinstance(schema, list):
        schema = dict(enumerate(schema))
    if not isinstance(schema, dict):
        return
    name = schema.get("$ref", "").rpartition("/")[2]
    if name and name not in seen:
        yield from objects(document, document["components"]["schemas"][name], (*seen, name))
    if schema.get("type") == "object" and ("properties" in schema or "additionalProperties" not in schema):
        yield schema
    for key, inner in schema.items():
        if key not in ("default", "enum", "examples"):
            yield from objects(document, inner, seen)


def test_every_object_with_fields_that_is_sent_is_closed(document):
    found = 0
    for path, method, operation in operations(document):
        for body in operation.get("requestBody", {}).get("content", {}).values():
            for schema in objects(document, body["schema"]):
                assert schema.get("additionalProperties") is False, (path, method, schema)
                found += 1
    assert found > 20


def test_links_lead_to_operations_and_fill_their_paths(document):
    paths = {operation["operationId"]: path for path, _, operation in operations(document)}
    links = [
        link
        for _, _, one in operations(document)
        for r in one["responses"].values()
        for link in r.get("links", {}).values()
    ]
    assert len(links) > 10
    for link in links:
        assert set(re.findall(r"{(\w+)}", paths[link["operationId"]])) == set(link["parameters"])


def test_the_problem_has_an_example_that_fits_its_schema(document):
    problem = document["components"]["schemas"]["Problem"]
    for example in problem["examples"]:
        validator(document, problem).validate(example)


def test_operations_have_names_of_their_own_and_a_summary(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation.get("summary") for _, _, operation in operations(document))


def test_the_ways_to_authenticate_are_told(document):
    schemes = document["components"]["securitySchemes"]
    assert (schemes["apiKey"]["type"], schemes["apiKey"]["scheme"]) == ("http", "bearer")
    assert document["security"] == [{name: []} for name in schemes]


def examples_of(document, path, media_type="application/json"):
    body = document["paths"][f"/api/v1/projects/{{slug}}/{path}"]["post"]["requestBody"]
    return [example["value"] for example in body["content"][media_type]["examples"].values()]


@pytest.mark.django_db
def test_every_example_of_a_record_is_taken(document):
    project = world.project()
    program = Caller(project, "ingest", "annotate")
    for path in ("inferences/", "feedback/"):
        for example in examples_of(document, path):
            answer = program("POST", path, example)
            assert answer.status_code in (200, 201, 207), (path, example, answer.content)
            assert answer.json()["refused"] == 0
        for example in examples_of(document, path, "application/x-ndjson"):
            answer = program("POST", path, example.encode(), content_type="application/x-ndjson")
            assert answer.json()["refused"] == 0
    kinds = {example["kind"] for example in examples_of(document, "feedback/") if isinstance(example, dict)}
    assert kinds == set(KINDS)


@pytest.mark.django_db
def test_every_example_of_an_answer_is_taken(document):
    project = world.project(pairing="all_pairs")
    program = Caller(project, "ingest", "annotate")
    for n, example in enumerate(examples_of(document, "queue/{lease_id}/judge/")):
        outputs = [{"output_id": f"{n}-{name}", "content": name} for name in ("a1", "b2")]
        program("POST", "inferences/", {"request_id": f"r{n}", "prompt": "", "outputs": outputs})
        (lease,) = program("POST", "queue/claim/", {"annotator": "critic-1"}).json()
        left, right = (output["output_id"] for output in lease["outputs"])
        body = json.loads(json.dumps(example).replace('"a1"', f'"{n}-a1"').replace('"b2"', f'"{n}-b2"'))
        body = {name: value for name, value in body.items() if name != "digests"}
        if "presented" in body:
            body["presented"] = [left, right]
        answer = program("POST", f"queue/{lease['lease_id']}/judge/", body)
        assert answer.status_code == 201, answer.content
        told = document["paths"]["/api/v1/projects/{slug}/queue/{lease_id}/judge/"]["post"]["responses"]["201"]
        validator(document, told["content"]["application/json"]["schema"]).validate(answer.json())


@pytest.mark.django_db
def test_what_became_of_records_is_what_is_told(document):
    program = Caller(world.project(), "ingest")
    told = document["paths"]["/api/v1/projects/{slug}/inferences/"]["post"]["responses"]["207"]
    check = validator(document, told["content"]["application/json"]["schema"]).validate
    good, bad = {"request_id": "r1", "prompt": "", "outputs": [{"content": "x"}]}, {"prompt": 5}
    check(program("POST", "inferences/", [good, good, bad]).json())
    lines = b"".join(json.dumps(one).encode() + b"\n" for one in (good, bad))
    check(program("POST", "inferences/", lines, content_type="application/x-ndjson").json())


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["", "comparisons/", "judgments/", "events/", "progress/", "inferences/r0/"])
def test_what_is_answered_is_what_is_told(document, path):
    project = world.project(comparisons=2, guidelines="Prefer the truthful one.")
    alice = world.annotator(project, "alice")
    world.judge_next(alice, "a")
    world.judge_next(alice, "tie")
    told = document["paths"]["/api/v1/projects/{slug}/" + path.replace("r0", "{request_id}")]["get"]
    schema = told["responses"]["200"]["content"]["application/json"]["schema"]
    validator(document, schema).validate(Caller(project, "read").get(path))


@pytest.mark.django_db
def test_a_problem_is_what_is_told(document):
    problem = document["components"]["schemas"]["Problem"]
    answer = Caller(world.project(), "read")("GET", "judgments/?soucre=human")
    validator(document, problem).validate(json.loads(answer.content))


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_documentation_page_works_under_the_policy_and_loads_nothing_from_elsewhere(served: str, browser: Browser):
    page = browser.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{served}/api/docs/")
    page.locator(".opblock").first.wait_for()
    paths = page.locator(".opblock-summary-path").all_text_contents()
    page.locator(".opblock-summary-control").first.click()
    page.get_by_text("The key lacks the scope").first.wait_for()
    page.close()
    assert any("judgments" in path.replace("\u200b", "") for path in paths)
    assert said == []
    assert [url for url in asked if not url.startswith((served, "data:"))] == []
