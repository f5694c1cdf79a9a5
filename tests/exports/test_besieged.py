"""Worker, broker and database are killed in turn amid sharded builds; each ends ready with the right bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_a_sharded_build_survives_whatever_is_killed(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    environment |= {"PREFAPP_DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "prefapp.settings"}
    command = [sys.executable, "-m", "tests.exports.besieged"]
    done = subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    for what in ("worker", "broker", "database"):
        assert f"{what} killed: ready" in done.stderr
