"""Verify: whether a downloaded snapshot is what its manifest says. Needs neither a database nor Django."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

MANIFEST = "manifest.json"
SPLITS = ("train", "test")


class BrokenSnapshotError(Exception):
    """The folder has no manifest that could be checked against."""


@dataclass(frozen=True)
class Verified:
    """What was checked and everything that does not hold, each naming its file."""

    files: int
    rows: int
    problems: list[str]


def verify_folder(folder: Path) -> Verified:
    """Check every file of a snapshot's folder. Raises BrokenSnapshotError when there is nothing to check against."""
    manifest = _read_manifest(folder)
    listed = manifest["files"]
    problems = [problem for entry in listed for problem in _check(folder, entry)]
    problems += _check_counts(manifest)
    expected = {entry["path"] for entry in listed} | {MANIFEST}
    problems += [f"{path}: is not in the manifest" for path in sorted(_present(folder) - expected)]
    return Verified(len(listed), sum(entry.get("rows") or 0 for entry in listed), problems)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
        for entry in manifest["files"]:
            path = PurePosixPath(entry["path"])
            rows = entry.get("rows", 0)
            whole = isinstance(entry["bytes"], int) and (rows is None or isinstance(rows, int))
            if path.is_absolute() or ".." in path.parts or not whole or not entry["sha256"]:
                raise ValueError(f"the entry of {path} is wrong")
    except FileNotFoundError:
        raise BrokenSnapshotError(f"{MANIFEST}: is missing in {folder}") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenSnapshotError(f"{MANIFEST}: cannot be read ({error})") from None
    return manifest


def _check_counts(manifest: dict[str, Any]) -> Iterator[str]:
    """Whether each split's files hold as many rows as were counted when they were written."""
    rows: defaultdict[str, int] = defaultdict(int)
    for entry in manifest["files"]:
        rows[entry["path"].rpartition("-of-")[0].rpartition("-")[0]] += entry.get("rows") or 0
    try:
        counted = {(name, split): counts.get(split, 0) for name, counts in manifest["counts"]["written"].items()
                   for split in SPLITS}  # fmt: skip
    except (AttributeError, KeyError, TypeError):
        yield f"{MANIFEST}: does not say how many rows were written"
        return
    for (name, split), told in counted.items():
        if (listed := rows[f"{name}/{split}"]) != told:
            yield f"{MANIFEST}: the files of {name}/{split} have {listed} rows, its counts say {told}"


def _check(folder: Path, entry: dict[str, Any]) -> Iterator[str]:
    path = entry["path"]
    file = folder / path
    if not file.is_file():
        yield f"{path}: is missing"
    elif (size := file.stat().st_size) != entry["bytes"]:
        yield f"{path}: has {size} bytes, the manifest says {entry['bytes']}"
    elif _sha256(file) != entry["sha256"]:
        yield f"{path}: was changed (its SHA-256 differs from the manifest's)"
    elif entry.get("rows") is not None:
        yield from _check_rows(file, entry)


def _check_rows(file: Path, entry: dict[str, Any]) -> Iterator[str]:
    if file.suffix == ".zst":
        yield from _check_lines(file, entry)
        return
    try:
        parquet = pq.ParquetFile(file)
    except pa.ArrowException as error:
        yield f"{entry['path']}: cannot be read as Parquet ({error})"
        return
    with parquet:
        if parquet.metadata.num_rows != entry["rows"]:
            yield f"{entry['path']}: has {parquet.metadata.num_rows} rows, the manifest says {entry['rows']}"
        if parquet.schema_arrow.names != [column["name"] for column in entry["schema"]]:
            yield f"{entry['path']}: has other columns than the manifest says"


def _check_lines(file: Path, entry: dict[str, Any]) -> Iterator[str]:
    names = [column["name"] for column in entry["schema"]]
    rows = 0
    try:
        with zstandard.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            for rows, line in enumerate(lines, 1):
                if rows == 1 and list(json.loads(line)) != names:
                    yield f"{entry['path']}: has other columns than the manifest says"
    except (zstandard.ZstdError, ValueError) as error:
        yield f"{entry['path']}: cannot be read as compressed JSON Lines ({error})"
        return
    if rows != entry["rows"]:
        yield f"{entry['path']}: has {rows} rows, the manifest says {entry['rows']}"


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _present(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
