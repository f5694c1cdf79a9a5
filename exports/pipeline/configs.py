"""Configs: the rows of a shard go through each format into its files; what a format cannot take its rule drops.

A shard is a run of chunks of the final order; which shards there are depends on the number of rows alone. Its files
have no names yet: `merge` gives them, once all shards are there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from exports.pipeline import readers
from exports.pipeline.formats import FORMATS, Format, Rows
from exports.pipeline.formats.format import those
from exports.pipeline.measure import Texts
from exports.pipeline.read import JUDGMENTS, Size, read_pairs
from exports.pipeline.recipe import RecipeBody
from exports.pipeline.session import Session
from exports.pipeline.write import FileFormat, Part, Parts

SPLITS = ("train", "test")
# So many chunks of pairs, and of judgments, are a shard.
SHARD_CHUNKS = 20
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
# Told the share that is done; raises when the build is no longer wanted.
Report = Callable[[float], None]


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
        self.splits = {
            split: Parts(self.folder, self.format.name, split, self.format.schema, self.file_format) for split in SPLITS
        }

    def add(self, batch: pa.RecordBatch) -> None:
        """Take a batch of pairs or judgments in."""
        batch, refused = self.format.fitting(batch)
        if self.format.only and refused.num_rows:
            rule = self.format.only.rule
            self.left_out[rule] = self.left_out.get(rule, 0) + refused.num_rows
            self.refused(refused, rule, self.format.name)
        for split, mine in zip(SPLITS, (pc.invert(batch["test"]), batch["test"]), strict=True):
            rows = those(batch, mine)
            if rows.num_rows:
                converted = self.format.batch(rows)
                self.splits[split].add(converted)
                self.written[split] = self.written.get(split, 0) + converted.num_rows

    def end(self) -> dict[str, list[Part]]:
        """End the files; return those of each split."""
        return {split: parts.end() for split, parts in self.splits.items()}


@dataclass(frozen=True)
class Written:
    """What a shard came to: by config the files of each split, the rows of each split and what rules left out.

    And what was measured of its texts, and the pairs that a format refused.
    """

    parts: dict[str, dict[str, list[Part]]]
    rows: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, int]]
    measured: dict[str, Any]
    refused: Path


def number_of_shards(pairs: Size, judgments: Size) -> int:
    """How many shards there are; one at least."""
    return max(1, -(-max(pairs.chunks, judgments.chunks) // SHARD_CHUNKS))


def write_shard(
    sessions: Sequence[Session], recipe: RecipeBody, sizes: tuple[Size, Size], number: int, folder: Path, report: Report
) -> Written:
    """Write the files of shard `number` (from 1) into an empty folder. `sizes`: of all pairs and all judgments."""
    refused = folder / "refused.arrow"
    with pa.OSFile(str(refused), "wb") as file, pa.ipc.new_file(file, DROPPED_SCHEMA) as audit:

        def refuse(pairs: pa.RecordBatch, rule: str, name: str) -> None:
            said = {"rule": rule, "format": name}
            columns = [
                pa.array([said[column.name]] * pairs.num_rows, pa.string())
                if column.name in said
                else pairs[column.name]
                for column in DROPPED_SCHEMA
            ]
            audit.write_batch(pa.RecordBatch.from_arrays(columns, schema=DROPPED_SCHEMA))

        configs = [Config(FORMATS[name], folder, recipe.file_format, refuse) for name in recipe.formats]
        texts = Texts()
        try:
            _fill(sessions, configs, texts, sizes, number, report)
            parts = {config.format.name: config.end() for config in configs}
        finally:
            for config in configs:
                for split in config.splits.values():
                    split.abandon()
    return Written(
        parts,
        {config.format.name: config.written for config in configs},
        {config.format.name: config.left_out for config in configs},
        texts.seen(),
        refused,
    )


def _fill(
    sessions: Sequence[Session],
    configs: Sequence[Config],
    texts: Texts,
    sizes: tuple[Size, Size],
    number: int,
    report: Report,
) -> None:
    of_pairs = [config for config in configs if config.format.rows is not Rows.JUDGMENTS]
    of_judgments = [config for config in configs if config.format.rows is Rows.JUDGMENTS]
    pairs = read_pairs(config.format for config in of_pairs)
    steps = [
        (query, _chunks(size, number), takers)
        for query, size, takers in ((pairs, sizes[0], of_pairs), (JUDGMENTS, sizes[1], of_judgments))
        if takers
    ]
    total, done = sum(len(chunks) for _, chunks, _ in steps), 0
    for query, chunks, takers in steps:
        with readers.in_order(sessions, query, chunks) as read:
            for batches in read:
                for batch in batches:
                    for config in takers:
                        config.add(batch)
                    if takers is of_pairs:
                        texts.add(batch)
                done += 1
                report(done / total)


def _chunks(size: Size, number: int) -> range:
    """The chunks of a shard."""
    return range(min((number - 1) * SHARD_CHUNKS, size.chunks), min(number * SHARD_CHUNKS, size.chunks))
