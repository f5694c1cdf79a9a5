"""Fixtures for every test: embedded servers, the test database, a real web server, worker and browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections
from playwright.sync_api import Browser, sync_playwright
from redis import Redis

from prefapp import embedded
from tests.processes import Running, celery_worker, web_server

# A data directory of its own, so that a test run does not disturb a demo of the same checkout.
DATA_DIR = Path(__file__).resolve().parent.parent / os.environ.setdefault("PREFAPP_DATA_DIR", "var/test")
EMBEDDED_REDIS = not os.environ.get("REDIS_URL")
if EMBEDDED_REDIS:
    # Parallel runners share the server and take a Redis database each; 0 is left to people.
    runner = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.environ["REDIS_URL"] = embedded.redis_url(DATA_DIR, database=runner + 1)
os.environ["DJANGO_SETTINGS_MODULE"] = "prefapp.settings"

CHROMIUM_OPTIONS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def pytest_configure() -> None:
    """Starts the servers for as long as this process lives, and loads the settings, which sets Django up."""
    # WhiteNoise would look through all static files for every test client, a fifth of the time of their tests.
    settings.WHITENOISE_AUTOREFRESH = True
    embedded.hold(DATA_DIR, database=settings.USES_EMBEDDED_DATABASE, redis=EMBEDDED_REDIS)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Lets parallel runners, which inherit the environment of this process, choose a Redis database of their own."""
    if session.config.getoption("numprocesses", None) and EMBEDDED_REDIS:
        # The settings as well, or they would be loaded in the runner before this file is.
        del os.environ["REDIS_URL"], os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Lets Django empty the test database after a transactional test, past the triggers that keep facts for ever.

    By DELETE: on tables of a few rows it takes a tenth of the time of TRUNCATE.
    """

    execute_sql_flush = connection.ops.execute_sql_flush

    def delete_all(style: object, tables: Iterable[str], **options: object) -> list[str]:
        return [f'DELETE FROM "{table}"' for table in tables]

    def flush_past_triggers(statements: Iterable[str]) -> None:
        execute_sql_flush(["SET LOCAL session_replication_role = replica", *statements])

    with patch.multiple(connection.ops, sql_flush=delete_all, execute_sql_flush=flush_past_triggers):
        yield


@pytest.fixture
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """What annotation.recent keeps of slow answers is made anew, however slow the machine is."""
    monkeypatch.setattr("annotation.recent.SLOW_SECONDS", 60)


@pytest.fixture(scope="session")
def served(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a real web server on the test database, without a final slash."""
    with web_server(tmp_path_factory.mktemp("web")) as (base, _):
        yield base


@pytest.fixture(scope="module")
def worker(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real Celery worker on the test database, for the tests of one module."""
    with Redis.from_url(settings.REDIS_URL) as broker:
        broker.flushdb()  # tasks that earlier tests queued name rows that are gone
    with celery_worker(tmp_path_factory.mktemp("worker")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one its tests are skipped, except in CI, where they fail."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        reason = "no Chromium on this machine"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    # Playwright runs an event loop in this thread, so Django takes everything after it for asynchronous code, which
    # it refuses queries and gives connections of its own: allow the former, and hand on the connection of the tests.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    of_the_tests = connections[DEFAULT_DB_ALIAS]
    with sync_playwright() as playwright:
        connections[DEFAULT_DB_ALIAS] = of_the_tests
        running = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield running
        running.close()
