"""One snapshot of every config for the tools that it is made for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings


def pytest_itemcollected(item: pytest.Item) -> None:
    """Have the test database made, be it that these tests run alone: pytest-django makes what tests are marked for."""
    item.add_marker(pytest.mark.django_db)


@pytest.fixture(scope="session")
def folder(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a snapshot that the project's own pipeline built; its rows are gone from the database again."""
    from tests.consumers.battles import build_all  # noqa: PLC0415  (Django is set up after this file is read)

    with django_db_blocker.unblock(), override_settings(SNAPSHOT_DIR=tmp_path_factory.mktemp("snapshots")):
        try:
            path = build_all().path
        finally:
            call_command("flush", verbosity=0, interactive=False)
    return path
