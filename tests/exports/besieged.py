"""Sharded builds whose worker, broker and database are killed in turn, on servers of their own.

A program, for it kills the servers that a test run shares: `python -m tests.exports.besieged` with PREFAPP_DATA_DIR set
to an empty folder. Says `undone: …` and ends with 1 when a snapshot is neither ready with the right bytes nor failed.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from prefapp import embedded

DATA_DIR = Path(os.environ["PREFAPP_DATA_DIR"])
SECONDS = 90


def await_that(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"undone: {what}")
        time.sleep(0.1)


def kill_server(name: str) -> None:
    """Kill the server that was started from the data directory, with all its processes."""
    for process in psutil.process_iter(["name", "cmdline"]):
        if name in (process.info["name"] or "") and str(DATA_DIR) in " ".join(process.info["cmdline"] or ()):
            with suppress(psutil.NoSuchProcess):  # a child that was found first takes the others with it
                process.kill()
                process.wait(10)


def main() -> None:
    embedded.hold(DATA_DIR, database=True, redis=True)
    import django  # noqa: PLC0415 - its settings want the servers

    django.setup()
    from celery import current_app  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import DatabaseError, connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from exports.models import Snapshot, SnapshotShard  # noqa: PLC0415
    from exports.pipeline import publish  # noqa: PLC0415
    from exports.pipeline.recipe import parse_recipe  # noqa: PLC0415
    from exports.pipeline.verify import verify_folder  # noqa: PLC0415
    from tests import world  # noqa: PLC0415
    from tests.exports.dataset import built, digests, log_inference, vote  # noqa: PLC0415
    from tests.exports.small_worker import shrink  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    shrink()
    project = world.project()
    for number in range(40):
        log_inference(project, f"r{number}", f"One {number}.", f"Two {number}.")
        vote(project, f"r{number}", number % 2)
    recipe = {"formats": ["preference", "judgments"], "split": {"test": 0.2, "seed": 0}}
    right = digests(built(project, **recipe))

    def start_worker() -> subprocess.Popen[bytes]:
        program = Path(sys.executable).parent / "celery"
        command = [program, "-A", "tests.exports.small_worker", "worker", "-c", "2", "--without-gossip"]
        return subprocess.Popen([*map(str, command), "--loglevel", "WARNING"], start_new_session=True)

    def parts_done(pk: int, *, all_of_them: bool) -> bool:
        parts = list(SnapshotShard.objects.filter(snapshot=pk).values_list("state", flat=True))
        return "done" in parts and (set(parts) == {"done"} if all_of_them else set(parts) != {"done"})

    def is_over(pk: int) -> bool:
        """Whether the snapshot has ended; a sweeper looks after it, to whom time passes quickly."""
        try:
            long_ago = timezone.now() - dt.timedelta(seconds=publish.STALE_SECONDS + 1)
            quiet = {"heartbeat_at__lt": timezone.now() - dt.timedelta(seconds=5)}
            Snapshot.objects.filter(pk=pk, status__in=["queued", "building"], **quiet).update(heartbeat_at=long_ago)
            SnapshotShard.objects.filter(snapshot=pk, **quiet).update(heartbeat_at=long_ago)
            current_app.send_task("exports.resume_snapshots", retry=False)
            return Snapshot.objects.get(pk=pk).status not in ("queued", "building")
        except (DatabaseError, current_app.connection().connection_errors) as error:
            sys.stderr.write(f"  {type(error).__name__}\n")
            connection.close()
            return False
        finally:
            time.sleep(0.5)

    worker = start_worker()
    try:
        for what in ("worker", "broker", "database"):
            snapshot = publish.request(project, publish.Request(parse_recipe(recipe), "test"))
            await_that(lambda pk=snapshot.pk: parts_done(pk, all_of_them=False), "it was never half done")  # type: ignore[misc]
            if what == "worker":
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()
                worker = start_worker()
            else:
                kill_server("valkey" if what == "broker" else "postgres")
                connection.close()
                embedded.hold(DATA_DIR, database=True, redis=True)
            await_that(lambda pk=snapshot.pk: is_over(pk), f"not over after the {what} was killed")  # type: ignore[misc]
            snapshot.refresh_from_db()
            sys.stderr.write(f"{what} killed: {snapshot.status} at attempt {snapshot.attempt} {snapshot.error}\n")
            if snapshot.status == "ready":
                good = digests(snapshot) == right and not verify_folder(snapshot.path).problems
            else:
                good = snapshot.status == "failed" and snapshot.error and not list(snapshot.path.glob("**/*.parquet"))
            if not good:
                raise SystemExit(f"undone: other bytes after the {what} was killed")
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


if __name__ == "__main__":
    main()
