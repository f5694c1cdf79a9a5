"""Importing files: every ending, what is wrong told with file and line, twice is once, strict keeps all or nothing."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import threading

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from django.db import connections

from annotation.intake import streams
from annotation.intake.files import FileError, check_file
from annotation.intake.importing import import_files
from annotation.models import Comparison, Event, Feedback, Judgment, Project, Prompt
from tests import world
from tests.annotation.intake.records import inference, preference

PAIRS = [{"prompt": f"Question {n}?", "chosen": f"Yes \u2028 {n}.\r\n", "rejected": f"“No”, {n}!"} for n in range(25)]
LINES = b"".join(json.dumps(pair, ensure_ascii=False).encode() + b"\n" for pair in PAIRS)


def run(project, *paths, **options):
    """Import; return the totals as text and what was told as (file's name, line, pointer)."""
    told = []
    totals = import_files(
        project,
        [str(path) for path in paths],
        actor="test",
        tell=lambda step: told.extend((step.name, line, problem.pointer) for line, problem in step.problems),
        **options,
    )
    return str(totals), told


def write_csv(path):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["prompt", "chosen", "rejected"])
        writer.writeheader()
        writer.writerows(PAIRS)


WRITERS = {
    "pairs.jsonl": lambda path: path.write_bytes(LINES),
    "pairs.ndjson": lambda path: path.write_bytes(LINES.rstrip(b"\n").replace(b"\n", b"\r\n\r\n")),
    "pairs.jsonl.gz": lambda path: path.write_bytes(gzip.compress(LINES)),
    "pairs.jsonl.zst": lambda path: path.write_bytes(zstandard.compress(LINES)),
    "pairs.json": lambda path: path.write_text(json.dumps(PAIRS, indent=1)),
    "object.json": lambda path: path.write_text(json.dumps({"version": 1, "rows": PAIRS})),
    "pairs.csv": write_csv,
    "pairs.parquet": lambda path: pq.write_table(pa.Table.from_pylist(PAIRS), path, row_group_size=7),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", WRITERS)
def test_every_ending_gives_the_same(name, tmp_path):
    WRITERS[name](tmp_path / name)
    project = world.project()
    assert run(project, tmp_path / name) == (
        *("imported 25 prompts, 50 outputs, 25 judgments, 25 comparisons; 0 duplicates; 0 refused", []),
    )
    judgments = Judgment.objects.select_related("prompt", "chosen", "rejected")
    assert sorted((j.prompt.content, j.chosen.content, j.rejected.content) for j in judgments) == sorted(
        (pair["prompt"], pair["chosen"], pair["rejected"]) for pair in PAIRS
    )
    # The same records from another kind of file are the same records.
    (tmp_path / "again.jsonl").write_bytes(LINES)
    assert run(project, tmp_path / "again.jsonl")[0] == (
        "imported 0 prompts, 0 outputs, 0 judgments, 0 comparisons; 50 duplicates; 0 refused"
    )


@pytest.mark.django_db
def test_standard_input_is_json_lines(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))
    assert run(world.project(), "-")[0].startswith("imported 25 prompts, 50 outputs, 25 judgments, 25 comparisons")


@pytest.mark.django_db
def test_native_lines_bring_their_feedback_along(tmp_path):
    path = tmp_path / "native.jsonl"
    lines = [inference(f"r{n}", feedback=[preference(f"f{n}-{k}", f"r{n}") for k in range(3)]) for n in range(4)]
    path.write_text("\n".join(map(json.dumps, lines)))
    project = world.project(overlap=1)
    assert run(project, path)[0] == (
        "imported 4 prompts, 8 outputs, 12 judgments, 4 comparisons; 0 duplicates; 0 refused"
    )
    # Imported judgments belong to the pair and leave the comparison as open as it was.
    assert set(Judgment.objects.values_list("comparison", flat=True)) == {None}
    assert set(Comparison.objects.values_list("taken", "judged")) == {(0, 0)}
    assert run(project, path)[0] == (
        "imported 0 prompts, 0 outputs, 0 judgments, 0 comparisons; 16 duplicates; 0 refused"
    )


@pytest.mark.django_db
def test_bad_records_are_told_by_line_and_the_good_ones_kept(tmp_path):
    path = tmp_path / "mixed.jsonl"
    bad = {**inference("r2"), "prompt": None}
    worse = inference("r3", feedback=[preference("f3", "r3", chosen="x"), preference("f4", "r3")])
    lines = [
        json.dumps(inference("r1")),
        "",
        "{",
        json.dumps(bad),
        json.dumps(worse),
        "[]",
        json.dumps(inference("r1", prompt="")),
    ]
    path.write_text("\n".join(lines) + "\n")
    totals, told = run(world.project(), path)
    assert totals == "imported 2 prompts, 4 outputs, 1 judgments, 2 comparisons; 0 duplicates; 5 refused"
    assert told == [
        (str(path), line, pointer)
        for line, pointer in ((3, ""), (4, "/prompt"), (5, "/feedback/0/chosen"), (6, ""), (7, ""))
    ]


@pytest.mark.django_db
def test_the_format_of_each_file_is_told_by_its_records(tmp_path):
    native, pairs, unknown = tmp_path / "native.jsonl", tmp_path / "pairs.jsonl", tmp_path / "unknown.jsonl"
    native.write_text(json.dumps(inference()))
    pairs.write_bytes(LINES)
    unknown.write_text('{"text": "x"}\n')
    totals, told = run(world.project(), native, pairs, unknown)
    assert totals.startswith("imported 26 prompts, 52 outputs, 25 judgments")
    assert told == [(str(unknown), 1, "")]


@pytest.mark.django_db
def test_a_named_format_is_not_guessed(tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_bytes(LINES)
    totals, told = run(world.project(), path, format_name="native")
    assert "25 refused" in totals
    assert (str(path), 1, "/request_id") in told


@pytest.mark.django_db
@pytest.mark.parametrize(("rule", "comparisons"), [(None, 1), ("random", 1), ("all_pairs", 6), ("none", 0)])
def test_pairs_are_made_by_the_rule_asked_for(rule, comparisons, tmp_path):
    path = tmp_path / "four.jsonl"
    path.write_text(json.dumps(inference(outputs=[{"content": text} for text in "wxyz"])))
    assert f", {comparisons} comparisons;" in run(world.project(), path, rule=rule)[0]


@pytest.mark.django_db
def test_what_comes_before_a_cut_is_kept(tmp_path):
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(LINES)[:-10])
    totals, told = run(world.project(), path)
    assert totals.startswith("imported 24 prompts")
    assert totals.endswith("1 refused")
    assert told == [(str(path), 25, "")]


@pytest.mark.django_db
def test_strict_keeps_nothing_of_any_file_when_a_record_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BATCH_ROWS", 10)
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_bytes(LINES)
    bad.write_bytes(b'{"prompt": "x", "chosen": "y", "rejected": null}\n')
    project = world.project()
    events = Event.objects.count()
    totals, told = run(project, good, bad, strict=True)
    assert totals == "imported 0 prompts, 0 outputs, 0 judgments, 0 comparisons; 0 duplicates; 1 refused"
    assert told == [(str(bad), 1, "/rejected")]
    assert not Prompt.objects.exists()
    assert Event.objects.count() == events
    assert run(project, good, strict=True)[0].startswith("imported 25 prompts")
    assert Prompt.objects.count() == 25


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("strict", [False, True])
def test_two_imports_of_one_file_at_once_both_succeed(strict, tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BATCH_ROWS", 4)
    path = tmp_path / "native.jsonl"
    lines = [inference(f"r{n}", feedback=[preference(f"f{n}", f"r{n}")]) for n in range(30)]
    path.write_text("\n".join(map(json.dumps, lines)))
    world.project("shared")
    start, totals = threading.Barrier(2), []

    def work():
        project = Project.objects.get(slug="shared")
        start.wait()
        try:
            totals.append(import_files(project, [str(path)], strict=strict, actor="test", tell=lambda _: None))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.prompts for one in totals) == sum(one.judgments for one in totals) == 30
    assert sum(one.duplicates for one in totals) == 60
    assert (Prompt.objects.count(), Comparison.objects.count(), Feedback.objects.count()) == (30, 30, 30)


@pytest.mark.django_db
def test_files_that_cannot_be_read_at_all_are_errors(tmp_path):
    with pytest.raises(FileError, match="No such file"):
        check_file(str(tmp_path / "nowhere.jsonl"))
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(FileError, match="is no snapshot"):
        check_file(str(tmp_path / "folder.jsonl"))
    with pytest.raises(FileError, match="unknown ending"):
        check_file("picture.png")
    with pytest.raises(FileError, match="unknown ending"):
        check_file("archive.gz")


def test_a_folder_that_is_no_snapshot_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(FileError, match="is no snapshot with judgments"):
        check_file(str(tmp_path))
