"""The main job, end to end: import a file, judge with keys in a browser, build, download, load."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from playwright.sync_api import Browser, Page

from annotation.keys import create_key
from annotation.models import Project
from tests import world

KEYS = ["a", "b", "t", "ArrowLeft", "ArrowRight", "b", "x", "a", "b", "a"]
SIDES = {"a": 0, "ArrowLeft": 0, "b": 1, "ArrowRight": 1}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def write_records(path: Path, count: int) -> dict[str, str]:
    """A native file; returns the text of each output id."""
    texts = {}
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            outputs = [
                {"output_id": f"o{n}-{k}", "content": f"Answer {n} by {k}: {word}.", "model": {"name": k}}
                for k, word in (("aurora", "terse"), ("basalt", "wordy"))
            ]
            texts |= {str(output["output_id"]): str(output["content"]) for output in outputs}
            file.write(json.dumps({"request_id": f"r{n}", "prompt": f"Question {n}?", "outputs": outputs}) + "\n")
    return texts


def log_in(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.locator("input[name=login]").fill(name)
    page.locator("input[type=password]").fill(world.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{base}/")


def press(page: Page, key: str) -> dict[str, str]:
    """Judge what is on the screen with one key; returns what each panel showed, by the name of its side."""
    comparison = page.locator("[data-comparison]")
    comparison.wait_for()
    shown = comparison.get_attribute("data-comparison")
    texts = [page.get_by_role("group", name=f"Response {side}", exact=True).inner_text() for side in "AB"]
    page.keyboard.press(key)
    page.wait_for_function(
        "shown => document.querySelector('[data-comparison]')?.dataset.comparison !== shown", arg=shown
    )
    return {"comparison": str(shown), "left": texts[0], "right": texts[1]}


def await_ready(api: httpx.Client, location: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        snapshot: dict[str, Any] = api.get(location).raise_for_status().json()
        if snapshot["status"] == "ready":
            return snapshot
        assert snapshot["status"] in ("queued", "building"), snapshot["error"]
        assert time.monotonic() < deadline, snapshot
        time.sleep(0.1)


def download(api: httpx.Client, file: dict[str, Any], folder: Path) -> None:
    """Fetch a file of a snapshot in two pieces, as after a broken connection."""
    half = file["bytes"] // 2
    first = api.get(file["url"], headers={"Range": f"bytes=0-{half}"})
    rest = api.get(file["url"], headers={"Range": f"bytes={half + 1}-", "If-Range": first.headers["ETag"]})
    assert (first.status_code, rest.status_code) == (206, 206)
    content = first.content + rest.content
    assert hashlib.sha256(content).hexdigest() == file["sha256"]
    target = folder / file["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def test_from_a_file_through_ten_keys_to_a_dataset(
    served: str, worker: object, browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets  # noqa: PLC0415 - reads its environment on import

    texts = write_records(tmp_path / "pairs.jsonl", 20)
    call_command("import_pairs", str(tmp_path / "pairs.jsonl"), project="job", create=True)
    world.person("alice")
    page = browser.new_page()
    log_in(page, served, "alice")
    page.goto(f"{served}/annotate/job/")
    pressed = [(key, press(page, key)) for key in KEYS]
    page.locator("[data-state=saved]").wait_for()
    page.close()

    key = create_key(Project.objects.get(slug="job"), name="job", scopes=["manage"], actor="test")[1]
    api = httpx.Client(
        base_url=f"{served}/api/v1/projects/job/", headers={"Authorization": f"Bearer {key}"}, timeout=30
    )
    judgments = {j["comparison_id"]: j for j in api.get("judgments/").raise_for_status().json()["results"]}
    picked = set()
    for key, shown in pressed:
        judgment = judgments.pop(shown["comparison"])
        left, right = judgment["presented"]
        assert texts[left] in shown["left"]
        assert texts[right] in shown["right"]
        if key in SIDES:
            assert judgment["chosen"] == judgment["presented"][SIDES[key]]
            picked.add(texts[judgment["chosen"]])
    assert judgments == {}

    answer = api.post("snapshots/", json={"recipe": {"formats": ["preference", "battles", "judgments"]}})
    assert answer.status_code == 202
    snapshot = await_ready(api, answer.headers["Location"])
    folder = tmp_path / "snapshot"
    for file in snapshot["files"]:
        download(api, file, folder)
    call_command("verify_snapshot", str(folder))
    rows = {
        config: [row for split in datasets.load_dataset(str(folder), config).values() for row in split]
        for config in ("preference", "battles", "judgments")
    }
    assert {row["chosen"][-1]["content"] for row in rows["preference"]} == picked
    assert [len(rows[config]) for config in rows] == [8, 10, 10]
