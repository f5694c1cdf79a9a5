"""How to load a snapshot: commands and programs to copy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from exports.models import Snapshot, SnapshotFile
from exports.pipeline.formats import FORMATS

# What each of TRL's trainers reads.
TRAINERS = {"preference": "DPOTrainer", "reward": "RewardTrainer", "kto": "KTOTrainer"}


class Snippet(NamedTuple):
    """A text to copy, under the name of the tool it is for."""

    tool: str
    text: str


def snippets_for(snapshot: Snapshot, files: Sequence[SnapshotFile], base: str) -> list[Snippet]:
    """Snippets for a ready snapshot; `base` is its address in the API, with a final slash.

    Those of tools that read none of its configs or files are left out.
    """
    with_rows = {file.path.partition("/")[0] for file in files if file.rows}
    with_train = {file.path.partition("/")[0] for file in files if "/train-" in file.path and file.rows}
    folder = f"{snapshot.project.slug}-v{snapshot.version}"
    formats = [name for name in FORMATS if name in with_rows]
    if not formats:
        return []
    first, is_parquet = formats[0], snapshot.recipe["file_format"] == "parquet"
    load = f'load_dataset("{folder}", "{{config}}")'
    found = [
        Snippet(
            "curl", f'mkdir {folder}\ncurl -s {base}archive.tar -H "Authorization: Bearer $KEY" | tar x -C {folder}'
        ),
        Snippet("datasets", f"from datasets import load_dataset\n\nrows = {load.format(config=first)}"),
    ]
    for config, trainer in TRAINERS.items():
        if config in formats and config in with_train:
            found.append(Snippet("TRL", _trl(trainer, load.format(config=config))))
            break
    if is_parquet:
        pattern = f"{folder}/{first}/{'train' if first in with_train else 'test'}-*.parquet"
        found.append(Snippet("polars", f'import polars\n\nrows = polars.scan_parquet("{pattern}")'))
    return found


def _trl(trainer: str, load: str) -> str:
    config = trainer.replace("Trainer", "Config")
    return (
        f"from datasets import load_dataset\nfrom trl import {config}, {trainer}\n\n"
        f'trainer = {trainer}(\n    model="YOUR-MODEL",\n    args={config}(output_dir="out"),\n'
        f'    train_dataset={load}["train"],\n)\ntrainer.train()'
    )
