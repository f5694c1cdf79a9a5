"""Object storage: built, served, compared, removed in a bucket as in a folder; what it refuses is told."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from moto.server import ThreadedMotoServer

from exports import retention
from exports.models import Snapshot
from exports.pipeline import publish
from exports.pipeline.build import build
from exports.pipeline.diff import diff
from exports.pipeline.rebuild import rebuild
from exports.pipeline.verify import verify_folder
from tests import world
from tests.api import Caller, problem
from tests.exports.dataset import EVERYTHING, ask, log_inference, vote

pytestmark = pytest.mark.django_db(transaction=True)

BUCKET = "datasets"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    options = {"bucket_name": BUCKET, "location": "prefapp", "endpoint_url": endpoint, "region_name": "us-east-1"}
    backend = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    with override_settings(STORAGES={**settings.STORAGES, "snapshots": backend}):
        yield client
    for key in keys(client):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)


def keys(client: Any) -> list[str]:
    return [one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.fixture
def project(db):
    made = world.project()
    for n in range(8):
        log_inference(made, f"r{n}", f"One {n}. " * 30, f"Two {n}.")
        vote(made, f"r{n}", n % 2)
    return made


def finished(project, **recipe) -> Snapshot:
    snapshot = ask(project, **{**EVERYTHING, "formats": ["preference", "judgments"], **recipe})
    build(snapshot.pk)
    snapshot.refresh_from_db()
    return snapshot


def body(answer):
    return b"".join(answer.streaming_content)


def test_a_snapshot_is_built_into_the_bucket_and_served_from_it(project, bucket, snapshot_dir, tmp_path):
    snapshot = finished(project)
    assert (snapshot.status, snapshot.error) == ("ready", "")
    paths = list(snapshot.files.values_list("path", flat=True))
    assert sorted(keys(bucket)) == sorted(f"prefapp/{snapshot.folder}/{path}" for path in paths)
    assert [path for path in snapshot_dir.rglob("*") if path.is_file()] == []
    reader = Caller(project, "read")
    for file in snapshot.files.all():
        answer = reader("GET", f"snapshots/1/files/{file.path}")
        content = body(answer)
        assert (answer.status_code, answer["ETag"], len(content)) == (200, f'"{file.sha256}"', file.bytes)
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file.path).write_bytes(content)
        part = reader("GET", f"snapshots/1/files/{file.path}", HTTP_RANGE="bytes=5-20")
        assert (part.status_code, body(part)) == (206, content[5:21])
        link = next(one for one in json.loads(reader("POST", "snapshots/1/links/", {}).content)["files"]
                    if one["path"] == file.path)  # fmt: skip
        assert body(reader.client.get(link["url"], headers={"Range": "bytes=-7"})) == content[-7:]
    assert verify_folder(tmp_path).problems == []
    with tarfile.open(fileobj=io.BytesIO(body(reader("GET", "snapshots/1/archive.tar")))) as tar:
        assert {entry.name: tar.extractfile(entry).read() for entry in tar} == {
            path: (tmp_path / path).read_bytes() for path in paths
        }


def test_increments_diffs_copies_and_rebuilding_read_from_the_bucket(project, bucket, tmp_path):
    first = finished(project)
    vote(project, "r1", 1, by="bob")
    second = finished(project, incremental=True)
    assert (second.status, second.parent.version) == ("ready", 1)
    assert diff(first, second, "judgment")["added"].count == 1
    assert rebuild(second, tmp_path / "again") == []
    call_command("build_snapshot", project=project.slug, out=tmp_path / "copy", formats=["preference"])
    assert verify_folder(tmp_path / "copy").problems == []


def test_removed_files_leave_the_bucket_save_for_card_and_manifest(project, bucket):
    snapshot = finished(project)
    retention.remove_files(snapshot, actor="test")
    assert [key.rpartition("/")[2] for key in sorted(keys(bucket))] == ["README.md", "manifest.json"]


def test_a_file_that_went_missing_is_gone_and_no_empty_download(project, bucket):
    snapshot = finished(project)
    for key in keys(bucket):
        bucket.delete_object(Bucket=BUCKET, Key=key)
    problem(Caller(project, "read")("GET", "snapshots/1/files/README.md"), 410)
    assert snapshot.status == "ready"


def test_a_storage_that_refuses_leaves_a_clean_failure(project, bucket, snapshot_dir):
    bucket.delete_bucket(Bucket=BUCKET)
    snapshot = finished(project)
    bucket.create_bucket(Bucket=BUCKET)
    assert (snapshot.status, snapshot.files.count()) == ("failed", 0)
    assert snapshot.error == "The storage refused to write to the bucket datasets: NoSuchBucket."
    assert [path for path in snapshot_dir.rglob("*") if path.is_file()] == []


def test_a_storage_that_does_not_answer_leaves_a_clean_failure(project, bucket, monkeypatch):
    ready = finished(project)
    gone = json.loads(json.dumps(settings.STORAGES))
    gone["snapshots"]["OPTIONS"]["endpoint_url"] = "http://127.0.0.1:9"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with override_settings(STORAGES=gone):
        snapshot = finished(project)
        problem(Caller(project, "read")("GET", f"snapshots/{ready.version}/files/README.md"), 503)
    assert snapshot.status == "failed"
    assert "The storage failed to write to the bucket datasets" in snapshot.error


def test_an_attempt_that_lost_leaves_nothing_in_the_bucket(project, bucket):
    snapshot = publish.claim(ask(project).pk)
    draft = publish.draft_folder(snapshot)
    (draft / "manifest.json").write_text("{}")
    publish.cancel(snapshot, actor="test")
    draft.mkdir(parents=True, exist_ok=True)
    (draft / "manifest.json").write_text("{}")
    with pytest.raises(publish.LostError):
        publish.publish(snapshot, draft, [], {})
    assert keys(bucket) == []
