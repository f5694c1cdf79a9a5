"""Erasures as snapshots meet them: which came since a snapshot was built, and whether its files hold what they took."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard
from django.db.models import Max, Q, QuerySet

from annotation.models import Judgment, Project
from exports.models import Recipe, Snapshot
from exports.storage import at_hand, store

# Where a row of a config names its request.
COLUMNS = ("meta_request_id", "request_id")
# Folders that hold ids alone.
IDS_ALONE = ("dropped/", "changes/", "index/")


def last_erasure(project: Project) -> int | None:
    """The id of the event by which judgments of a project were last erased. They come one after the other."""
    found: int | None = _erased(project).aggregate(last=Max("erasure"))["last"]
    return found


def erased_since(snapshot: Snapshot) -> QuerySet[Judgment]:
    """The judgments that a snapshot can have seen and that were erased after it was built."""
    later = Q() if snapshot.erasure_seen is None else Q(erasure__gt=snapshot.erasure_seen)
    sources = Q(source_type__in=snapshot.recipe["sources"])
    return _erased(snapshot.project).filter(later, sources, event__seal__position__lte=snapshot.watermark)


def list_holders(project: Project) -> list[Snapshot]:
    """The ready snapshots of a project whose files still hold rows that were erased since, oldest first."""
    ready = Snapshot.objects.filter(project=project, status=Snapshot.Status.READY)
    return [snapshot for snapshot in ready.order_by("version").select_related("project") if holds_erased(snapshot)]


def holds_erased(snapshot: Snapshot) -> bool:
    """Whether the files of a snapshot hold a row of a request of which something was erased after it was built.

    Reads the files' request ids; a file that is gone holds nothing.
    """
    requests = list(erased_since(snapshot).values_list("prompt__request_id", flat=True).distinct())
    if not requests:
        return False
    erased = pa.array(requests, pa.string())
    there = store().sizes(snapshot.folder)
    paths = snapshot.files.filter(rows__gt=0).values_list("path", flat=True)
    return any(_holds(snapshot, path, erased) for path in paths if path in there and not path.startswith(IDS_ALONE))


def _holds(snapshot: Snapshot, path: str, erased: pa.Array[Any]) -> bool:
    with at_hand(snapshot, path) as folder:
        return any(bool(pc.any(pc.is_in(ids, value_set=erased)).as_py()) for ids in _request_ids(folder / path))


def list_naming(project: Project, user_id: str) -> list[str]:
    """The recipes of a project that select this user's data, and so name them: by name and version, or by snapshot."""
    recipes = Recipe.objects.filter(project=project, body__user_id=user_id).order_by("name", "version")
    snapshots = Snapshot.objects.filter(project=project, recipe__user_id=user_id, named_recipe=None).order_by("version")
    versions = snapshots.values_list("version", flat=True)
    return [*map(str, recipes), *(f"that of snapshot {version}" for version in versions)]


def _erased(project: Project) -> QuerySet[Judgment]:
    return Judgment.objects.filter(project=project, erasure__isnull=False)


def _request_ids(path: Path) -> Iterator[pa.Array[Any]]:
    """The request ids of a data file, a batch at a time."""
    if path.suffix != ".parquet":
        yield from _request_ids_of_lines(path)
        return
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=[_column(file.schema_arrow.names)]):
            yield batch.column(0)


def _request_ids_of_lines(path: Path) -> Iterator[pa.Array[Any]]:
    with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        for line in io.BufferedReader(stream):
            row = orjson.loads(line)
            yield pa.array([row[_column(row)]], pa.string())


def _column(names: list[str] | dict[str, object]) -> str:
    return next(name for name in COLUMNS if name in names)
