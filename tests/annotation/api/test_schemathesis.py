"""The API against its own OpenAPI document: schemathesis with all its checks, over HTTP, with a key for everything.

No 5xx, no answer that the document does not tell. schemathesis.toml says what it starts from and what is left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from redis import Redis

from annotation import queue
from annotation.models import Assignment
from exports.links import make_token
from tests import world
from tests.annotation.intake.records import inference, rating
from tests.api import Caller
from tests.exports.dataset import built

pytestmark = pytest.mark.django_db(transaction=True)

CONFIG = Path(__file__).with_name("schemathesis.toml")
LEASES = [f"00000000-0000-4000-8000-00000000000{n}" for n in range(1, 7)]


@pytest.fixture
def environment(served: str) -> Iterator[dict[str, str]]:
    """The base URL of a server, a key, and a link into a snapshot; behind them, all that schemathesis.toml names."""
    project = world.project(comparisons=40, pairing="all_pairs")
    alice = world.annotator(project, "alice")
    for value in ("a", "tie"):
        world.judge_next(alice, value)
    program = Caller(project, "manage")
    program("POST", "inferences/", inference("r/2 ü"))
    program("POST", "feedback/", rating("early", "later"))
    leases = queue.hold(queue.annotator_for_program(project, "critic-1"), count=len(LEASES))
    for lease, uid in zip(leases, LEASES, strict=True):
        Assignment.objects.filter(pk=lease.pk).update(uid=uid)
    snapshots = [built(project) for _ in range(2)]
    yield {"BASE": served, "KEY": program.secret, "LINK_TOKEN": make_token(snapshots[0], seconds=3600)[0]}
    shutil.rmtree(settings.SNAPSHOT_DIR / str(project.uid))
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()  # builds of snapshots that nobody will ever build


def schemathesis(environment: dict[str, str], report: Path, *options: str) -> Any:
    """Run it; its report. Fails with what it found."""
    known = {"PYTHONPATH": str(settings.BASE_DIR), "LINK_TOKEN": environment["LINK_TOKEN"]}
    command = [str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(CONFIG), "--no-color", "run"]
    key = ["-H", f"Authorization: Bearer {environment['KEY']}"]
    options = ("--checks", "all", "--continue-on-failure", "--report-json-path", str(report), *options)
    done = subprocess.run(
        [*command, f"{environment['BASE']}/api/schema/", *key, *options],
        cwd=report.parent,
        env={**os.environ, **known},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    told = json.loads(report.read_text())
    assert (told["complete"], told["errors"], told["operations"]["tested"]) == (True, [], told["operations"]["total"])
    return told


@pytest.mark.slow
def test_thousands_of_calls_find_nothing_that_is_not_told(environment, tmp_path):
    told = schemathesis(environment, tmp_path / "report.json", "--generation-database", "none")
    assert told["test_cases"]["generated"] >= 2_000
