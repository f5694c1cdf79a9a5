"""Configs: the picked rows go through each format into its files; what a format cannot take is dropped by its rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exports.pipeline.formats import FORMATS, Format, Rows
from exports.pipeline.measure import Texts
from exports.pipeline.read import DROPPED, Reading, audited_judgments, one_ahead, picked_pairs
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.session import Session
from exports.pipeline.write import FileFormat, Shards, WrittenFile, write_bytes

SPLITS = ("train", "test")
DROPPED_SCHEMA = pa.schema(
    [
        ("rule", pa.string()),
        ("format", pa.string()),
        ("pair_id", pa.string()),
        ("request_id", pa.string()),
        ("outputs", pa.list_(pa.string())),
        ("winner", pa.string()),
        ("agreement", pa.float64()),
        ("last_position", pa.int64()),
    ]
)
# Rows done so far and rows in all; raises when the build is no longer wanted.
Report = Callable[[int, int], None]


@dataclass
class Config:
    """One format with its files in the making."""

    format: Format
    folder: Path
    file_format: FileFormat
    refused: Callable[[pa.RecordBatch, str, str], None]
    written: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shards = {
            split: Shards(self.folder, self.format.name, split, self.format.schema, self.file_format)
            for split in SPLITS
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of pairs or judgments in."""
        batch, refused = self.format.fitting(batch)
        if self.format.only and refused.num_rows:
            rule = self.format.only.rule
            self.left_out[rule] = self.left_out.get(rule, 0) + refused.num_rows
            self.refused(refused, rule, self.format.name)
        for split, mine in zip(SPLITS, (pc.invert(batch["test"]), batch["test"]), strict=True):
            rows = batch.filter(mine)
            if rows.num_rows:
                converted = self.format.batch(rows)
                self.shards[split].add(converted)
                self.written[split] = self.written.get(split, 0) + converted.num_rows

    def finish(self) -> list[WrittenFile]:
        """End the files and put the format's side files beside them."""
        files = [file for split in SPLITS for file in self.shards[split].finish()]
        names = [file.path.removeprefix(f"{self.format.name}/") for file in files]
        for name, content_of in self.format.side_files.items() if files else ():
            files.append(write_bytes(self.folder, f"{self.format.name}/{name}", content_of(names)))
        return files

    def counts(self) -> dict[str, object]:
        """Rows written by split, and pairs that only this format left out by rule."""
        return {**self.written, **({"dropped": self.left_out} if self.left_out else {})}


@dataclass(frozen=True)
class Written:
    """What the configs came to: the files, the counts of each config, and what was measured of the texts."""

    files: list[WrittenFile]
    counts: dict[str, dict[str, object]]
    measured: dict[str, Any]


def write_configs(session: Session, recipe: RecipeBody, folder: Path, report: Report) -> Written:
    """Write every config of the recipe and the audit of dropped pairs into a folder."""
    dropped = Shards(folder, "dropped", "pairs", DROPPED_SCHEMA)

    def refused(pairs: pa.RecordBatch, rule: str, name: str) -> None:
        said = {"rule": rule, "format": name}
        columns = [
            pa.array([said[column.name]] * pairs.num_rows, pa.string()) if column.name in said else pairs[column.name]
            for column in DROPPED_SCHEMA
        ]
        dropped.add(pa.RecordBatch.from_arrays(columns, schema=DROPPED_SCHEMA))

    configs = [Config(FORMATS[name], folder, recipe.file_format, refused) for name in recipe.formats]
    try:
        with session.looking_up():
            for batch in session.batches(DROPPED):
                dropped.add(batch.select(DROPPED_SCHEMA.names).cast(DROPPED_SCHEMA))
        texts = Texts()
        _fill(session, configs, texts, report)
        files = [file for config in configs for file in config.finish()]
        files += dropped.finish()
    finally:
        for shards in (dropped, *(shards for config in configs for shards in config.shards.values())):
            shards.abandon()
    counts = {config.format.name: config.counts() for config in configs}
    return Written(files, counts, texts.measured())


def _fill(session: Session, configs: Sequence[Config], texts: Texts, report: Report) -> None:
    of_judgments = [config for config in configs if config.format.rows is Rows.JUDGMENTS]
    of_pairs = [config for config in configs if config.format.rows is not Rows.JUDGMENTS]
    sources: list[tuple[Reading, list[Config]]] = []
    if of_pairs:
        votes = any(config.format.wants_votes for config in of_pairs)
        sources.append((picked_pairs(session, votes=votes), of_pairs))
    if of_judgments:
        sources.append((audited_judgments(session), of_judgments))
    total, done = sum(reading.rows for reading, _ in sources), 0
    for reading, takers in sources:
        with one_ahead(reading.batches(session)) as batches:
            for batch in batches:
                for config in takers:
                    config.add(batch)
                if takers is of_pairs:
                    texts.add(batch)
                done += batch.num_rows
                report(done, total)
