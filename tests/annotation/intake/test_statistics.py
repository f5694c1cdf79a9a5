"""After much was written, the planner knows of it: a claim then walks an index instead of sorting a whole queue."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from annotation.intake import statistics
from annotation.intake.importing import import_files
from annotation.intake.receiving import INFERENCES, Sender, receive
from annotation.intake.streams import Row
from annotation.models import Project, Prompt
from tests import world
from tests.annotation.intake.records import inference

MANY = 50


@pytest.fixture
def project(db, monkeypatch) -> Project:
    monkeypatch.setattr(statistics, "MANY", MANY)
    with connection.cursor() as cursor:  # as before the first look of the server's own
        cursor.execute("UPDATE pg_class SET reltuples = -1, relpages = 0 WHERE relname = 'annotation_comparison'")
    return world.project("large")


def records(count: int) -> list[dict]:
    return [inference(f"r{n}") for n in range(count)]


def known_comparisons() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'annotation_comparison'")
        return int(cursor.fetchone()[0])


def test_after_a_stream(project):
    def stream(count: int) -> None:
        rows = [Row(n, 1, record) for n, record in enumerate(records(count), 1)]
        for _ in receive(project, INFERENCES, rows, Sender("test", manages=False)):
            pass

    stream(MANY - 1)
    assert known_comparisons() == -1, "few are not worth a look"
    stream(MANY)
    assert known_comparisons() == -1, "what was there before is not many"
    stream(3 * MANY)
    assert known_comparisons() == 3 * MANY


def test_after_a_stream_that_breaks_off(project):
    def broken():
        yield from (Row(n, 1, record) for n, record in enumerate(records(1_000 + MANY), 1))
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="is gone"):
        list(receive(project, INFERENCES, broken(), Sender("test", manages=False)))
    assert known_comparisons() == 1_000, "a batch was written"


@pytest.mark.parametrize("strict", [False, True])
def test_after_an_import(project, tmp_path, strict):
    path = tmp_path / "records.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records(MANY)))
    import_files(project, [str(path)], strict=strict, actor="test", tell=lambda _: None)
    assert known_comparisons() == MANY


@pytest.mark.django_db(transaction=True)
def test_what_was_written_stays_when_nobody_can_look(project, monkeypatch, caplog):
    monkeypatch.setattr(statistics, "COLUMNS", {Project: ["no_such_column"]})
    rows = [Row(n, 1, record) for n, record in enumerate(records(MANY), 1)]
    batches = list(receive(project, INFERENCES, rows, Sender("test", manages=False)))
    assert sum(len(batch) for batch in batches) == MANY
    assert "were not looked through" in caplog.text
    assert Prompt.objects.count() == MANY
