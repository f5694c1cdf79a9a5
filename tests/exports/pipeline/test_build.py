"""A build from end to end in one process: the same bytes again, what `datasets` loads, what goes wrong."""

from __future__ import annotations

import errno
import hashlib
import json

import pyarrow.parquet as pq
import pytest
from django.db import connection

from exports.models import Snapshot
from exports.pipeline import build as building
from exports.pipeline import merge, split, write
from exports.pipeline.build import build
from exports.pipeline.formats import FORMATS
from exports.pipeline.verify import verify_folder
from tests import world
from tests.exports.dataset import EVERYTHING, ask, built, digests, give_feedback, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db):
    project = world.project(guidelines="Prefer what is *true*.\n\n# Not what is long")
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi."}]
    for number in range(12):
        log_inference(project, f"r{number}", f"One {number}.", f"Two {number}.", prompt=chat if number == 3 else None)
        vote(project, f"r{number}", "tie" if number == 5 else number % 2, by="alice")
    return project


def test_the_same_recipe_and_watermark_give_the_same_bytes(project):
    recipe = {"formats": list(FORMATS), "split": {"test": 0.3, "seed": 1}}
    first, second = built(project, **recipe), built(project, **recipe)
    assert first.version == 1
    assert second.version == 2
    assert digests(first) == digests(second)
    assert len(digests(first)) == 2 * len(FORMATS) + 2  # and the index, and what llamafactory or text could not take


def test_rows_do_not_depend_on_how_many_are_read_at_once(project, monkeypatch):
    whole = built(project, formats=["preference", "judgments"])
    monkeypatch.setattr(split, "CHUNK_ROWS", 5)
    chunked = built(project, formats=["preference", "judgments"])
    for config in ("preference", "judgments"):
        assert rows(whole, config) == rows(chunked, config)


def test_large_data_is_cut_into_numbered_files(project, monkeypatch):
    whole = rows(built(project, formats=["preference"]), "preference")
    monkeypatch.setattr(write, "ROW_GROUP_ROWS", 2)
    monkeypatch.setattr(write, "FILE_ROWS", 4)
    snapshot = built(project, formats=["preference"])
    names = [f"preference/train-0000{n}-of-00003.parquet" for n in range(3)]
    assert [path for path in digests(snapshot) if path.startswith("preference")] == names
    assert [row for name in names for row in pq.read_table(snapshot.path / name).to_pylist()] == whole


@pytest.mark.parametrize("file_format", ["parquet", "jsonl.zst"])
def test_every_config_loads_offline_with_datasets(project, tmp_path, monkeypatch, file_format):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    import datasets  # noqa: PLC0415  (reads its environment when imported)

    rated = {"source": "end_user", "by": "u", "output": "r1-0", "value": -1}
    give_feedback(project, "r1", "rating", **rated)
    recipe = {"formats": list(FORMATS), "split": {"test": 0.3, "seed": 1}, "sources": ["human", "end_user"]}
    snapshot, as_parquet = built(project, file_format=file_format, **recipe), built(project, **recipe)
    assert verify_folder(snapshot.path).problems == []
    expected = snapshot.manifest["counts"]["written"]
    for config in FORMATS:
        loaded = datasets.load_dataset(str(snapshot.path), config, cache_dir=str(tmp_path / "cache"))
        assert {split: loaded[split].num_rows for split in loaded} == {
            split: count for split, count in expected[config].items() if split != "dropped"
        }
        for name in loaded:
            assert loaded[name].features.arrow_schema.types == FORMATS[config].schema.types
            assert loaded[name].to_list() == rows(as_parquet, config, name)
    default = datasets.load_dataset(str(snapshot.path), cache_dir=str(tmp_path / "cache"))
    assert default["train"].column_names[:3] == ["prompt", "chosen", "rejected"]


def test_the_card_tells_how_it_was_collected(project):
    card = (built(project).path / "README.md").read_text()
    assert "default: true" in card
    assert "human: 12 judgments by 1 judge" in card
    assert "license: unknown" in card
    assert "`aurora 1`" in card


def test_the_manifest_counts_every_step_and_lists_every_file(project):
    snapshot = built(project, formats=["preference", "preference_text"], min_votes=1)
    manifest = json.loads((snapshot.path / "manifest.json").read_bytes())
    assert manifest == snapshot.manifest
    assert manifest["watermark"] == {"position": snapshot.watermark, "hash": snapshot.watermark_hash}
    assert manifest["counts"] == {
        "selected": {"judgments": 12, "pairs": 12, "rated_outputs": 0, "prompts": 12, "judges": 1},
        "curated": {"pairs": 12, "decided": 11, "ties": 1, "both_bad": 0, "rated_outputs": 0, "dropped": {}},
        "sampled": {"pairs": 12, "decided": 11, "rated_outputs": 0},
        "split": {"train_prompts": 12, "test_prompts": 0},
        "written": {
            "preference": {"train": 11},
            "preference_text": {"train": 10, "dropped": {"not_single_turn": 1}},
        },
        "measured": {
            "agreement": {"pairs": 0, "agreement": None},
            "sides": {"votes": 11, "left_won": 6},
            "labels": {"true": 11, "false": 11},
            "lengths": {"pairs": 0, "longer_won": 0},
            "characters": {
                "prompt": {"p50": 12, "p90": 13, "p99": 13, "p100": 13},
                "chosen": {"p50": 6, "p90": 7, "p99": 7, "p100": 7},
                "rejected": {"p50": 6, "p90": 7, "p99": 7, "p100": 7},
            },
        },
    }
    assert {file["path"] for file in manifest["files"]} | {"manifest.json"} == {
        path.relative_to(snapshot.path).as_posix() for path in snapshot.path.rglob("*") if path.is_file()
    }
    for file in snapshot.files.all():
        content = file.location.read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (file.sha256, file.bytes)
    assert verify_folder(snapshot.path).problems == []


def test_nothing_selected_is_a_ready_snapshot_of_a_card_and_a_manifest(project):
    snapshot = built(project, sources=["heuristic"], formats=list(FORMATS))
    assert (snapshot.rows, {file.path for file in snapshot.files.all()}) == (0, {"README.md", "manifest.json"})
    assert verify_folder(snapshot.path).problems == []


def test_settings_are_those_of_the_watermark(project):
    snapshot = ask(project, **EVERYTHING)
    world.projects.change_project(project, {"name": "Renamed", "overlap": 9}, actor="test")
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.manifest["collection"]["settings"]["name"] == "summaries"
    assert snapshot.manifest["collection"]["settings"]["overlap"] == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "could not be written"),
        (MemoryError(), "ran out of memory"),
        (ZeroDivisionError("secret detail"), "unexpected error (ZeroDivisionError)"),
    ],
)
def test_a_build_that_goes_wrong_is_failed_with_a_sentence_and_leaves_nothing(
    project, snapshot_dir, monkeypatch, error, said
):
    def break_off(*_, **__):
        raise error

    monkeypatch.setattr(merge, "make_card", break_off)
    snapshot = ask(project)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.status == Snapshot.Status.FAILED
    assert said in snapshot.error
    assert "secret" not in snapshot.error
    assert "Traceback" not in snapshot.error
    assert [path for path in snapshot_dir.rglob("*") if path.is_file()] == []


def test_a_disk_that_fills_up_while_rows_stream_is_told(project, snapshot_dir, monkeypatch):
    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(write.Parts, "add", no_room)
    snapshot = ask(project)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert snapshot.error.startswith("The disk is full")
    assert list(snapshot_dir.glob("*/*")) == []


def test_a_database_that_goes_away_while_rows_stream_leaves_it_to_another_try(project, monkeypatch):
    add = write.Parts.add

    def cut_the_line(*given):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                # the reading of a chunk, and not this very statement of another thread
                "AND query LIKE '%in_decided%' AND query NOT LIKE '%pg_terminate%'"
            )
        add(*given)

    monkeypatch.setattr(split, "CHUNK_ROWS", 5)
    monkeypatch.setattr(write.Parts, "add", cut_the_line)
    snapshot = ask(project)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.error) == (Snapshot.Status.BUILDING, "")


def test_a_lost_database_leaves_the_snapshot_to_another_try(project, monkeypatch):
    monkeypatch.setattr(building, "database_dsn", lambda: "host=/nowhere dbname=x")
    snapshot = ask(project)
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert (snapshot.status, snapshot.error) == (Snapshot.Status.BUILDING, "")


def test_odd_texts_come_out_as_they_went_in(project):
    odd = [
        "",
        " \n",
        "\u202ereversed",
        "e\u0301\u0301\u0301",
        "👩‍👩‍👧",
        "\u0001\u001f\ufeff",
        "</script>",
        "a\\u0000\\n",
        "x" * 70_000,
    ]
    for number, text in enumerate(odd):
        log_inference(project, f"odd{number}", text, "plain")
        vote(project, f"odd{number}", 0)
    pairs = {row["meta_request_id"]: row for row in rows(built(project), "preference")}
    assert [pairs[f"odd{number}"]["chosen"][0]["content"] for number in range(len(odd))] == odd


def test_parts_are_joined_and_tool_calls_stand_as_json(project):
    calls = [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}]
    answer = [
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "content": "4", "tool_call_id": "c1"},
        {"role": "assistant", "content": [{"type": "text", "text": "It "}, {"type": "text", "text": "is 4."}]},
    ]
    log_inference(project, "tools", answer, "5")
    vote(project, "tools", 0)
    pairs = {row["meta_request_id"]: row for row in rows(built(project), "preference")}
    called, told, said = pairs["tools"]["chosen"]
    assert json.loads(called["content"]) == calls
    assert (told, said["content"]) == ({"role": "tool", "content": "4"}, "It is 4.")


def test_developers_are_the_system_to_trainers(project):
    prompt = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
    odd = [{"role": "assistant", "content": "Go.", "refusal": None}]
    log_inference(project, "developed", "Hello.", odd, prompt=prompt)
    vote(project, "developed", 0)
    snapshot = built(project, formats=["preference", "llamafactory"])
    (pair,) = (row for row in rows(snapshot, "preference") if row["meta_request_id"] == "developed")
    assert pair["prompt"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "Go."}]
    (turned,) = (row for row in rows(snapshot, "llamafactory") if row["meta_request_id"] == "developed")
    assert [turn["from"] for turn in turned["conversations"]] == ["system", "human"]
