"""Sixty-four tabs in eight processes, some of which are killed: every comparison ends with exactly its overlap.

In full: STRESS_COMPARISONS=20000 uv run pytest -n 0 -m slow tests/annotation/test_stress.py
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db.models import Count, F

from annotation import queue
from annotation.models import Annotator, Assignment, Comparison, Feedback, Judgment, Project
from annotation.replay import replay
from annotation.verification import verify
from tests import world
from tests.annotation.crowd import LEASE_SECONDS, PROGRAM
from tests.processes import test_database_environment as environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.faults]

COMPARISONS = int(os.environ.get("STRESS_COMPARISONS", "240"))
PROCESSES, THREADS = 8, 8
KILLED = 4


@pytest.fixture
def project() -> Project:
    """Overlaps of 1, 2 and 3, and golds and repeats among it."""
    made = world.project(lease_seconds=LEASE_SECONDS, skips_to_lead=0, gold_rate=0.05, repeat_rate=0.05)
    for _ in range(0, COMPARISONS, 1_000):
        world.add_comparisons(made, min(COMPARISONS, 1_000))
    Comparison.objects.update(overlap=1 + F("pk") % 3)
    world.add_golds(made, 10)
    return made


def start(project: Project, number: int, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{number}.log").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, project.slug, f"p{number}", str(THREADS), str(folder / f"{number}.acks")],
            cwd=settings.BASE_DIR,
            env={**os.environ, **environment()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )


def work(project: Project, folder: Path) -> None:
    """Let the processes work until all is done; some are killed in the middle, and begin again."""
    crowd = {number: start(project, number, folder) for number in range(PROCESSES)}
    wanted = sum(Comparison.objects.values_list("overlap", flat=True))
    kills = [wanted * (n + 1) // (KILLED + 2) for n in range(KILLED)]
    try:
        while any(process.poll() is None for process in crowd.values()):
            queue.expire()
            judged = Assignment.objects.filter(state=Assignment.State.JUDGED).count()
            if kills and judged > kills[0]:
                kills.pop(0)
                number = random.choice(list(crowd))
                crowd[number].send_signal(signal.SIGKILL)
                crowd[number].wait()
                crowd[number] = start(project, number, folder)
            time.sleep(0.3)
    finally:
        for process in crowd.values():
            process.kill()
            process.wait()
    assert not kills
    for number, process in crowd.items():
        assert process.returncode == 0, (folder / f"{number}.log").read_text()[-4000:]


def test_every_comparison_ends_with_exactly_its_overlap(project: Project, tmp_path: Path) -> None:
    began = time.monotonic()
    work(project, tmp_path)
    queue.expire()
    seconds = time.monotonic() - began
    plain = Comparison.objects.filter(kind="plain")
    assert not plain.exclude(taken=F("overlap"), judged=F("overlap")).exists()
    assert not Comparison.objects.exclude(kind="plain").filter(taken__gt=0).exists()

    counted = Judgment.objects.filter(surplus=False, feedback__retracted_by=None)
    of_plain = counted.filter(comparison__kind="plain").values_list("comparison").annotate(n=Count("pk"))
    assert dict(of_plain) == dict(plain.values_list("pk", "overlap"))
    assert not counted.values("comparison", "source_id").annotate(n=Count("pk")).filter(n__gt=1).exists()
    assert set(counted.values_list("assignment__state", flat=True)) == {Assignment.State.JUDGED}

    # Whoever answers late has the sides that they had; all others even them out.
    late = Assignment.objects.filter(state=Assignment.State.JUDGED, ended_at__gt=F("expires_at")).values("comparison")
    for lefts, taken in plain.exclude(pk__in=late).values_list("lefts", "taken"):
        assert abs(2 * lefts - taken) <= 1
    uneven = [one for one in plain.filter(pk__in=late) if abs(2 * one.lefts - one.taken) > 1]
    for annotator in Annotator.objects.all():
        active = annotator.assignments.filter(state__in=["leased", "judged"])
        lefts = active.filter(left=F("comparison__a")).count()
        assert annotator.side_balance == 2 * lefts - active.count()
        assert annotator.judged == active.filter(state="judged").count()

    acknowledged = {line for path in tmp_path.glob("*.acks") for line in path.read_text().split()}
    stored = set(Feedback.objects.filter(kind="preference").values_list("feedback_id", flat=True))
    assert acknowledged <= stored, "an acknowledged answer is lost"
    verify(project)
    assert replay(project).differences == []
    states = dict(Assignment.objects.values_list("state").annotate(n=Count("pk")).order_by("state"))
    print(
        f"\n{counted.count()} judgments in {seconds:.0f} s, {len(acknowledged)} acknowledged; leases: {states}; ",
        end="",
    )
    print(f"{late.count()} answers came late, {len(uneven)} comparisons are uneven by more than one for it")
