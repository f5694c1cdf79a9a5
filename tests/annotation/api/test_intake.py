"""Logging over HTTP: one record, a list of them, a stream of lines; each kept once, refused ones told."""

from __future__ import annotations

import gzip
import json

import pytest
import zstandard
from django.test import Client, override_settings

from annotation import canonical
from annotation.models import Candidate, Feedback, Judgment, Prompt
from tests import world
from tests.annotation.intake.records import inference, preference, ranking, score, tie
from tests.api import Caller, pointers, problem

pytestmark = pytest.mark.django_db

LINES = "application/x-ndjson"


@pytest.fixture
def project(db):
    return world.project()


@pytest.fixture
def program(project):
    return Caller(project, "ingest")


def ndjson(*records):
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def send(program, path, body, status, **extra):
    """Send a body that is not refused as a whole; the counts and results of the answer."""
    answer = program("POST", path, body, **extra)
    assert answer.status_code == status, answer.content
    told = answer.json()
    return (told["created"], told["duplicates"], told["refused"]), told["results"]


def stream(program, path, *records, status):
    return send(program, path, ndjson(*records), status, content_type=LINES)


class TestOne:
    def test_an_inference_is_kept_once_and_its_outputs_are_told(self, program):
        counts, (result,) = send(program, "inferences/", inference(), 201)
        assert counts == (1, 0, 0)
        assert (result["index"], result["id"], result["result"], result["errors"]) == (0, "r1", "created", [])
        assert result["outputs"] == [
            {"output_id": "r1-a", "digest": canonical.output_digest("One thing.")},
            {"output_id": "r1-b", "digest": canonical.output_digest("Another.")},
        ]
        assert send(program, "inferences/", inference(), 200) == ((0, 1, 0), [{**result, "result": "duplicate"}])
        assert Prompt.objects.count() == 1

    def test_output_ids_that_the_server_makes_are_the_same_again(self, program):
        record = inference(outputs=[{"content": "x"}, {"content": "y"}])
        first, again = send(program, "inferences/", record, 201), send(program, "inferences/", record, 200)
        assert first[1][0]["outputs"] == again[1][0]["outputs"]
        assert Candidate.objects.count() == 2

    @pytest.mark.parametrize("make", [preference, tie, score, ranking])
    def test_feedback_becomes_a_judgment(self, program, make):
        program("POST", "inferences/", inference())
        counts, (result,) = send(program, "feedback/", make(), 201)
        assert (counts, result["id"], result["outputs"]) == ((1, 0, 0), "f1", [])
        assert send(program, "feedback/", make(), 200)[0] == (0, 1, 0)
        assert Judgment.objects.count() == 1

    def test_another_record_under_the_same_id_is_409_and_changes_nothing(self, program):
        program("POST", "inferences/", inference())
        program("POST", "feedback/", preference())
        problem(program("POST", "inferences/", inference(prompt="Another?")), 409)
        problem(program("POST", "feedback/", preference(strength=2)), 409)
        assert Prompt.objects.get().content == "What is r1?"
        assert Feedback.objects.get().body == preference()

    @pytest.mark.parametrize(
        ("path", "record", "where"),
        [
            ("inferences/", inference(prompt=3), "/prompt"),
            ("inferences/", inference(outputs=[]), "/outputs"),
            ("inferences/", {}, "/request_id"),
            ("feedback/", preference(chosen="other"), "/chosen"),
            ("feedback/", preference(digests={"r1-a": "0" * 64}), "/digests/r1-a"),
            ("feedback/", preference(mood="good"), "/mood"),
            ("feedback/", preference(kind="nonsense"), "/kind"),
            ("feedback/", "text", ""),
        ],
    )
    def test_what_is_wrong_with_a_refused_record_is_pointed_to(self, program, path, record, where):
        program("POST", "inferences/", inference())
        assert where in pointers(program("POST", path, record))
        assert not Feedback.objects.exists()
        assert Prompt.objects.count() == 1

    def test_a_body_that_is_not_sound_is_refused(self, program):
        for body in [b" ", b"{", b'{"feedback_id": "a", "feedback_id": "b"}', b'{"confidence": NaN}', b"\xff"]:
            assert pointers(program("POST", "feedback/", body)) == [""]


class TestList:
    def test_each_record_has_its_result_and_the_good_ones_are_kept(self, program):
        program("POST", "inferences/", [inference("r1"), inference("r2")])
        program("POST", "feedback/", [preference("f1"), preference("f2")])
        sent = [preference("f1"), preference("f2", strength=3), preference("f3", chosen="x"), preference("f4", "r2"), 5]
        counts, results = send(program, "feedback/", sent, 207)
        assert counts == (1, 1, 3)
        assert [(one["index"], one["id"], one["result"]) for one in results] == [
            *((0, "f1", "duplicate"), (1, "f2", "conflict"), (2, "f3", "refused"), (3, "f4", "created")),
            (4, None, "refused"),
        ]
        assert [error["pointer"] for error in results[2]["errors"]] == ["/chosen"]
        assert {(one["detail"] != "") for result in results for one in result["errors"]} == {True}
        assert set(Feedback.objects.values_list("feedback_id", flat=True)) == {"f1", "f2", "f4"}

    def test_all_new_is_201_all_known_200_both_207(self, program):
        assert send(program, "inferences/", [inference("r1"), inference("r2")], 201)[0] == (2, 0, 0)
        assert send(program, "inferences/", [inference("r1"), inference("r2")], 200)[0] == (0, 2, 0)
        assert send(program, "inferences/", [inference("r1"), inference("r3")], 207)[0] == (1, 1, 0)

    def test_a_record_twice_in_one_list_is_created_and_a_duplicate(self, program):
        assert send(program, "inferences/", [inference(), inference()], 207)[0] == (1, 1, 0)

    def test_an_empty_list_is_nothing(self, program):
        assert send(program, "inferences/", [], 200) == ((0, 0, 0), [])

    def test_one_unsound_record_spoils_no_other(self, program):
        body = b'[%b, {"request_id": "x", "request_id": "y"}, %b]' % (
            json.dumps(inference("r1")).encode(),
            json.dumps(inference("r2")).encode(),
        )
        counts, results = send(program, "inferences/", body, 207)
        assert counts == (2, 0, 1)
        assert [one["index"] for one in results if one["errors"]] == [1]

    @pytest.mark.parametrize("body", [b"[", b"[1, 2", b"[1}", b"[1] [2]", b"[,]", b'["'])
    def test_a_broken_list_is_refused_as_a_whole(self, program, body):
        assert pointers(program("POST", "inferences/", body)) == [""]

    def test_a_thousand_go_and_one_more_is_refused_whole(self, program):
        records = [{"request_id": f"r{n}"} for n in range(1_001)]
        assert send(program, "inferences/", records[:-1], 207)[0] == (0, 0, 1_000)
        told = problem(program("POST", "inferences/", records), 422)
        assert "1,000" in told["detail"]
        assert "x-ndjson" in told["detail"]
        assert told["errors"] == [{"pointer": "", "detail": "must have at most 1000 items"}]
        assert not Prompt.objects.exists()


class TestLines:
    def test_only_refused_lines_are_told(self, program):
        counts, results = stream(program, "inferences/", inference("r1"), {"bad": 1}, inference("r2"), status=207)
        assert counts == (2, 0, 1)
        (refused,) = results
        assert (refused["line"], refused["id"], refused["result"]) == (2, None, "refused")
        assert refused["errors"]
        assert stream(program, "inferences/", inference("r1"), inference("r2"), status=200) == ((0, 2, 0), [])
        _, (conflict,) = stream(program, "inferences/", inference("r1"), inference("r2", prompt="?"), status=207)
        assert (conflict["line"], conflict["id"], conflict["result"]) == (2, "r2", "conflict")

    def test_any_length_goes_and_a_thousand_refused_lines_are_told(self, program):
        records = [{"request_id": f"r{n}"} for n in range(2_100)]
        answer = program("POST", "inferences/", ndjson(*records), content_type=LINES)
        told = answer.json()
        assert (answer.status_code, told["refused"], told["truncated"]) == (207, 2_100, True)
        assert [one["line"] for one in told["results"]] == list(range(1, 1_001))

    def test_blank_lines_and_a_missing_last_line_end_are_fine(self, program):
        body = b"\n" + ndjson(inference("r1")) + b"\r\n" + ndjson(inference("r2")).rstrip()
        assert send(program, "inferences/", body, 201, content_type=LINES)[0] == (2, 0, 0)

    @pytest.mark.parametrize("body", [b"", b"\n\n"])
    def test_an_empty_stream_is_nothing(self, program, body):
        declared = {"CONTENT_TYPE": LINES, "CONTENT_LENGTH": str(len(body))}
        assert send(program, "feedback/", body, 200, content_type=LINES, **declared) == ((0, 0, 0), [])

    def test_a_media_type_may_have_parameters_and_any_case(self, program):
        body = ndjson(inference())
        assert send(program, "inferences/", body, 201, content_type="Application/X-NDJSON; charset=utf-8")[0][0] == 1


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("body", [inference(), [inference()]])
def test_a_byte_order_mark_is_no_part_of_the_body(program, body):
    assert send(program, "inferences/", BOM + json.dumps(body).encode(), 201)[0] == (1, 0, 0)
    assert send(program, "inferences/", body, 200)[0] == (0, 1, 0)
    assert pointers(program("POST", "inferences/", json.dumps(inference("r2")).encode() + BOM)) == [""]


PACKED = [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("zstd", zstandard.compress)]


@pytest.mark.parametrize(("encoding", "pack"), PACKED)
class TestPacked:
    def send(self, program, encoding, body, content_type=LINES):
        return program("POST", "inferences/", body, content_type=content_type, headers={"Content-Encoding": encoding})

    def test_every_form_may_be_packed(self, program, encoding, pack):
        lines = self.send(program, encoding, pack(ndjson(inference("r1"), inference("r2"))))
        one = self.send(program, encoding, pack(json.dumps(inference("r3")).encode()), "application/json")
        several = self.send(program, encoding, pack(json.dumps([inference("r4")]).encode()), "application/json")
        assert [answer.json()["created"] for answer in (lines, one, several)] == [2, 1, 1]

    def test_damage_and_a_cut_are_400(self, program, encoding, pack):
        packed = pack(ndjson(*(inference(f"r{n}") for n in range(50))))
        for body in (packed[:-1], packed[:-20], packed + b"more", b"plain text"):
            assert "unpacked" in problem(self.send(program, encoding, body), 400)["detail"]
            problem(self.send(program, encoding, body, "application/json"), 400)

    def test_a_document_is_limited_by_what_it_unpacks_to(self, program, encoding, pack):
        with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=10_000):
            body = json.dumps(inference(prompt="x" * 20_000)).encode()
            assert len(pack(body)) < 1_000
            problem(self.send(program, encoding, pack(body), "application/json"), 413)
        assert self.send(program, encoding, pack(body), "application/json").status_code == 201

    def test_a_stream_that_unpacks_to_many_times_its_size_is_413(self, program, encoding, pack):
        bomb = pack(b" " * 10 * 1024 * 1024)
        assert len(bomb) < 50_000
        assert "send the whole again" not in problem(self.send(program, encoding, bomb), 413)["detail"]


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "x"])
def test_another_encoding_is_415_and_the_answer_names_those_that_go(program, encoding):
    for content_type in (LINES, "application/json"):
        answer = program("POST", "feedback/", b"x", content_type=content_type, headers={"Content-Encoding": encoding})
        problem(answer, 415)
        assert "zstd" in answer["Accept-Encoding"]


@pytest.mark.parametrize("encoding", ["identity", "", " "])
def test_no_encoding_may_be_named_as_such(program, encoding):
    answer = program("POST", "inferences/", inference(), headers={"Content-Encoding": encoding})
    assert answer.status_code == 201


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonl", ""])
def test_another_media_type_is_415(program, content_type):
    problem(program("POST", "feedback/", b"{}", content_type=content_type), 415)


def test_a_body_that_is_too_large_is_413(program):
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=1_000):
        problem(program("POST", "inferences/", inference(prompt="x" * 1_000)), 413)
        assert stream(program, "inferences/", inference(prompt="x" * 1_000), status=201)[0] == (1, 0, 0)


def test_only_a_key_with_the_scope_of_its_own_project_may_write(project, program):
    for path in ("inferences/", "feedback/"):
        problem(Caller(project, "read", "annotate")("POST", path, inference()), 403)
        problem(Caller(world.project(f"other-{path[:-1]}"), "ingest")("POST", program.base + path, inference()), 404)
        problem(Client().post(program.base + path, inference(), "application/json"), 401)
        assert Caller(project, "manage")("POST", path, []).status_code == 200
    assert not Prompt.objects.exists()


def test_a_lead_in_a_browser_needs_the_csrf_token(project, program):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.lead("alice", project))
    url, body = program.base + "inferences/", ndjson(inference())
    problem(client.post(url, body, LINES), 403)
    client.cookies["csrftoken"] = token = "x" * 32
    for sent, media_type in [(body, LINES), (json.dumps(inference("r2")), "application/json")]:
        answer = client.post(url, sent, media_type, headers={"X-CSRFToken": token})
        assert (answer.status_code, answer.json()["created"]) == (201, 1)
    client.force_login(world.person("bob"))
    problem(client.post(url, body, LINES, headers={"X-CSRFToken": token}), 403)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(program, method):
    problem(program(method, "inferences/"), 405)
