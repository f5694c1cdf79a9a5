"""A database of their own for benchmarks, made at the start and dropped at the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DATA_DIR = Path(__file__).resolve().parents[2] / os.environ.setdefault("PREFAPP_DATA_DIR", "var/benchmarks")
os.environ["DJANGO_SETTINGS_MODULE"] = "prefapp.settings"


@contextmanager
def fresh_database() -> Iterator[None]:
    """Run with Django set up on an empty database of the embedded server, or of the one that DATABASE_URL names."""
    from prefapp import embedded  # noqa: PLC0415 - the environment above comes first

    embedded.hold(DATA_DIR, database=not os.environ.get("DATABASE_URL"), redis=not os.environ.get("REDIS_URL"))
    import django  # noqa: PLC0415

    django.setup()
    from django.test.utils import setup_databases, teardown_databases  # noqa: PLC0415

    made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


def tell(line: str) -> None:
    """A line of the report, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
