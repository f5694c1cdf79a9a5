"""Answers that read much: as things are now or, where making them takes long, as they were a moment ago."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from django.core.cache import cache

from annotation.models import Project

Made = TypeVar("Made")

SLOW_SECONDS = 0.5
KEPT_SECONDS = 60


def recent(project: Project, name: str, query: Mapping[str, object], make: Callable[[], Made]) -> Made:
    """What `make` makes for a query, kept for KEPT_SECONDS if it took more than SLOW_SECONDS."""
    asked = ",".join(f"{field}={query[field]}" for field in sorted(query)).replace(" ", "T")
    key = f"{name}:{project.uid}:{asked}"
    known = cast("Made | None", cache.get(key))
    if known is None:
        began = time.monotonic()
        known = make()
        if time.monotonic() - began > SLOW_SECONDS:
            cache.set(key, known, KEPT_SECONDS)
    return known
