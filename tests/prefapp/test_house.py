"""One writer per fact: only the module that owns a table writes its rows. (Imports are import-linter's to watch.)"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

WRITERS = {
    "ApiKey": "annotation/keys.py",
    "Assignment": "annotation/queue.py",
    "Feedback": "annotation/judging.py",
    "Judgment": "annotation/judging.py",
    "Retraction": "annotation/judging.py",
    "Event": "annotation/log.py",
    "Seal": "annotation/log.py",
    "UnsealedEvent": "annotation/log.py",
    "WaitingFeedback": "annotation/intake/joining.py",
    "SnapshotFile": "exports/pipeline/publish.py",
}
COPIES = {"copy_columns", "copy_rows", "write_rows"}
WRITES = {"create", "bulk_create", "get_or_create", "update_or_create", "update", "bulk_update", "delete", "save"}


def written_models(source: str) -> Iterator[str]:
    """The models that a module writes: by its manager and query sets, or by copying rows in."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            yield from names_at_root(node.func.value)
        elif isinstance(node.func, ast.Name) and node.func.id in COPIES:
            yield from names_at_root(node.args[0])


def names_at_root(node: ast.expr) -> Iterator[str]:
    """The name that a chain such as `Name.objects.filter(...)` starts with."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    if isinstance(node, ast.Name):
        yield node.id


def test_only_its_owner_writes_a_fact() -> None:
    found = set()
    for path in [*settings.BASE_DIR.glob("annotation/**/*.py"), *settings.BASE_DIR.glob("exports/**/*.py")]:
        if "migrations" not in path.parts:
            name = str(Path(path).relative_to(settings.BASE_DIR))
            found |= {(model, name) for model in written_models(path.read_text()) if model in WRITERS}
    assert found
    assert found <= set(WRITERS.items())


def test_writes_are_seen() -> None:
    source = """
Judgment.objects.filter(pk=1).order_by("pk").update(a=1)
copy_rows(Event, [])
write_rows(Feedback, [])
Seal(a=1).save()
"""
    assert set(written_models(source)) == {"Judgment", "Event", "Feedback", "Seal"}
