"""Bodies as a real server receives them: streamed, cut short, without length. What is not whole is not acknowledged."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import subprocess
from urllib.parse import urlsplit

import httpx
import pytest
import zstandard

from annotation.models import Prompt
from tests import world
from tests.annotation.intake.records import inference
from tests.api import Caller

pytestmark = pytest.mark.django_db(transaction=True)

LINES = "application/x-ndjson"


@pytest.fixture
def program(served):
    return Caller(world.project(), "ingest", "annotate")


@pytest.fixture
def url(served, program):
    return f"{served}{program.base}inferences/"


def lines(count):
    return b"".join(json.dumps(inference(f"r{n}")).encode() + b"\n" for n in range(count))


def headers(program, **more):
    return {"Authorization": f"Bearer {program.secret}", "Content-Type": LINES, **more}


def chunked(body, *, end=b"0\r\n\r\n"):
    """A body in chunks of a thousand bytes, and how it ends."""
    pieces = [body[start : start + 1_000] for start in range(0, len(body), 1_000)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + end


def exchange(program, url, raw, *, path="inferences/", breaks_off=False, **more):
    """Send bytes, and end the sending there when it breaks off; the status and body of the answer."""
    address = urlsplit(url)
    told = "".join(f"{name}: {value}\r\n" for name, value in headers(program, Connection="close", **more).items())
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(f"POST {program.base}{path} HTTP/1.1\r\nHost: localhost\r\n{told}\r\n".encode() + raw)
        if breaks_off:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def test_a_stream_with_its_length_is_taken(program, url):
    answer = httpx.post(url, content=lines(2_500), headers=headers(program), timeout=60)
    assert (answer.status_code, answer.json()["created"]) == (201, 2_500)


def test_a_body_shorter_than_its_length_is_400_and_leaves_whole_batches(program, url):
    body = lines(2_500)
    status, told = exchange(program, url, body[:-1], breaks_off=True, **{"Content-Length": str(len(body))})
    assert status == 400
    assert f"{len(body) - 1:,} of {len(body):,} bytes" in told["detail"]
    assert "2,000 records" in told["detail"]
    assert Prompt.objects.count() == 2_000
    answer = httpx.post(url, content=body, headers=headers(program), timeout=60)
    assert (answer.status_code, answer.json()["created"], answer.json()["duplicates"]) == (207, 500, 2_000)


def test_a_document_shorter_than_its_length_is_400(program, url):
    for path, body in [("inferences/", b"[]"), ("queue/claim/", b'{"annotator": "critic"}')]:
        more = {"Content-Type": "application/json", "Content-Length": str(len(body) + 1)}
        assert exchange(program, url, body, path=path, breaks_off=True, **more)[0] == 400
        assert exchange(program, url, body + b" ", path=path, **more)[0] == 200


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"", b"zz\r\n"])
def test_a_stream_whose_end_cannot_be_told_from_a_cut_is_411(program, url, end):
    body = chunked(lines(20), end=end)
    status, told = exchange(program, url, body, breaks_off=not end, **{"Transfer-Encoding": "chunked"})
    assert (status, told["status"]) == (411, 411)
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_packed_stream_tells_its_end_and_needs_no_length(program, url, encoding, pack):
    packed = pack(lines(1_200))
    more = {"Transfer-Encoding": "chunked", "Content-Encoding": encoding}
    for cut, end in [(1, b"0\r\n\r\n"), (9, b""), (len(packed), b"0\r\n\r\n"), (200, b"zz\r\n")]:
        status, told = exchange(program, url, chunked(packed[:-cut], end=end), breaks_off=not end, **more)
        assert status == 400, (cut, end, told)
    assert exchange(program, url, chunked(packed + pack(b"")), **more)[0] == 400, "where would that end?"
    assert Prompt.objects.count() == 1_000
    status, told = exchange(program, url, chunked(packed), **more)
    assert (status, told["created"], told["duplicates"]) == (207, 200, 1_000)


@pytest.mark.skipif(not shutil.which("curl"), reason="no curl on this machine")
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
def test_curl_from_a_pipe(program, url, version):
    def upload(body, *more):
        sent = [part for name, value in headers(program).items() for part in ("-H", f"{name}: {value}")]
        command = ["curl", "-s", version, "-X", "POST", "-T", "-", "-w", "\n%{http_code}", *sent, *more, url]
        said = subprocess.run(command, input=body, capture_output=True, check=True).stdout
        told, _, status = said.rpartition(b"\n")
        return int(status), json.loads(told)

    status, _ = upload(lines(50))
    assert status == 411
    assert not Prompt.objects.exists()
    status, told = upload(gzip.compress(lines(50)), "-H", "Content-Encoding: gzip")
    assert (status, told["created"]) == (201, 50)
