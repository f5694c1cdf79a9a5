"""Rebuild: a snapshot made once more from its recipe and watermark, to see that the same comes out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from exports.models import Snapshot
from exports.pipeline.erasures import erased_since
from exports.pipeline.stages import Report, compile_alone


def rebuild(snapshot: Snapshot, folder: Path, report: Report = lambda _: None) -> list[str]:
    """Write a ready snapshot anew into a folder; return how it differs from what was published, a line a difference."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parts-", dir=folder) as parts:
        merged = compile_alone(folder, Path(parts), snapshot, report)
    files, manifest = merged.files, merged.manifest
    published = dict(snapshot.files.values_list("path", "sha256"))
    rebuilt = {file.path: file.sha256 for file in files}
    differences = [f"{path}: is not made any more" for path in sorted(published.keys() - rebuilt.keys())]
    differences += [f"{path}: was not there" for path in sorted(rebuilt.keys() - published.keys())]
    common = sorted(published.keys() & rebuilt.keys())
    differences += [f"{path}: has other bytes" for path in common if published[path] != rebuilt[path]]
    if not differences:
        return []
    return [*differences, *_other_versions(snapshot.manifest or {}, manifest), *_erased(snapshot)]


def _erased(snapshot: Snapshot) -> list[str]:
    """That no rebuilding can give the same again, where that is so."""
    erased = erased_since(snapshot).count()
    return [f"cannot come out the same any more: {erased:,} judgments that it saw were erased since"] if erased else []


def _other_versions(published: dict[str, Any], rebuilt: dict[str, Any]) -> list[str]:
    """What wrote the two, where that differs."""
    told = [(name, published.get(part, {}).get(name), now)
            for part in ("code", "writers") for name, now in rebuilt[part].items()]  # fmt: skip
    return [f"written by {name} {then}, now {now}" for name, then, now in told if then != now]
