"""Manifest: what a snapshot is made of and how it came about, from the numbers that the stages counted.

Nothing here reads a clock: the same recipe and watermark give the same manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import pyarrow as pa

from annotation.models.event import SETTING_KINDS
from exports.pipeline.session import Session
from exports.pipeline.write import JSONL_SETTINGS, SETTINGS, WrittenFile

# From 2 on a snapshot carries its index, whose signatures are made as they are now from 3 on.
MANIFEST_VERSION = 3
# Raised by hand when a stage or format gives other rows or bytes than before for the same recipe and watermark.
PIPELINE_VERSION = 5
WRITERS = ("adbc-driver-postgresql", "orjson", "pyarrow", "zstandard")

# The settings as the log tells them, up to the watermark: what the project says now may be younger.
PROJECT_SETTINGS = """
SELECT e.payload::text AS payload FROM recipe r, annotation_event e JOIN annotation_seal s ON s.event_id = e.id
WHERE e.project_id = r.project_id AND e.kind IN ({kinds}) AND s.position <= r.watermark
ORDER BY s.position
""".format(kinds=", ".join(f"'{kind}'" for kind in SETTING_KINDS))
GUIDELINES = """
SELECT g.version, g.text, told.judgments
FROM (SELECT guidelines_id, count(*) AS judgments FROM {judgments} GROUP BY guidelines_id) AS told
LEFT JOIN annotation_guidelineversion g ON g.id = told.guidelines_id
ORDER BY g.version
"""
SOURCES = """
SELECT source_type, sum(judgments)::bigint AS judgments, count(*) AS judges
FROM (SELECT source_type, source_id, count(*) AS judgments FROM vote GROUP BY source_type, source_id) AS judge
GROUP BY source_type ORDER BY source_type
"""
MODELS = """
SELECT model, count(*) AS outputs
FROM (SELECT a_id AS id, a_model AS model FROM vote UNION SELECT b_id, b_model FROM vote) AS judged
GROUP BY model ORDER BY model
"""


@dataclass(frozen=True)
class Origin:
    """What a snapshot is a snapshot of."""

    project: str
    version: int
    parent: int | None
    watermark: int
    watermark_hash: str
    recipe: Mapping[str, Any]
    recipe_name: str | None


@dataclass(frozen=True)
class Collection:
    """How the judgments came about: the project's settings as of the watermark, guidelines, sources and models."""

    settings: dict[str, Any]
    guidelines: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    models: list[dict[str, Any]]


def read_collection(session: Session, judgments: str) -> Collection:
    """How the judgments in a table were collected; after the split stage."""
    settings: dict[str, Any] = {}
    for row in session.rows(PROJECT_SETTINGS):
        settings |= json.loads(row["payload"])
    settings.pop("members", None)  # names of people are no part of a data set
    return Collection(
        settings, session.rows(GUIDELINES.format(judgments=judgments)), session.rows(SOURCES), session.rows(MODELS)
    )


def make_manifest(
    origin: Origin, collection: Collection, counts: Mapping[str, Any], files: Sequence[WrittenFile]
) -> dict[str, Any]:
    """The manifest as plain JSON; it lists every file but itself."""
    return {
        "manifest": MANIFEST_VERSION,
        "project": origin.project,
        "version": origin.version,
        "parent": origin.parent,
        "watermark": {"position": origin.watermark, "hash": origin.watermark_hash},
        "recipe": dict(origin.recipe),
        "recipe_name": origin.recipe_name,
        "code": {"pipeline": PIPELINE_VERSION},
        "writers": {name: version(name) for name in WRITERS}
        | {"parquet": pa.cpp_build_info.version}
        | {**SETTINGS, "jsonl": JSONL_SETTINGS},
        "collection": {
            "settings": collection.settings,
            "guidelines": [{k: row[k] for k in ("version", "judgments")} for row in collection.guidelines],
            "sources": collection.sources,
            "models": collection.models,
        },
        "counts": dict(counts),
        "files": [_describe(file) for file in files],
    }


def _describe(file: WrittenFile) -> dict[str, Any]:
    described = asdict(file)
    if file.schema is None:
        del described["rows"], described["schema"]
    else:
        described["schema"] = [{"name": name, "type": type_} for name, type_ in file.schema]
    return described


def as_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The file: indented JSON in a fixed order."""
    return json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"
