"""LLaMA-Factory: its ShareGPT converter, as its documentation states it, takes every row.

The package itself pins versions that nothing else here goes with, so its rules are stated here: the data set's entry in
`dataset_info.json` names the columns, turns are human's and gpt's in turn, a ranking example ends on the human's, and
`chosen` and `rejected` are single objects by gpt. What breaks a rule is skipped with a warning.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

# The documented defaults of `tags`.
USER, ASSISTANT, SYSTEM = "human", "gpt", "system"


def convert(row: dict[str, Any], entry: dict[str, Any]) -> tuple[list[str], str, str]:
    """The turns and the two answers of a row; AssertionError where the converter would skip it."""
    columns = entry["columns"]
    turns = row[columns["messages"]]
    if turns[0]["from"] == SYSTEM:
        turns = turns[1:]
    assert [turn["from"] for turn in turns] == [(USER, ASSISTANT)[place % 2] for place in range(len(turns))]
    assert len(turns) % 2 == 1
    chosen, rejected = row[columns["chosen"]], row[columns["rejected"]]
    assert isinstance(chosen, dict)
    assert chosen["from"] == rejected["from"] == ASSISTANT
    return [turn["value"] for turn in turns], chosen["value"], rejected["value"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_row_is_taken(folder: Path, tmp_path: Path, split: str):
    home = folder / "llamafactory"
    registered = json.loads((home / "dataset_info.json").read_bytes())
    (entry,) = [entry for name, entry in registered.items() if name.startswith(split)]
    assert (entry["formatting"], entry["ranking"]) == ("sharegpt", True)
    # It picks the loader by the ending of the one file that the entry names.
    (path,) = [home / entry["file_name"]]
    rows = datasets.load_dataset(path.suffix[1:], data_files=[str(path)], split="train", cache_dir=str(tmp_path))
    taken = [convert(row, entry) for row in rows]
    assert len(taken) > 5
    assert {len(turns) for turns, _, _ in taken} == {1, 3}
    assert all(turns[0] and chosen and rejected for turns, chosen, rejected in taken)
