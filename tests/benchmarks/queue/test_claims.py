"""The cost of a claim with 1,000 and with 1,000,000 comparisons: uv run pytest -n 0 -s -m benchmark -k claim

Half of them are done. One annotator is new, one is far ahead of the others: a twentieth of the queue is judged by that
one alone, at overlap 3. The sizes take turns, so that a busy machine hits them alike. Beside the time that passed
stands the server's processor time, which a busy machine does not change.
"""

from __future__ import annotations

import os
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.db import connection, transaction

from annotation import queue
from annotation.models import Annotator, Project
from tests.benchmarks.queue.filling import half_done_queue

SIZES = [1_000, int(os.environ.get("BENCHMARK_SIZE", "1_000_000"))]
CLAIMS = 150


@dataclass
class Spent:
    """Milliseconds of each claim: on the wall, and of the server's processor."""

    wall: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)


@pytest.mark.benchmark
@pytest.mark.django_db(transaction=True)
def test_a_claim_costs_the_same_in_a_queue_of_a_million():
    small, large = SIZES
    print(
        f"\n| order | annotator | {small:,}: wall, server ms | {large:,}: wall, server ms | ratios | first claims, ms |"
    )
    print("|---|---|---|---|---|---|")
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    for order in Project.Order:
        queues = [half_done_queue(f"{order.replace('_', '-')}-{size}", size, order) for size in SIZES]
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        for who in ("new", "ahead"):
            spent = take_turns([people[who] for people in queues])
            told = [(statistics.median(one.wall[1:]), statistics.mean(one.server[1:])) for one in spent]
            cells = [f"{wall:.2f}, {server:.2f}" for wall, server in told]
            ratios = ", ".join(f"{b / a:.2f}" for a, b in zip(*told, strict=True))
            first = ", ".join(f"{one.wall[0]:.1f}" for one in spent)
            print(f"| {order} | {who} | {' | '.join(cells)} | {ratios} | {first} |", flush=True)


def take_turns(annotators: list[Annotator]) -> list[Spent]:
    """What each claim of each annotator takes; what is claimed is judged."""
    spent = [Spent() for _ in annotators]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        used = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    for _ in range(CLAIMS):
        for annotator, one in zip(annotators, spent, strict=True):
            before, start = int(used.read_text().split()[0]), time.perf_counter()
            (lease,) = queue.hold(annotator, count=1)
            one.wall.append((time.perf_counter() - start) * 1e3)
            one.server.append((int(used.read_text().split()[0]) - before) / 1e6)
            with transaction.atomic():
                queue.settle(annotator, lease.uid)
    return spent
