"""What snapshots are made of, and snapshots of it: inferences, votes, built rows."""

from __future__ import annotations

import uuid
from collections import Counter
from typing import Any

import pyarrow.parquet as pq
from django.utils import timezone

from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Project
from exports.models import Snapshot
from exports.pipeline import publish
from exports.pipeline.build import build
from exports.pipeline.recipe import parse_recipe
from exports.pipeline.write import write_bytes

MODELS = ("aurora", "basalt", "cedar", "dune")
EVERYTHING = {"drop": [], "split": {"test": 0, "seed": 0}}


def log_inference(
    project: Project, request_id: str, *outputs: Any, prompt: Any = None, metadata: dict[str, Any] | None = None
) -> None:
    """Log a request; its outputs are `REQUEST-0`, `REQUEST-1`, … by the models of MODELS."""
    record = {
        "request_id": request_id,
        "prompt": f"Question {request_id}?" if prompt is None else prompt,
        "metadata": metadata or {},
        "outputs": [
            {"output_id": f"{request_id}-{n}", "content": content, "model": {"name": model, "version": "1"}}
            for n, (content, model) in enumerate(zip(outputs, MODELS, strict=False))
        ],
    }
    checked = check_inference(project, record, now=timezone.now())
    outcomes = accept_inferences(project, [checked], actor="test", rule=Project.Pairing.NONE)
    assert [outcome.result for outcome in outcomes] == ["created"], outcomes


def give_feedback(
    project: Project, request_id: str, kind: str, *, by: str = "alice", source: str = "human", **body: Any
):
    """Accept one feedback record."""
    record = {
        "feedback_id": str(uuid.uuid4()),
        "request_id": request_id,
        "kind": kind,
        "source": {"type": source, "id": by},
        **body,
    }
    outcomes = accept_feedback(project, [check_feedback(record, now=timezone.now())], actor="test", now=timezone.now())
    assert [outcome.result for outcome in outcomes] == ["created"], outcomes
    return record["feedback_id"]


def vote(project: Project, request_id: str, says: int | str, *, pair: tuple[int, int] = (0, 1), **body: Any) -> str:
    """One preference: the index of the output that is better, `tie` or `both_bad`."""
    ids = [f"{request_id}-{n}" for n in pair]
    if isinstance(says, int):
        other = next(n for n in pair if n != says)
        said = {"outcome": "chosen", "chosen": f"{request_id}-{says}", "rejected": f"{request_id}-{other}"}
    else:
        said = {"outcome": says}
    return give_feedback(project, request_id, "preference", presented=ids, **said, **body)


def ask(project: Project, **recipe: Any) -> Snapshot:
    """A queued snapshot that no worker is told of."""
    return publish.request(project, publish.Request(parse_recipe(recipe), "test"), enqueue=False)


def built(project: Project, **recipe: Any) -> Snapshot:
    """A ready snapshot; without more, of every pair, all in train."""
    snapshot = ask(project, **{**EVERYTHING, **recipe})
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.status == "ready", snapshot.error
    return snapshot


def published(project: Project, files: dict[str, bytes] | None = None) -> Snapshot:
    """A ready snapshot of a manifest and these files, without a build: for what only reads snapshots."""
    snapshot = publish.claim(ask(project).pk)
    assert snapshot
    draft = publish.draft_folder(snapshot)
    contents = {"manifest.json": b"{}"} | (files or {})
    written = [write_bytes(draft, path, content) for path, content in contents.items()]
    publish.publish(snapshot, draft, written, {})
    return Snapshot.objects.get(pk=snapshot.pk)


def rows(snapshot: Snapshot, config: str, split: str = "*") -> list[dict[str, Any]]:
    """The rows of a config, in order."""
    files = sorted((snapshot.path / config).glob(f"{split}-*.parquet"), reverse=True)
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def dropped(snapshot: Snapshot) -> Counter[str]:
    """How many pairs each rule dropped, by the audit file."""
    return Counter(row["rule"] for row in rows(snapshot, "dropped", "pairs"))


def digests(snapshot: Snapshot) -> dict[str, str]:
    """SHA-256 of the data files."""
    return {file.path: file.sha256 for file in snapshot.files.all() if file.rows is not None}
