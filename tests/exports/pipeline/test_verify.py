"""A downloaded folder is what its manifest says, or the file that is not is named. No database."""

from __future__ import annotations

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exports.pipeline.verify import BrokenSnapshotError, verify_folder
from exports.pipeline.write import describe, write_all, write_bytes

SCHEMA = pa.schema([("prompt", pa.string()), ("label", pa.bool_())])


@pytest.fixture
def folder(tmp_path):
    rows = pa.RecordBatch.from_pylist([{"prompt": "x", "label": True}] * 3, schema=SCHEMA)
    files = [*write_all([rows], tmp_path, "kto", "train", SCHEMA), write_bytes(tmp_path, "README.md", b"# card\n")]
    entries = [{"path": file.path, "bytes": file.bytes, "sha256": file.sha256} for file in files]
    entries[0] |= {"rows": 3, "schema": [{"name": n, "type": t} for n, t in describe(SCHEMA)]}
    write_bytes(
        tmp_path, "manifest.json", json.dumps({"files": entries, "counts": {"written": {"kto": {"train": 3}}}}).encode()
    )
    return tmp_path


def change_manifest(folder, **entry):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][0] |= entry
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_whole_folder_holds(folder):
    verified = verify_folder(folder)
    assert (verified.files, verified.rows, verified.problems) == (2, 3, [])


def test_each_fault_names_its_file(folder):
    data = next(folder.glob("kto/*.parquet"))
    content = data.read_bytes()
    (folder / "extra.txt").write_text("x")
    data.write_bytes(content[:-1] + b"?")
    changed = verify_folder(folder).problems
    data.write_bytes(content + b"?")
    longer = verify_folder(folder).problems
    data.unlink()
    missing = verify_folder(folder).problems
    name = "kto/train-00000-of-00001.parquet"
    assert changed[0].startswith(f"{name}: was changed")
    assert longer[0].startswith(f"{name}: has {len(content) + 1} bytes")
    assert missing[0] == f"{name}: is missing"
    assert changed[1] == longer[1] == missing[1] == "extra.txt: is not in the manifest"


def test_wrong_rows_and_columns(folder):
    change_manifest(folder, rows=4)
    assert "has 3 rows, the manifest says 4" in verify_folder(folder).problems[0]
    change_manifest(folder, rows=3, schema=[{"name": "other", "type": "string"}])
    assert "other columns" in verify_folder(folder).problems[0]


def test_files_that_do_not_add_up_to_the_counts(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for counted, problems in (({"train": 3}, []), ({"train": 2, "test": 1}, ["train", "test"])):
        manifest["counts"] = {"written": {"kto": counted}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        found = verify_folder(folder).problems
        assert len(found) == len(problems)
        for split, problem in zip(problems, found, strict=True):
            assert problem.startswith(f"manifest.json: the files of kto/{split} have ")


@pytest.mark.parametrize("counts", [None, [], {"written": None}, {"written": {"kto": None}}])
def test_counts_that_cannot_be_read(folder, counts):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"counts": counts}))
    assert verify_folder(folder).problems == ["manifest.json: does not say how many rows were written"]


def test_a_file_that_is_no_parquet(folder):
    written = write_bytes(folder, "kto/x.parquet", b"none")
    change_manifest(folder, path=written.path, bytes=written.bytes, sha256=written.sha256)
    next(folder.glob("kto/train*")).unlink()
    assert "cannot be read as Parquet" in verify_folder(folder).problems[0]


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b"])
def test_a_manifest_may_not_point_outside(folder, path):
    change_manifest(folder, path=path)
    with pytest.raises(BrokenSnapshotError):
        verify_folder(folder)


@pytest.mark.parametrize("manifest", [None, b"", b"[]", b'{"files": [{}]}', b"\xff"])
def test_without_a_manifest_there_is_nothing_to_check_against(folder, manifest):
    (folder / "manifest.json").unlink()
    if manifest is not None:
        (folder / "manifest.json").write_bytes(manifest)
    with pytest.raises(BrokenSnapshotError, match=r"manifest\.json"):
        verify_folder(folder)


def test_a_copy_is_as_good(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy") / "snapshot"
    shutil.copytree(folder, copy)
    assert verify_folder(copy).problems == []
    assert pq.read_table(next(copy.glob("kto/*"))).num_rows == 3
