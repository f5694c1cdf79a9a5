"""A snapshot's folder as native lines: its judgments, with the texts that its other configs hold. Imports no Django.

The two are brought together in a file of SQLite, so that memory does not grow with the snapshot.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from annotation.canonical import Json, output_digest, prompt_digest
from annotation.intake.formats.prefapp import PREFAPP, contents
from annotation.intake.schemas import RefusedError
from annotation.intake.soundness import Problem
from annotation.intake.streams import Row

ReadFile = Callable[[Path], Iterator[Row]]
MANIFEST = "manifest.json"
JUDGMENTS = "judgments"
DATA = ("train-*", "test-*")
TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE texts (digest TEXT PRIMARY KEY, content TEXT) WITHOUT ROWID;
CREATE TABLE judgments (request_id TEXT, position INTEGER, row TEXT);
"""
INDEX = "CREATE INDEX by_request ON judgments (request_id, position)"
REQUESTS = "SELECT request_id, json_group_array(json(row)) FROM (SELECT * FROM judgments ORDER BY request_id, position)"
KEPT = ("rationale", "principle", "critique", "confidence", "duration_ms", "presented")
# Kinds of feedback that may have become several judgments, each of which needs an id of its own here.
MANY = ("score", "ranking", "implicit")


def is_snapshot(folder: Path) -> bool:
    """Whether a folder is a snapshot that can be read whole: one with its judgments."""
    return (folder / MANIFEST).is_file() and any((folder / JUDGMENTS).glob("*-*"))


def snapshot_rows(folder: Path, read: ReadFile) -> Iterator[Row]:
    """The requests of a snapshot's folder as native lines, numbered from 1; `read` opens one of its files."""
    with tempfile.TemporaryDirectory() as scratch, closing(_open(Path(scratch))) as store:
        store.executescript(TABLES)
        yield from _load(store, folder, read)
        store.execute(INDEX)
        lines = store.execute(f"{REQUESTS} GROUP BY request_id ORDER BY min(position), request_id")
        for number, (request_id, rows) in enumerate(lines, 1):
            yield _line(store, number, request_id, json.loads(rows))


def _open(scratch: Path) -> sqlite3.Connection:
    # The lines are read in another thread than the one that ends the reading.
    return sqlite3.connect(scratch / "snapshot", check_same_thread=False)


def _load(store: sqlite3.Connection, folder: Path, read: ReadFile) -> Iterator[Row]:
    """Fill the tables; give what could not be read."""
    for path in sorted(path for data in DATA for path in folder.glob(f"*/{data}")):
        of_judgments = path.parent.name == JUDGMENTS
        for row in read(path):
            if row.problem:
                yield row._replace(problem=Problem(row.problem.pointer, f"{path.name}: {row.problem.detail}"))
            elif of_judgments:
                told = (row.value["request_id"], row.value["position"], json.dumps(row.value))
                store.execute("INSERT INTO judgments VALUES (?, ?, ?)", told)
            elif PREFAPP.knows(row.value):
                store.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", _texts(row.value))


def _texts(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        prompt, *outputs = contents(row)
    except RefusedError:
        return  # what it would have told is missed where it is needed
    yield prompt_digest(prompt), json.dumps(prompt)
    for output in outputs:
        yield output_digest(output), json.dumps(output)


def _line(store: sqlite3.Connection, number: int, request_id: str, judgments: list[dict[str, Any]]) -> Row:
    outputs: dict[str, dict[str, Json]] = {}
    edits = _edits(judgments)
    first = judgments[0]
    try:
        prompt = _text(store, first["prompt_digest"], "the prompt")
        for row in judgments:
            for place, output_id in enumerate(row["outputs"]):
                if output_id not in outputs:
                    outputs[output_id] = _output(store, row, place, output_id)
        edited = {output_id: outputs.pop(output_id)["content"] for output_id in edits}
    except RefusedError as error:
        return Row(number, 0, problem=error.problems[0])
    metadata = {"language": first["language"]} if first.get("language") else {}
    line = {"request_id": request_id, "prompt": prompt, "metadata": metadata, "outputs": list(outputs.values())}
    return Row(
        number,
        sum(len(str(one)) for one in outputs.values()),
        {**line, "feedback": [_feedback(row, edited) for row in judgments]},
    )


def _edits(judgments: list[dict[str, Any]]) -> set[str]:
    """The outputs that a user made of others, and that nobody judged otherwise."""
    edits = {row["chosen"] for row in judgments if row["kind"] == "edit"}
    others = {output_id for row in judgments if row["kind"] != "edit" for output_id in row["outputs"]}
    return edits - others - {row["rejected"] for row in judgments if row["kind"] == "edit"}


def _output(store: sqlite3.Connection, row: dict[str, Any], place: int, output_id: str) -> dict[str, Json]:
    output = {"output_id": output_id, "content": _text(store, row["output_digests"][place], f"output {output_id}")}
    model = row["models"][place] if place < len(row["models"]) else ""
    return {**output, "model": {"name": model}} if model else output


def _text(store: sqlite3.Connection, digest: str, what: str) -> Json:
    found = store.execute("SELECT content FROM texts WHERE digest = ?", [digest]).fetchone()
    if found is None:
        raise RefusedError([Problem("", f"the text of {what} stands in no config of this snapshot as it was logged")])
    return json.loads(found[0])


def _feedback(row: dict[str, Any], edited: dict[str, Json]) -> Json:
    """A judgment as feedback of its own, by whom and when it was given; `edited` is what became of edited outputs."""
    source = {"type": row["source_type"], "id": row["source_id"]}
    if row.get("source_version"):
        source["version"] = row["source_version"]
    record = {
        "feedback_id": row["judgment_id"] if row["kind"] in MANY else row["feedback_id"],
        "source": source,
        "occurred_at": row["judged_at"],
        **{name: row[name] for name in KEPT if row.get(name) is not None},
    }
    if row.get("value") is not None:
        record.pop("presented", None)
        return {**record, "kind": "rating", "output": row["outputs"][0], "value": row["value"]}
    if row.get("chosen") in edited:
        return {**record, "kind": "edit", "output": row["rejected"], "edited": edited[row["chosen"]]}
    if row["kind"] == "score":
        return {**record, "kind": "score", "scores": json.loads(row["scores"])}
    if row["kind"] == "ranking":
        winner, loser = row.get("chosen"), row.get("rejected")
        return {**record, "kind": "ranking", "ranking": [[winner], [loser]] if winner else [row["outputs"]]}
    record |= {"kind": "preference", "outcome": row["outcome"]}
    record |= {name: row[name] for name in ("chosen", "rejected", "strength") if row.get(name) is not None}
    record |= {name: json.loads(row[name]) for name in ("scores", "criteria") if row.get(name)}
    if row["outcome"] != "chosen":
        record.setdefault("presented", row["outputs"])
    return record
