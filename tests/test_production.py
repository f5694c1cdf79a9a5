"""docs/production.md, run as it is written against a demo: every block, in its order, with what it says comes out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.prefapp.test_demo import demo

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MARK = "--- end of block ---"
# What is another in every run, by its form.
PASSING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)")

pytestmark = [pytest.mark.slow]


def steps() -> list[tuple[str, tuple[str, str] | None]]:
    """Each command of the page, as bash, and what is shown behind it as its output: the language and the text."""
    found: list[tuple[str, tuple[str, str] | None]] = []
    for language, text in BLOCK.findall((settings.BASE_DIR / "docs" / "production.md").read_text()):
        if language == "bash":
            found.append((text, None))
        elif language == "python":
            found.append((f"python3 - <<'END_OF_PYTHON'\n{text}END_OF_PYTHON\n", None))
        else:
            assert found[-1][1] is None, text
            found[-1] = (found[-1][0], (language, text))
    return found


def run(data_dir: Path, commands: list[str]) -> list[str]:
    """The output of each command, all in one shell."""
    script = "set -euo pipefail\n" + f"echo\necho '{MARK}'\n".join(commands)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {"PREFAPP_DATA_DIR": str(data_dir), "DATABASE_URL": "", "REDIS_URL": "", "UV_NO_SYNC": "1", "PATH": path}
    environment = {**os.environ, **known}
    done = subprocess.run(
        ["bash"], input=script, cwd=settings.BASE_DIR, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split(MARK)


def same(shown: Any, told: Any) -> bool:
    """Whether what came is what is shown, save for ids and times of the server, and positions."""
    if isinstance(shown, dict) and isinstance(told, dict):
        return shown.keys() == told.keys() and all(
            same(value, told[name]) for name, value in shown.items() if name != "position"
        )
    if isinstance(shown, list) and isinstance(told, list):
        return len(shown) == len(told) and all(same(*pair) for pair in zip(shown, told, strict=True))
    if isinstance(shown, str) and isinstance(told, str) and PASSING.fullmatch(shown):
        return bool(PASSING.fullmatch(told))
    return bool(shown == told)


def pattern(shown: str) -> str:
    """A regular expression for a text; in one with an ellipsis, that and numbers stand for any."""
    exact = re.escape(shown.strip())
    return re.sub(r"\w*\d\w*", r"\\w+", exact).replace(r"\w+…", r"\w+") if "…" in shown else exact


def test_the_walk_through_is_true(tmp_path: Path):
    with demo(tmp_path / "data"):
        walk = steps()
        outputs = run(tmp_path / "data", [command for command, _ in walk])
        assert len(outputs) == len(walk) > 8
        for (command, shown), output in zip(walk, outputs, strict=True):
            if shown and shown[0] == "json":
                assert same(json.loads(shown[1]), json.loads(output)), f"{command}\n{output}"
            elif shown:
                assert re.fullmatch(pattern(shown[1]), output.strip()), f"{command}\n{output}"
