"""The whole way with real processes: asked for over HTTP, built by a worker, downloaded with a break in between."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from redis import Redis

from annotation.keys import create_key
from exports.pipeline import publish
from exports.pipeline.recipe import parse_recipe
from exports.pipeline.verify import verify_folder
from tests import world
from tests.exports.dataset import log_inference, vote
from tests.processes import Running

pytestmark = pytest.mark.django_db(transaction=True)

BUILD_SECONDS = 120


@pytest.fixture
def api(served: str):
    project = world.project()
    for number in range(40):
        log_inference(project, f"r{number}", f"One {number}. " * 500, f"Two {number}. " * 500)
        vote(project, f"r{number}", number % 2)
    secret = create_key(project, name="engineer", scopes=["manage"], actor="test")[1]
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=f"{served}/api/v1/projects/summaries/", headers=headers, timeout=30) as client:
        yield client


def test_builds_wait_in_a_queue_of_their_own():
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()
        publish.request(world.project(), publish.Request(parse_recipe({}), "test"))
        assert (broker.llen("builds"), broker.llen("celery")) == (1, 0)
        broker.flushdb()


def follow(api: httpx.Client, location: str, until: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + BUILD_SECONDS
    while not until(snapshot := api.get(location).raise_for_status().json()):
        assert time.monotonic() < deadline, snapshot
        time.sleep(0.05)
    return snapshot


def resume(api: httpx.Client, file: dict[str, Any], target: Path) -> int:
    """Download a file; break the connection off after some bytes, then go on. Returns the bytes of the first try."""
    with target.open("wb") as part, api.stream("GET", file["url"]) as answer:
        for block in answer.iter_bytes(1000):
            part.write(block)
            break
    there = target.stat().st_size
    headers = {"Range": f"bytes={there}-", "If-Range": answer.headers["ETag"]}
    with target.open("ab") as part, api.stream("GET", file["url"], headers=headers) as answer:
        assert answer.status_code == 206
        for block in answer.iter_bytes():
            part.write(block)
    return there


def test_built_by_a_worker_and_downloaded_in_two_parts(api: httpx.Client, worker: Running, tmp_path: Path):
    answer = api.post("snapshots/", json={"recipe": {"split": {"test": 0}}, "formats": ["preference", "judgments"]})
    assert answer.status_code == 202
    snapshot = follow(api, answer.headers["Location"], lambda told: told["status"] not in ("queued", "building"))
    assert (snapshot["status"], snapshot["error"], snapshot["rows"]) == ("ready", None, 80)
    for file in snapshot["files"]:
        target = tmp_path / file["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        assert resume(api, file, target) < file["bytes"] or file["bytes"] <= 1000
        assert hashlib.sha256(target.read_bytes()).hexdigest() == file["sha256"]
        again = api.get(file["url"], headers={"If-None-Match": f'"{file["sha256"]}"'})
        assert (again.status_code, again.content) == (304, b"")
        head = api.head(file["url"])
        assert (head.status_code, int(head.headers["Content-Length"]), head.content) == (200, file["bytes"], b"")
    assert verify_folder(tmp_path).problems == []
