"""Many at once, and a server that dies in the middle: nothing is lost, nothing is there twice, and the log holds."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command

from annotation.intake.streams import BATCH_ROWS
from annotation.models import Candidate, Feedback, Judgment, Prompt
from tests import world
from tests.annotation.intake.records import inference, preference, rating
from tests.api import Caller
from tests.processes import Running, web_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.faults]

CLIENTS = 8
LINES = "application/x-ndjson"
SECONDS = 300


@pytest.fixture
def program(db) -> Caller:
    return Caller(world.project(), "ingest")


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def client(base: str, program: Caller) -> httpx.Client:
    headers = {"Authorization": f"Bearer {program.secret}"}
    return httpx.Client(base_url=base + program.base, headers=headers, timeout=SECONDS)


def send_lines(api: httpx.Client, path: str, body: bytes) -> httpx.Response:
    return api.post(path, content=body, headers={"Content-Type": LINES})


def said(command: str, **options: Any) -> str:
    out = StringIO()
    call_command(command, stdout=out, **options)
    return out.getvalue()


def assert_log_holds(program: Caller, *, judgments: int) -> None:
    slug = program.key.project.slug
    assert said("verify_log", project=slug).startswith("ok: ")
    assert said("replay_log", project=slug, check=True).strip() == f"identical: {judgments} judgments"


class TestAtOnce:
    """Eight clients send the same records at the same time, half of them as streams and half as lists."""

    REQUESTS, RECORDS, LIST = 500, 5_000, 250

    def answers(self, api: httpx.Client, number: int, records: list[dict[str, Any]]) -> Iterator[httpx.Response]:
        records = random.Random(number).sample(records, len(records))
        if number % 2:
            yield send_lines(api, "feedback/", lines(records))
        else:
            for start in range(0, len(records), self.LIST):
                yield api.post("feedback/", json=records[start : start + self.LIST])

    def test_each_record_is_a_judgment_once_and_every_client_is_told_so(self, program, tmp_path):
        requests = [f"r{n}" for n in range(self.REQUESTS)]
        records = [(rating if n % 3 else preference)(f"f{n}", requests[n % len(requests)]) for n in range(self.RECORDS)]
        with web_server(tmp_path, workers=2) as (base, _), client(base, program) as api:
            assert send_lines(api, "inferences/", lines([inference(one) for one in requests])).status_code == 201
            with ThreadPoolExecutor(CLIENTS) as pool:
                told = list(pool.map(lambda n: list(self.answers(api, n, records)), range(CLIENTS)))
        answers = [answer for one in told for answer in one]
        assert {answer.status_code for answer in answers} <= {200, 201, 207}, {a.status_code for a in answers}
        for one in told:
            counts = [answer.json() for answer in one]
            assert sum(c["created"] + c["duplicates"] for c in counts) == self.RECORDS
            assert not any(c["refused"] for c in counts)
        assert sum(answer.json()["created"] for answer in answers) == self.RECORDS
        results = [result for answer in answers for result in answer.json()["results"]]
        assert {result["state"] for result in results} == {"joined"}
        assert len(results) == self.RECORDS * CLIENTS / 2
        assert Judgment.objects.count() == Feedback.objects.count() == self.RECORDS
        assert_log_holds(program, judgments=self.RECORDS)


class TestKilled:
    """The web server is killed in the middle of a stream; another one is sent the whole of it."""

    RECORDS, SEEN = 100_000, 20_000

    def send_and_kill(self, folder: Path, program: Caller, path: str, body: bytes, stored: Callable[[], int]) -> int:
        """Send a stream and kill the server when part of it is stored; how much was, just before."""
        with web_server(folder) as (base, server), client(base, program) as api, ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send_lines, api, path, body)
            seen = self.await_some(stored, server)
            server.signal(signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                sending.result()
        return seen

    def await_some(self, stored: Callable[[], int], server: Running) -> int:
        deadline = time.monotonic() + SECONDS
        while (seen := stored()) < self.SEEN:
            assert time.monotonic() < deadline
            assert server.process.poll() is None
            time.sleep(0.02)
        return seen

    def send_again(self, folder: Path, program: Caller, path: str, body: bytes, seen: int) -> None:
        """Send the whole to another server: what was stored is a duplicate, the rest is new."""
        with web_server(folder) as (base, _), client(base, program) as api:
            answer = send_lines(api, path, body)
        told = answer.json()
        assert (answer.status_code, told["refused"], told["results"]) == (207, 0, [])
        assert told["created"] + told["duplicates"] == self.RECORDS
        assert seen <= told["duplicates"] < self.RECORDS
        assert told["duplicates"] % BATCH_ROWS == 0, "whole batches"

    def test_the_whole_again_completes_it(self, program, tmp_path):
        inferences = lines([inference(f"r{n}") for n in range(self.RECORDS)])
        seen = self.send_and_kill(tmp_path, program, "inferences/", inferences, Prompt.objects.count)
        self.send_again(tmp_path, program, "inferences/", inferences, seen)
        assert (Prompt.objects.count(), Candidate.objects.count()) == (self.RECORDS, 2 * self.RECORDS)
        assert_log_holds(program, judgments=0)

        feedback = lines([preference(f"f{n}", f"r{n}") for n in range(self.RECORDS)])
        seen = self.send_and_kill(tmp_path, program, "feedback/", feedback, Feedback.objects.count)
        self.send_again(tmp_path, program, "feedback/", feedback, seen)
        assert Judgment.objects.count() == Feedback.objects.count() == self.RECORDS
        assert_log_holds(program, judgments=self.RECORDS)
