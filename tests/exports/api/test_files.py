"""Downloads: the whole, a part, nothing new; never anything but the snapshot's own files."""

from __future__ import annotations

import pytest

from tests import world
from tests.api import Caller, problem
from tests.exports.dataset import ask, published

pytestmark = pytest.mark.django_db

DATA = "preference/train-00000-of-00001.parquet"
URL = f"snapshots/1/files/{DATA}"


@pytest.fixture
def snapshot(db):
    return published(world.project(), {DATA: bytes(range(256)) * 4, "README.md": b"# Card"})


@pytest.fixture
def reader(snapshot):
    return Caller(snapshot.project, "read")


@pytest.fixture
def content(snapshot):
    return (snapshot.path / DATA).read_bytes()


def body(answer):
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_the_whole_file(snapshot, reader, content):
    answer = reader("GET", URL)
    assert (answer.status_code, body(answer)) == (200, content)
    assert answer["ETag"] == f'"{snapshot.files.get(path=DATA).sha256}"'
    assert answer["Content-Length"] == str(len(content))
    assert answer["Content-Type"] == "application/vnd.apache.parquet"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Disposition"] == 'attachment; filename="train-00000-of-00001.parquet"'
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_head_has_the_headers_and_no_body(reader, content):
    answer = reader("HEAD", URL)
    assert (answer.status_code, body(answer), answer["Content-Length"]) == (200, b"", str(len(content)))


@pytest.mark.parametrize(
    ("wanted", "part"), [("bytes=0-9", slice(0, 10)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None))]
)
def test_a_part(reader, content, wanted, part):
    answer = reader("GET", URL, HTTP_RANGE=wanted)
    first = range(len(content))[part][0]
    assert (answer.status_code, body(answer)) == (206, content[part])
    assert answer["Content-Range"] == f"bytes {first}-{first + len(content[part]) - 1}/{len(content)}"


def test_a_part_outside_of_the_file(reader, content):
    answer = reader("GET", URL, HTTP_RANGE=f"bytes={len(content)}-")
    problem(answer, 416)
    assert answer["Content-Range"] == f"bytes */{len(content)}"


def test_several_parts_are_the_whole(reader, content):
    answer = reader("GET", URL, HTTP_RANGE="bytes=0-1,4-5")
    assert (answer.status_code, body(answer)) == (200, content)


def test_a_part_only_if_it_is_still_the_same_file(snapshot, reader, content):
    etag = f'"{snapshot.files.get(path=DATA).sha256}"'
    assert reader("GET", URL, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=etag).status_code == 206
    answer = reader("GET", URL, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE='"other"')
    assert (answer.status_code, body(answer)) == (200, content)


def test_what_the_client_has_is_not_sent_again(snapshot, reader):
    etag = f'"{snapshot.files.get(path=DATA).sha256}"'
    answer = reader("GET", URL, HTTP_IF_NONE_MATCH=f'"x", {etag}')
    assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", etag)
    assert "Content-Type" not in answer


@pytest.mark.parametrize("accept", ["*/*", "application/octet-stream", "text/html"])
def test_a_file_is_had_whatever_the_client_accepts(reader, accept):
    assert reader("GET", URL, HTTP_ACCEPT=accept).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["nothing", "preference", "../v1-1/README.md", "..%2f..%2fv1-1%2fREADME.md", "%2e%2e/README.md",
     "/etc/passwd", "preference/../README.md", "README.md/", "README.md%00", "./README.md"],
)  # fmt: skip
def test_nothing_but_the_files_of_the_snapshot(reader, path):
    problem(reader("GET", f"snapshots/1/files/{path}"), 404)


def test_an_unfinished_snapshot_has_no_files(snapshot, reader):
    ask(snapshot.project)
    problem(reader("GET", "snapshots/2/files/README.md"), 404)


def test_a_file_that_went_missing_is_gone_and_no_empty_download(snapshot, reader):
    (snapshot.path / DATA).unlink()
    assert "gone from the disk" in problem(reader("GET", URL), 410)["detail"]
    problem(reader("GET", "snapshots/1/archive.tar"), 410)
