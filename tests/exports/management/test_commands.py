"""The commands as people type them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from exports.models import Snapshot
from exports.recipes import save_recipe
from tests import world
from tests.exports.dataset import log_inference, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db):
    project = world.project()
    log_inference(project, "r", "One.", "Two.")
    vote(project, "r", 0)
    return project


def run(*arguments):
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue().strip()


def build_snapshot(*arguments):
    return run("build_snapshot", "--project", "summaries", *arguments)


def test_without_waiting_it_is_left_to_a_worker(project):
    assert build_snapshot() == "1"
    assert Snapshot.objects.get().status == "queued"


def test_waiting_needs_no_worker(project):
    assert build_snapshot("--wait", "--format", "kto", "--format", "reward") == "1"
    snapshot = Snapshot.objects.get()
    assert (snapshot.status, snapshot.recipe["formats"]) == ("ready", ["kto", "reward"])


def test_the_files_are_copied_and_hold(project, tmp_path):
    assert build_snapshot("--out", tmp_path / "out") == "1"
    assert run("verify_snapshot", tmp_path / "out").startswith("ok: 4 files, 4 rows")
    (tmp_path / "out" / "README.md").write_text("other")
    with pytest.raises(CommandError, match=r"README\.md"):
        run("verify_snapshot", tmp_path / "out")
    with pytest.raises(CommandError, match="in use"):
        build_snapshot("--out", tmp_path / "out")


def test_a_rebuilt_snapshot_is_identical(project, tmp_path, monkeypatch):
    build_snapshot("--wait", "--format", "preference", "--format", "judgments")
    log_inference(project, "later", "One.", "Two.")
    vote(project, "later", 1)
    world.projects.change_project(project, {"name": "Renamed"}, actor="test")
    incremental = tmp_path / "recipe.json"
    incremental.write_text(json.dumps({"incremental": True}))
    build_snapshot("--wait", "--recipe", incremental, "--format", "preference", "--format", "judgments")
    assert run("rebuild_snapshot", 1, "--check") == "identical: 5 files"
    assert run("rebuild_snapshot", "latest", "--project", "summaries", "--out", tmp_path / "again").startswith(
        "identic"
    )
    assert run("verify_snapshot", tmp_path / "again").startswith("ok: ")
    assert [path.name for path in (tmp_path / "again" / "changes").iterdir()] == ["added-00000-of-00001.parquet"]
    monkeypatch.setattr("exports.pipeline.manifest.PIPELINE_VERSION", 99)
    with pytest.raises(CommandError, match="written by pipeline 5, now 99"):
        run("rebuild_snapshot", 1)
    for wrong in ("9", "x", ("1", "--project", "nobody")):
        with pytest.raises(CommandError, match="There is no"):
            run("rebuild_snapshot", *([wrong] if isinstance(wrong, str) else wrong))


def test_a_recipe_by_name_or_file(project, tmp_path):
    save_recipe(project, "dpo", {"formats": ["reward"]}, actor="test")
    (tmp_path / "recipe.json").write_text(json.dumps({"formats": ["kto"]}))
    build_snapshot("--recipe", "dpo")
    build_snapshot("--recipe", tmp_path / "recipe.json")
    formats = Snapshot.objects.order_by("version").values_list("recipe__formats", flat=True)
    assert list(formats) == [["reward"], ["kto"]]


BAD_RECIPES = {
    "broken.json": "{",
    "nul.json": r'{"languages": ["\u0000"]}',
    "twice.json": '{"min_votes": 1, "min_votes": 2}',
}


def test_what_is_wrong_is_one_line(project, tmp_path):
    for name, content in BAD_RECIPES.items():
        (tmp_path / name).write_text(content)
    for arguments, said in [
        (["--recipe", "unknown"], "unknown"),
        (["--recipe", tmp_path / "broken.json"], r"broken\.json is refused: is not sound JSON"),
        (["--recipe", tmp_path / "nul.json"], r"nul\.json is refused at /languages/0: contains NUL"),
        (["--recipe", tmp_path / "twice.json"], r"twice\.json is refused: the same key twice: .min_votes"),
        (["--format", "csv"], "csv"),
    ]:
        with pytest.raises(CommandError, match=said) as caught:
            build_snapshot(*arguments)
        assert "\n" not in str(caught.value)
    with pytest.raises(CommandError, match="nowhere"):
        run("build_snapshot", "--project", "nowhere")
    assert Snapshot.objects.count() == 0


def test_verifying_needs_no_server(tmp_path):
    environment = {**os.environ, "PREFAPP_DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "manage.py", "verify_snapshot", str(tmp_path)],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("CommandError: manifest.json: is missing")
    assert not (tmp_path / "data" / "postgres").exists()
