"""`datasets`: every config loads from the folder alone, with the columns and the rows that the manifest names."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest

from exports.pipeline.formats import FORMATS


@pytest.mark.parametrize("config", FORMATS)
def test_every_config_loads(folder: Path, tmp_path: Path, config: str):
    loaded = datasets.load_dataset(str(folder), config, cache_dir=str(tmp_path))
    manifest = json.loads((folder / "manifest.json").read_bytes())
    files = [file for file in manifest["files"] if file["path"].startswith(f"{config}/") and file.get("schema")]
    assert set(loaded) == {"train", "test"}
    for split, rows in loaded.items():
        mine = [file for file in files if file["path"].startswith(f"{config}/{split}-")]
        assert rows.num_rows == sum(file["rows"] for file in mine) > 0
        assert rows.column_names == [column["name"] for column in mine[0]["schema"]]
        # As a trainer reads them without a download of the whole.
        streamed = datasets.load_dataset(str(folder), config, split=split, streaming=True)
        assert next(iter(streamed)).keys() == rows.features.keys()
