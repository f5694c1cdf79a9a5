"""Merge: what the shards of a build wrote becomes one folder, described by one card and one manifest.

Every part of a build leaves what it came to in its own folder, as JSON, so that whoever merges need not have built it.
A part is a shard of the rows, or the outline: all that is told of the selection as a whole. No database takes part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from exports.pipeline.card import make_card
from exports.pipeline.configs import DROPPED_SCHEMA, SPLITS, Written
from exports.pipeline.formats import FORMATS
from exports.pipeline.manifest import Collection, Origin, as_bytes, make_manifest
from exports.pipeline.measure import measured
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.write import Part, WrittenFile, name_parts, write_all, write_bytes

RESULT = "result.json"
DROPPED = "dropped.arrow"


@dataclass(frozen=True)
class Outline:
    """What is told of the selection as a whole: counts of the stages, how it was collected, votes, finished files."""

    counts: dict[str, Any]
    collection: Collection
    votes: dict[str, Any]
    files: list[WrittenFile]


def leave(folder: Path, result: Outline | Written) -> None:
    """Leave what a part came to beside its files."""
    (folder / RESULT).write_text(json.dumps(asdict(result), default=lambda path: path.name), encoding="utf-8")


def merge(draft: Path, recipe: RecipeBody, origin: Origin, outline: Path, shards: Sequence[Path]) -> Merged:
    """Move the files of the outline and of all shards, in order, into a folder and describe them."""
    told, written = _read_outline(outline), [_read_shard(folder) for folder in shards]
    for file in told.files:
        (draft / file.path).parent.mkdir(parents=True, exist_ok=True)
        (outline / file.path).rename(draft / file.path)
    files = [file for name in recipe.formats for file in _config(draft, recipe, name, written)]
    audit = [outline / DROPPED, *(shard.refused for shard in written)]
    files += write_all(_rows(audit), draft, "dropped", "pairs", DROPPED_SCHEMA)
    files += told.files
    counts = told.counts | {
        "written": {name: _counts(name, written) for name in recipe.formats},
        "measured": told.votes | measured(shard.measured for shard in written),
    }
    files.append(write_bytes(draft, "README.md", make_card(origin, told.collection, counts, files)))
    manifest = make_manifest(origin, told.collection, counts, files)
    files.append(write_bytes(draft, "manifest.json", as_bytes(manifest)))
    return Merged(files, manifest)


@dataclass(frozen=True)
class Merged:
    """All files of a snapshot, and its manifest."""

    files: list[WrittenFile]
    manifest: dict[str, Any]


def _config(draft: Path, recipe: RecipeBody, name: str, written: Sequence[Written]) -> list[WrittenFile]:
    """The data files of a config, and its side files beside them."""
    files: list[WrittenFile] = []
    for split in SPLITS:
        parts = [part for shard in written for part in shard.parts[name][split]]
        files += name_parts(draft, name, split, parts, FORMATS[name].schema, recipe.file_format)
    names = [file.path.removeprefix(f"{name}/") for file in files]
    for side, content_of in FORMATS[name].side_files.items() if files else ():
        files.append(write_bytes(draft, f"{name}/{side}", content_of(names)))
    return files


def _counts(name: str, written: Sequence[Written]) -> dict[str, object]:
    """Rows written by split, and pairs that only this format left out by rule."""
    left_out = _sum(shard.left_out[name] for shard in written)
    return {**_sum(shard.rows[name] for shard in written), **({"dropped": left_out} if left_out else {})}


def _sum(counts: Iterator[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for counted in counts:
        for key, number in counted.items():
            total[key] = total.get(key, 0) + number
    return total


def _rows(paths: Sequence[Path]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)


def _read(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return read


def _read_outline(folder: Path) -> Outline:
    told = _read(folder)
    files = [_file(file) for file in told["files"]]
    return Outline(told["counts"], Collection(**told["collection"]), told["votes"], files)


def _file(told: dict[str, Any]) -> WrittenFile:
    schema = told["schema"] and tuple((name, type_) for name, type_ in told["schema"])
    return WrittenFile(**{**told, "schema": schema})


def _read_shard(folder: Path) -> Written:
    told = _read(folder)
    parts = {
        name: {split: [Part(**{**part, "path": folder / name / part["path"]}) for part in parts]
               for split, parts in splits.items()}
        for name, splits in told["parts"].items()
    }  # fmt: skip
    return Written(**{**told, "parts": parts, "refused": folder / told["refused"]})
