"""Stages: the parts that a snapshot is made of, and the order of the stages within each.

First the rows are chosen, all at once and without their texts (`plan`). Then the outline and the shards, which depend
on nothing but the plan, are written into folders of their own, in any order and by anybody who sees its tables. At last
they are merged. What comes out depends on recipe, watermark and parent alone, and on what is erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from exports.models import Snapshot
from exports.pipeline import index
from exports.pipeline.configs import DROPPED_SCHEMA, number_of_shards, write_shard
from exports.pipeline.curate import count_curated, curate
from exports.pipeline.formats import FORMATS, Rows
from exports.pipeline.manifest import Origin, read_collection
from exports.pipeline.measure import measure_votes
from exports.pipeline.merge import DROPPED, Merged, Outline, leave, merge
from exports.pipeline.read import DROPPED as ALL_DROPPED
from exports.pipeline.read import Size, size_of
from exports.pipeline.recipe import RecipeBody, parse_recipe
from exports.pipeline.sample import count_sampled, sample
from exports.pipeline.select import Scope, count_selected, select
from exports.pipeline.session import Session
from exports.pipeline.split import count_split, split
from exports.storage import at_hand

# Told the share that is done.
Report = Callable[[float], None]
OUTLINE = 0  # the number of the outline among the parts; shards are numbered from 1


class ParentGoneError(Exception):
    """The files of the snapshot that an increment builds on are gone."""

    def __init__(self, parent: Snapshot | None) -> None:
        version = parent.version if parent else None
        super().__init__(
            f"The files of version {version}, which this increment builds on, are gone. Build a full version."
        )


@dataclass(frozen=True)
class Planned:
    """What the tables of a plan do not tell: how many judgments which rule dropped, and an increment's changes."""

    dropped: dict[str, int]
    changes: dict[str, dict[str, int]] | None


def database_dsn() -> str:
    """The address of the database that Django uses, as libpq reads it."""
    used = connection.settings_dict
    return make_conninfo(settings.DATABASE_URL, **used["OPTIONS"], dbname=used["NAME"])


def choose(session: Session, recipe: RecipeBody, scope: Scope, report: Report) -> dict[str, int]:
    """Select, curate and sample; return what was dropped on selecting. `report` is told the share that is done."""
    dropped = select(session, recipe, scope)
    report(0.5)
    curate(session, recipe)
    report(0.7)
    sample(session, recipe.sample)
    report(0.8)
    return dropped


def count_chosen(session: Session, dropped: dict[str, int]) -> dict[str, Any]:
    """The counts of all stages; after the split."""
    return {
        "selected": count_selected(session, dropped),
        "curated": count_curated(session),
        "sampled": count_sampled(session),
        "split": count_split(session),
    }


def plan(session: Session, snapshot: Snapshot, report: Report) -> tuple[Planned, int]:
    """Make the tables that all parts are written from; return what they do not tell, and the number of shards."""
    recipe = parse_recipe(snapshot.recipe)
    dropped = choose(session, recipe, Scope(snapshot.project_id, snapshot.watermark), report)
    changes = None
    if recipe.incremental:
        index.hold(session, recipe.formats)
        changes = _compare(session, snapshot.parent)
    split(session, changed_only=recipe.incremental, audited=_is_audited(recipe))
    report(1.0)
    return Planned(dropped, changes), number_of_shards(*_sizes(session, recipe))


def write_outline(session: Session, recipe: RecipeBody, planned: Planned, folder: Path) -> None:
    """Write the outline: what is dropped, what changed, the index, and all that the card and the manifest tell."""
    counts = count_chosen(session, planned.dropped)
    if planned.changes is not None:
        counts["changes"] = planned.changes
    path = folder / DROPPED
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, DROPPED_SCHEMA) as audit, session.looking_up():
        for batch in session.batches(ALL_DROPPED):
            audit.write_batch(batch.select(DROPPED_SCHEMA.names).cast(DROPPED_SCHEMA))
    collection = read_collection(session, "audit" if _is_audited(recipe) else "vote")
    files = index.write_changes(session, folder) if recipe.incremental else []
    files += index.write_index(session, recipe.formats, folder, is_held=recipe.incremental)
    leave(folder, Outline(counts, collection, measure_votes(session), files))


def write_one_shard(
    sessions: Sequence[Session], recipe: RecipeBody, number: int, folder: Path, report: Report
) -> tuple[int, int]:
    """Write a shard; return its rows and its bytes. More sessions read faster."""
    written = write_shard(sessions, recipe, _sizes(sessions[0], recipe), number, folder, report)
    leave(folder, written)
    parts = [part for splits in written.parts.values() for of_split in splits.values() for part in of_split]
    return sum(part.rows for part in parts), sum(part.bytes for part in parts)


def merge_parts(snapshot: Snapshot, draft: Path, outline: Path, shards: Sequence[Path]) -> Merged:
    """Make one folder of all parts."""
    origin = Origin(
        project=snapshot.project.slug,
        version=snapshot.version,
        parent=snapshot.parent.version if snapshot.parent else None,
        watermark=snapshot.watermark,
        watermark_hash=snapshot.watermark_hash,
        recipe=snapshot.recipe,
        recipe_name=snapshot.named_recipe.name if snapshot.named_recipe else None,
    )
    return merge(draft, parse_recipe(snapshot.recipe), origin, outline, shards)


def compile_alone(folder: Path, parts: Path, snapshot: Snapshot, report: Report) -> Merged:
    """Do all of it in this process and one session: the parts into one empty folder, the snapshot into another."""
    recipe = parse_recipe(snapshot.recipe)
    with Session(database_dsn()) as session:
        planned, shards = plan(session, snapshot, report)
        folders = [parts / str(number) for number in range(shards + 1)]
        for part in folders:
            part.mkdir()
        write_outline(session, recipe, planned, folders[OUTLINE])
        for number, part in enumerate(folders[1:], start=1):
            write_one_shard([session], recipe, number, part, report)
    return merge_parts(snapshot, folder, folders[OUTLINE], folders[1:])


def _is_audited(recipe: RecipeBody) -> bool:
    return recipe.incremental or any(FORMATS[name].rows is Rows.JUDGMENTS for name in recipe.formats)


def _sizes(session: Session, recipe: RecipeBody) -> tuple[Size, Size]:
    return size_of(session, "picked"), size_of(session, "audit") if _is_audited(recipe) else Size(0, 0)


def _compare(session: Session, parent: Snapshot | None) -> dict[str, dict[str, int]]:
    if parent is None:
        return index.compare(session, None)
    try:
        with at_hand(parent, *index.NEEDED) as folder:
            return index.compare(session, folder)
    except FileNotFoundError as error:
        raise ParentGoneError(parent) from error
