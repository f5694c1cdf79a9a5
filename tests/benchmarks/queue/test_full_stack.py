"""Judgments a second through the page's own requests: uv run pytest -n 0 -s -m benchmark -k full_stack

Web server, PostgreSQL, Valkey and the load generator share the machine. Each annotator is signed in, holds what the
page holds, sends the page's form with its CSRF token and reads the fragment that comes back.
"""

from __future__ import annotations

import http.client
import os
import re
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import connection, connections, transaction

from annotation import judging, log
from annotation.models import Candidate, Feedback, Project, Prompt
from annotation.models import Judgment as StoredJudgment
from prefapp.sessions import SessionStore
from tests import world
from tests.benchmarks.queue.filling import open_queue
from tests.processes import web_server

SIZES = [int(size) for size in os.environ.get("BENCHMARK_SIZES", "1000 100000").split()]
CLIENTS = (1, 8, 32)
SECONDS = float(os.environ.get("BENCHMARK_SECONDS", "8"))
WARM_UP = 8
SHOWN = re.compile(r'data-comparison="[^"]*" data-lease="([^"]*)"[^>]*data-feedback="([^"]*)"')


@dataclass
class Load:
    """What a number of clients got done."""

    seconds: float = 0
    milliseconds: list[float] = field(default_factory=list)

    def told(self) -> str:
        """Rate and percentiles as cells of a table."""
        ordered = sorted(self.milliseconds)
        at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99)]
        return f"{len(ordered) / self.seconds:.0f} | " + " / ".join(f"{ms:.0f}" for ms in at)


class Client:
    """One annotator's browser: a connection that stays open, a session, a CSRF token, and what the page holds."""

    def __init__(self, base: str, project: Project, name: str) -> None:
        user = world.person(name)
        session = SessionStore()
        session[SESSION_KEY], session[BACKEND_SESSION_KEY] = str(user.pk), settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        self.path = f"/annotate/{project.slug}/"
        self.connection = http.client.HTTPConnection(str(urlsplit(base).netloc), timeout=60)
        self.token = uuid.uuid4().hex
        self.headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}; csrftoken={self.token}",
            "X-CSRFToken": self.token,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }

    def open_page(self) -> None:
        """Load the page as a browser does."""
        self.held = SHOWN.findall(self._send("GET", self.path))

    def judge_and_next(self) -> bool:
        """One judgment; False when the page is empty."""
        if not self.held:
            return False
        (lease, feedback_id), *rest = self.held
        form = [("lease", lease), ("feedback_id", feedback_id), ("choice", "a"), ("duration_ms", 900)]
        text = self._send("POST", f"{self.path}judge/", urlencode(form + [("known", known) for known, _ in rest]))
        self.held = rest + SHOWN.findall(text)
        return True

    def _send(self, method: str, path: str, body: str | None = None) -> str:
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, (answer.status, text[:300])
        return text


def load(works: list[Callable[[], bool]]) -> Load:
    """Run each work over and over, all at once, for SECONDS."""
    done, start = Load(), threading.Barrier(len(works) + 1)
    until = [0.0]

    def run(work: Callable[[], bool]) -> None:
        start.wait()
        while (began := time.perf_counter()) < until[0] and work():
            done.milliseconds.append((time.perf_counter() - began) * 1e3)
        connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    until[0] = time.perf_counter() + SECONDS
    began = time.perf_counter()
    start.wait()
    for thread in threads:
        thread.join()
    done.seconds = time.perf_counter() - began
    return done


@pytest.mark.benchmark
@pytest.mark.django_db(transaction=True)
def test_full_stack(tmp_path: Path) -> None:
    print("\n| work | clients | judgments/s | p50 / p95 / p99 ms |\n|---|---|---|---|")
    with web_server(tmp_path, workers=4) as (base, _):
        for count in CLIENTS:
            constant = (
                load([constant_page(base)] * count) if count == 1 else load([constant_page(base) for _ in range(count)])
            )
            print(f"| a constant page | {count} | {constant.told()} |", flush=True)
        for size in SIZES:
            for count in CLIENTS:
                project = open_queue(f"q{size}-{count}", size)
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
                clients = [Client(base, project, f"a{size}-{count}-{n}") for n in range(count)]
                for client in clients:
                    client.open_page()
                warm_up(clients)
                print(
                    f"| {size:,} comparisons | {count} | {load([c.judge_and_next for c in clients]).told()} |",
                    flush=True,
                )
    inserts = bare_inserts(Project.objects.get(slug=f"q{SIZES[0]}-1"))
    for count in CLIENTS:
        print(f"| the bare inserts | {count} | {load([inserts] * count).told()} |", flush=True)


def warm_up(clients: list[Client]) -> None:
    """Some judgments before the clock runs, so that every thread of the server has its connection and its plans."""
    with ThreadPoolExecutor(len(clients)) as pool:
        for _ in range(WARM_UP):
            list(pool.map(Client.judge_and_next, clients))


def constant_page(base: str) -> Callable[[], bool]:
    """The same page again and again."""
    kept = http.client.HTTPConnection(str(urlsplit(base).netloc), timeout=60)

    def get() -> bool:
        kept.request("GET", "/healthz")
        answer = kept.getresponse()
        answer.read()
        return answer.status == 200

    return get


def bare_inserts(project: Project) -> Callable[[], bool]:
    """A transaction that writes what a judgment and the next lease write, and nothing else."""
    prompt = Prompt.objects.filter(project=project).earliest("pk")
    left, right = [judging.Output.of(candidate) for candidate in Candidate.objects.filter(prompt=prompt)[:2]]
    row = StoredJudgment.objects.values_list("pk", flat=True).first()
    assert row

    def insert() -> bool:
        with transaction.atomic():
            feedback_id = str(uuid.uuid4())
            body = {
                "feedback_id": feedback_id, "request_id": prompt.request_id, "kind": Feedback.Kind.PREFERENCE.value,
                "source": {"type": "human", "id": "bare"}, "outcome": "chosen",
            }  # fmt: skip
            verdict = judging.Verdict((left, right), "chosen", left, (left, right))
            entry = judging.NewFeedback(body, prompt.pk, [verdict], prompt.received_at)
            judging.record(project, [entry], actor="bare")
            log.append(project, [log.NewEvent("lease.taken", "bare", "lease")])
        return True

    return insert
