"""HTTP as it should be, and every failure a problem."""

from __future__ import annotations

import json

import httpx
import pytest
from django.test import Client, override_settings

from annotation import projects
from tests import world
from tests.api import Caller, pointers, problem
from tests.processes import free_port, web_server

pytestmark = pytest.mark.django_db

PATHS = ["", "judgments/", "events/", "progress/", "inferences/r0/"]


@pytest.fixture
def program(db):
    return Caller(world.project(comparisons=1), "manage")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE", "BREW"])
def test_a_method_that_is_not_there_is_405_and_allow_names_those_that_are(program, path, method):
    answer = program(method, path)
    problem(answer, 405)
    assert set(answer["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"} | ({"PATCH"} if not path else set())


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_the_body(program, path):
    got, headed = program("GET", path), program("HEAD", path)
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed["Content-Type"] == got["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", PATHS)
def test_options_names_the_methods(program, path):
    answer = program("OPTIONS", path)
    assert answer.status_code == 200
    assert "GET" in answer["Allow"]


@pytest.mark.parametrize("path", PATHS)
def test_what_cannot_be_accepted_is_406(program, path):
    problem(program("GET", path, headers={"Accept": "text/csv"}), 406)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("query", ["soucre=human", "format=json", "Limit=1"])
def test_an_unknown_parameter_is_refused_and_named(program, path, query):
    assert pointers(program("GET", f"{path}?{query}")) == ["/" + query.split("=")[0]]


def test_a_parameter_given_twice_is_refused(program):
    assert pointers(program("GET", "judgments/?source=human&source=end_user")) == ["/source"]


def test_a_query_of_a_thousand_and_one_parameters_is_400(program):
    problem(program("GET", "judgments/?" + "&".join(f"p{n}=1" for n in range(1_001))), 400)


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/projects/", "/api/v2/x", "/api/v1/projects/summaries/x/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_an_unknown_path_is_a_404_problem(program, path, method):
    problem(program(method, path), 404)


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
def test_without_the_final_slash_the_client_is_sent_on_with_method_and_body(program, method):
    answer = program(method, "/api/v1/projects/summaries?x=1", {})
    assert (answer.status_code, answer["Location"]) == (308, "/api/v1/projects/summaries/?x=1")
    assert program("GET", "inferences/r0").status_code == 308


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_body_of_another_media_type_is_415(program, media_type):
    problem(program("PATCH", "", b"overlap=3", content_type=media_type), 415)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{'overlap': 3}",
        b'{"overlap": NaN}',
        b'{"overlap": 1e999}',
        b'{"overlap": 3, "overlap": 4}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "\xff"}',
        b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_json_that_is_not_sound_is_refused(program, body):
    assert pointers(program("PATCH", "", body))
    assert program.get()["name"] == "summaries"


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"3", b"null"])
def test_a_body_that_is_no_object_is_refused(program, body):
    assert pointers(program("PATCH", "", body)) == [""]


def test_a_body_that_is_too_large_is_413(program):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=100):
        assert program("PATCH", "", {"name": "x" * 50}).status_code == 200
        problem(program("PATCH", "", {"name": "x" * 101}), 413)


def test_a_failure_of_the_program_shows_no_traceback(program, monkeypatch, caplog):
    def fail(project):
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(projects, "read_settings", fail)
    answer = program("GET")
    problem(answer, 500)
    assert b"secret" not in answer.content
    assert "secret of the house" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_real_server_refuses_a_body_without_length(served):
    program = Caller(world.project(), "manage")
    url, headers = served + program.base, {"Authorization": f"Bearer {program.secret}"}
    chunked = httpx.patch(
        url, content=iter([b'{"overlap": ', b"3}"]), headers={**headers, "Content-Type": "application/json"}
    )
    assert chunked.status_code == 411
    assert chunked.headers["Content-Type"] == "application/problem+json"
    moved = httpx.patch(url.rstrip("/"), json={"overlap": 3}, headers=headers, follow_redirects=True)
    assert moved.json()["overlap"] == 3, "body and key survive the redirect"
    assert httpx.get(served + "/api/v1/projects/%C3%A4/", headers=headers).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_answer_is_503(tmp_path):
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    with web_server(tmp_path, DATABASE_URL=nowhere) as (base, _):
        answer = httpx.get(f"{base}/api/v1/projects/summaries/", headers={"Authorization": "Bearer x"})
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    assert "nobody" not in answer.text


@pytest.mark.parametrize(
    "charset",
    ["latin-1", "utf-16", "idna", "rot13", "undefined", '"x"', "'", "*=nonsense''x"],
)
@pytest.mark.django_db(transaction=True)
def test_a_body_of_another_charset_is_415_whatever_the_method(served, charset):
    program = Caller(world.project(comparisons=1), "manage")
    parameter = f"charset{charset}" if charset.startswith("*") else f"charset={charset}"
    headers = {"Authorization": f"Bearer {program.secret}", "Content-Type": f"application/json; {parameter}"}
    for method, path in [("PATCH", ""), ("GET", "judgments/?model=ä"), ("POST", "feedback/")]:
        answer = httpx.request(method, served + program.base + path, content=b"{}", headers=headers)
        assert (answer.status_code, answer.headers["Content-Type"]) == (415, "application/problem+json")
        assert answer.json()["status"] == 415


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "us-ascii"])
@pytest.mark.django_db(transaction=True)
def test_utf_8_may_be_named(served, charset):
    program = Caller(world.project(), "manage")
    headers = {"Authorization": f"Bearer {program.secret}", "Content-Type": f"application/json; charset={charset}"}
    answer = httpx.patch(served + program.base, content='{"name": "Größe"}'.encode(), headers=headers)
    assert (answer.status_code, answer.json()["name"]) == (200, "Größe")


def test_a_request_for_another_host_is_a_400_problem(program):
    problem(program("GET", "judgments/", headers={"Host": "elsewhere.example"}), 400)
    assert b"<html" in Client().get("/", headers={"Host": "elsewhere.example"}).content


def test_a_failure_outside_of_any_view_is_a_500_problem(program, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", fail)
    program.client.raise_request_exception = False
    answer = program("GET", "judgments/")
    problem(answer, 500)
    assert b"secret" not in answer.content


def test_documents_answer_wrong_methods_with_problems_too():
    problem(Client().post("/api/docs/"), 405)
    problem(Client().delete("/api/schema/"), 405)
    assert json.loads(Client().get("/api/schema/", headers={"Accept": "application/json"}).content)["openapi"]
