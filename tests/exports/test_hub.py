"""Pushing to a Hub: what its API is sent, told and never told."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from annotation.models import Event
from exports import hub, retention
from tests import world
from tests.exports.dataset import ask, published

# The events of a push are written by transactions of their own, behind the upload.
pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "hf_a_token_that_nobody_may_see"
DATA = "preference/train-00000-of-00001.parquet"
FILES = {DATA: bytes(range(256)), "README.md": b"---\nconfigs: []\n---\n# Card"}


class Hub:
    """The few paths of the Hub's API that a push takes; it keeps the files of each repository."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.tags: list[str] = []
        self.tokens: set[str] = set()
        self.refuses = 0
        mine = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if mine.refuses:
                    self.answer({"error": "no"}, mine.refuses)
                    return
                files = mine.repositories[self.repository()]
                tree = [{"type": "file", "path": path, "size": len(content), "oid": "0" * 40}
                        for path, content in files.items()]  # fmt: skip
                self.answer(tree if "/tree/" in self.path else {"id": self.repository(), "sha": "1" * 40})

            def do_POST(self) -> None:
                mine.tokens.add(self.headers["Authorization"] or "")
                sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
                if mine.refuses:
                    self.answer({"error": "no"}, mine.refuses)
                elif self.path == "/api/repos/create":
                    wanted = json.loads(sent)
                    name = "/".join(filter(None, [wanted.get("organization"), wanted["name"]]))
                    mine.repositories.setdefault(name, {})
                    mine.private[name] = wanted.get("visibility") == "private" or wanted.get("private", False)
                    self.answer({"url": f"{mine.url}/datasets/{name}", "name": name, "id": name})
                elif "/preupload/" in self.path:
                    files = json.loads(sent)["files"]
                    modes = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
                    self.answer({"files": [{"path": one["path"], **modes} for one in files]})
                elif "/commit/" in self.path:
                    mine.commit(self.repository(), [json.loads(line) for line in sent.splitlines()])
                    url = f"{mine.url}/datasets/{self.repository()}/commit/{'1' * 40}"
                    self.answer({"success": True, "commitOid": "1" * 40, "commitUrl": url, "hookOutput": ""})
                elif "/tag/" in self.path:
                    mine.tags.append(json.loads(sent)["tag"])
                    self.answer({})
                else:
                    self.answer({"errors": [], "warnings": []})

            def repository(self) -> str:
                return "/".join(self.path.split("/")[3:5])

            def answer(self, content: object, status: int = 200) -> None:
                told = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def commit(self, name: str, lines: list[dict]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.repositories[name][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del self.repositories[name][value["path"]]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    made = Hub()
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    # Tests that load files set this, and the library keeps it from its first import on.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with override_settings(HUB_ENDPOINT=made.url):
        yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def project(db):
    return world.project()


def test_a_push_makes_the_repository_what_the_snapshot_is(project, running):
    hub.push(
        published(project, {**FILES, "reward/train-00000-of-00001.parquet": b"old"}), "acme/pairs", actor="user:lena"
    )
    assert set(running.repositories["acme/pairs"]) == {*FILES, "reward/train-00000-of-00001.parquet", "manifest.json"}
    assert running.private == {"acme/pairs": True}
    url = hub.push(published(project, FILES), "acme/pairs", actor="user:lena")
    assert running.repositories["acme/pairs"] == {**FILES, "manifest.json": b"{}"}
    assert (running.tags, url.endswith("/datasets/acme/pairs")) == (["v1", "v2"], True)
    assert running.tokens == {f"Bearer {TOKEN}"}
    events = Event.objects.filter(kind="snapshot.pushed").order_by("pk")
    assert [event.payload for event in events] == [{"version": v, "repository": "acme/pairs"} for v in (1, 2)]


def test_what_the_hub_refuses_is_told_without_the_token(project, running, caplog, monkeypatch):
    running.refuses = 403
    with caplog.at_level(logging.DEBUG), pytest.raises(hub.HubError, match="it answered 403"):
        hub.push(published(project, FILES), "acme/pairs", actor="test")
    assert (
        Event.objects.get(kind="snapshot.push_failed").payload["error"] == "The Hub did not take it: it answered 403."
    )
    assert TOKEN not in caplog.text
    assert not any(TOKEN in json.dumps(event.payload) for event in Event.objects.all())


def test_a_push_needs_a_token_files_and_a_ready_snapshot(project, running, monkeypatch):
    snapshot = published(project, FILES)
    with pytest.raises(hub.HubError, match="is queued"):
        hub.push(ask(project), "acme/pairs", actor="test")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(hub.HubError, match="set HF_TOKEN"):
        hub.push(snapshot, "acme/pairs", actor="test")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    retention.remove_files(snapshot, actor="test")
    with pytest.raises(hub.HubError, match="were removed"):
        hub.push(snapshot, "acme/pairs", actor="test")
    assert running.repositories == {}


def test_the_command(project, running, capsys):
    published(project, FILES)
    call_command("push_snapshot", "latest", project=project.slug, repo="acme/pairs", public=True)
    assert capsys.readouterr().out.strip().endswith("/datasets/acme/pairs")
    assert running.private == {"acme/pairs": False}
    with pytest.raises(CommandError, match="no ready version “7”"):
        call_command("push_snapshot", "7", project=project.slug, repo="acme/pairs")
    running.refuses = 500
    with pytest.raises(CommandError, match="it answered 500"):
        call_command("push_snapshot", "1", project=project.slug, repo="acme/pairs")
