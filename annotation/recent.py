"""Answers that read much: as things are now or, where making them takes long, as they were a moment ago."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from django.core.cache import cache

from annotation.models import Project

Made = TypeVar("Made")

SLOW_SECONDS = 0.5
# Then they are kept for so many times as long as making them took.
KEPT_TIMES = 30


def recent(project: Project, name: str, query: Mapping[str, object], make: Callable[[], Made]) -> Made:
    """What `make` makes for a query; what took more than SLOW_SECONDS is kept for KEPT_TIMES as long."""
    asked = ",".join(f"{field}={query[field]}" for field in sorted(query)).replace(" ", "T")
    key = f"{name}:{project.uid}:{asked}"
    known = cast("Made | None", cache.get(key))
    if known is None:
        began = time.monotonic()
        known = make()
        took = time.monotonic() - began
        if took > SLOW_SECONDS:
            cache.set(key, known, math.ceil(KEPT_TIMES * took))
    return known
