"""A snapshot as one stream, and links that open it without a key."""

from __future__ import annotations

import datetime as dt
import io
import json
import tarfile

import pytest
from django.test import Client
from django.utils import timezone

from exports import links
from tests import world
from tests.api import Caller, pointers, problem
from tests.exports.dataset import ask, published

pytestmark = pytest.mark.django_db

DATA = "preference/train-00000-of-00001.parquet"


@pytest.fixture
def snapshot(db):
    return published(world.project(), {DATA: bytes(range(256)) * 3, "README.md": b"# Card" * 200, "x": bytes(512)})


@pytest.fixture
def reader(snapshot):
    return Caller(snapshot.project, "read")


def unpacked(answer):
    content = b"".join(answer.streaming_content)
    assert len(content) == int(answer["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar}


def test_the_archive_holds_the_whole_folder(snapshot, reader):
    answer = reader("GET", "snapshots/latest/archive.tar")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/x-tar")
    assert answer["Content-Disposition"] == 'attachment; filename="summaries-v1.tar"'
    assert unpacked(answer) == {file.path: file.location.read_bytes() for file in snapshot.files.all()}
    again = reader("GET", "snapshots/1/archive.tar", HTTP_IF_NONE_MATCH=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    head = reader("HEAD", "snapshots/1/archive.tar")
    assert (head["Content-Length"], head.content) == (answer["Content-Length"], b"")


def test_an_archive_is_for_readers_and_of_ready_snapshots(snapshot, reader):
    ask(snapshot.project)
    problem(reader("GET", "snapshots/2/archive.tar"), 409)
    problem(reader("POST", "snapshots/2/links/", {}), 409)
    problem(reader("POST", "snapshots/1/archive.tar"), 405)
    for path, method in (("snapshots/1/archive.tar", "GET"), ("snapshots/1/links/", "POST")):
        problem(Caller(snapshot.project, "ingest")(method, path), 403)
        problem(Client().generic(method, f"{reader.base}{path}"), 401)


def make_links(reader, **body):
    answer = reader("POST", "snapshots/1/links/", body)
    assert answer.status_code == 201, answer.content
    return json.loads(answer.content)


def test_links_open_the_files_and_the_archive_without_a_key(snapshot, reader):
    made = make_links(reader, expires_in=60)
    anybody = Client()
    for file in made["files"]:
        answer = anybody.get(file["url"])
        assert b"".join(answer.streaming_content) == (snapshot.path / file["path"]).read_bytes()
    assert {file["path"] for file in made["files"]} == set(unpacked(anybody.get(made["archive"])))
    url = next(file["url"] for file in made["files"] if file["path"] == DATA)
    part = anybody.get(url, headers={"Range": "bytes=0-9"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, bytes(range(10)))
    assert dt.datetime.fromisoformat(made["expires_at"]) <= timezone.now() + dt.timedelta(seconds=60)


def test_a_link_opens_one_snapshot_for_its_time_only(snapshot, reader, monkeypatch):
    published(snapshot.project, {DATA: b"other"})
    other = published(world.project("other"), {DATA: b"other"})
    made = make_links(reader)
    url = next(file["url"] for file in made["files"] if file["path"] == DATA)
    problem(Client().get(url.replace("summaries", other.project.slug)), 404)
    problem(Client().get(url.replace("train", "../train")), 404)
    problem(Client().get(url.replace("/links/", "/links/x")), 403)
    problem(Client().post(url), 405)
    later = timezone.now() + dt.timedelta(hours=2)
    monkeypatch.setattr(links.timezone, "now", lambda: later)
    assert "over" in problem(Client().get(url), 403)["detail"]


@pytest.mark.parametrize("seconds", [0, links.LONGEST_SECONDS + 1, "long"])
def test_how_long_a_link_may_last(reader, seconds):
    assert pointers(reader("POST", "snapshots/1/links/", {"expires_in": seconds})) == ["/expires_in"]
