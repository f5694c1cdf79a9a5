"""Snapshots of a test go to a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import override_settings


@pytest.fixture(autouse=True)
def snapshot_dir(request: pytest.FixtureRequest, tmp_path: Path):
    """SNAPSHOT_DIR for what runs in this process; a real worker or server has its own."""
    if {"worker", "served"} & set(request.fixturenames):
        yield None
        return
    with override_settings(SNAPSHOT_DIR=tmp_path / "snapshots"):
        yield tmp_path / "snapshots"
