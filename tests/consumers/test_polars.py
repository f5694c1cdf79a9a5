"""polars: scans a file of a running server over HTTP, by a signed link, reading no more of it than it needs."""

from __future__ import annotations

import httpx
import polars as pl
import pyarrow.parquet as pq
import pytest

from annotation.keys import create_key
from tests.consumers.battles import build_all


@pytest.mark.django_db(transaction=True)
def test_a_scan_by_a_link(served: str):
    snapshot = build_all()
    secret = create_key(snapshot.project, name="engineer", scopes=["read"], actor="test")[1]
    base = f"{served}/api/v1/projects/{snapshot.project.slug}/snapshots/latest/links/"
    made = httpx.post(base, json={"expires_in": 60}, headers={"Authorization": f"Bearer {secret}"})
    links = {file["path"]: file["url"] for file in made.raise_for_status().json()["files"]}
    for path, url in links.items():
        if not path.endswith(".parquet"):
            continue
        here = pq.read_table(snapshot.path / path)
        assert pl.scan_parquet(url).select(pl.len()).collect().item() == here.num_rows, path
        column = here.column_names[0]
        assert pl.scan_parquet(url).select(column).collect().to_arrow().num_rows == here.num_rows
    wins = pl.scan_parquet(links["battles/train-00000-of-00001.parquet"]).filter(pl.col("winner") == "model_a")
    winners = pq.read_table(snapshot.path / "battles", filters=[("winner", "=", "model_a")])
    assert 0 < wins.collect().height <= winners.num_rows
