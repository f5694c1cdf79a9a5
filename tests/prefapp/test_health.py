"""Liveness and readiness, asked of a real web server."""

import httpx
import pytest

from tests.processes import Running

pytestmark = pytest.mark.django_db(transaction=True)


def test_process_lives(served: str) -> None:
    answer = httpx.get(f"{served}/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_ready_names_each_part(served: str, worker: Running) -> None:
    answer = httpx.get(f"{served}/readyz")
    assert answer.json() == {"database": "ok", "broker": "ok", "worker": "ok"}
    assert answer.status_code == 200
