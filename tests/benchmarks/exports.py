"""Snapshots against a bare COPY of the same rows: uv run python -m tests.benchmarks.exports

Each pair has a prompt of 300 characters, two outputs of 1,200 and one judgment of a person. A build runs in a process
of its own, whose peak of memory is told; before and after it, COPY (the same rows and texts) TO STDOUT is read and
thrown away. `--stages` tells where the time of a build goes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.benchmarks.database import fresh_database, tell

# Hexadecimal digits of hashes: no compressor takes them below half, as it does not take prose.
TEXT = """(SELECT left(string_agg(encode(sha512(convert_to(n || '{salt}' || w, 'UTF8')), 'hex'), ' '), {length})
    FROM generate_series(1, {length} / 128 + 1) w)"""
PROMPTS = """
INSERT INTO annotation_prompt (project_id, event_id, request_id, content, tools, metadata, digest, record_digest, salt)
SELECT %(project)s, %(event)s + n - 1, 'r' || n, to_jsonb({text}), '[]', '{{"language": "en"}}',
    encode(sha256(convert_to('p' || n, 'UTF8')), 'hex'), '', ''
FROM generate_series(1, %(size)s) n
""".format(text=TEXT.format(salt="p", length=300))
CANDIDATES = """
INSERT INTO annotation_candidate
    (project_id, prompt_id, output_id, index, content, digest, salt, model_name, model_version, model, parameters,
     metadata)
SELECT %(project)s, p.id, p.request_id || '-' || k, k, to_jsonb({text}),
    encode(sha256(convert_to(p.request_id || k, 'UTF8')), 'hex'), '', 'model-' || (p.id + k) %% 5, '1', '{{}}', '{{}}',
    '{{}}'
FROM annotation_prompt p CROSS JOIN generate_series(0, 1) k, LATERAL (SELECT p.id * 2 + k AS n) AS own
WHERE p.project_id = %(project)s
""".format(text=TEXT.format(salt="c", length=1_200))
EVENTS = """
INSERT INTO annotation_event (id, uid, project_id, kind, actor, subject, payload)
SELECT %(event)s + n - 1, gen_random_uuid(), %(project)s, 'benchmark', 'benchmark', 'benchmark', '{}'
FROM generate_series(1, 2 * %(size)s) n
"""
SEALS = """
INSERT INTO annotation_seal (event_id, project_id, position, hash)
SELECT id, project_id, row_number() OVER (ORDER BY id), '' FROM annotation_event WHERE project_id = %(project)s
"""
FEEDBACK = """
INSERT INTO annotation_feedback
    (project_id, event_id, feedback_id, request_id, kind, source_type, source_id, source_version, body, record_digest,
     salt, propensity)
SELECT %(project)s, %(event)s + %(size)s + row_number() OVER (ORDER BY id) - 1, 'f-' || request_id, request_id,
    'preference', 'human', 'a' || id %% 9, '', '{}', '', '', 1
FROM annotation_prompt WHERE project_id = %(project)s
"""
JUDGMENTS = """
INSERT INTO annotation_judgment
    (uid, project_id, event_id, feedback_id, prompt_id, source_type, source_id, source_version, first_id, second_id,
     left_id, right_id, outcome, chosen_id, rejected_id, strength, judged_at, surplus)
SELECT gen_random_uuid(), %(project)s, f.event_id, f.id, p.id, 'human', f.source_id, '', a.id, b.id, a.id, b.id,
    'chosen', CASE p.id %% 2 WHEN 0 THEN a.id ELSE b.id END, CASE p.id %% 2 WHEN 0 THEN b.id ELSE a.id END, 2, now(),
    false
FROM annotation_feedback f
JOIN annotation_prompt p ON p.project_id = f.project_id AND p.request_id = f.request_id
JOIN annotation_candidate a ON a.prompt_id = p.id AND a.index = 0
JOIN annotation_candidate b ON b.prompt_id = p.id AND b.index = 1
WHERE f.project_id = %(project)s
"""
# What a row of `preference` is made of, with its provenance.
COPIED = """
COPY (
    SELECT p.content #>> '{{}}', x.content #>> '{{}}', y.content #>> '{{}}', j.uid, p.request_id, j.source_type,
        x.model_name, x.model_version, y.model_name, y.model_version, j.strength, s.position
    FROM annotation_judgment j
    JOIN annotation_seal s ON s.event_id = j.event_id
    JOIN annotation_prompt p ON p.id = j.prompt_id
    JOIN annotation_candidate x ON x.id = j.chosen_id
    JOIN annotation_candidate y ON y.id = j.rejected_id
    WHERE j.project_id = {project}
) TO STDOUT
"""


def fill(size: int, slug: str) -> Any:
    """A project with that many judged pairs."""
    from django.db import connection, transaction  # noqa: PLC0415 - Django is set up by now

    from annotation import log, projects  # noqa: PLC0415

    project = projects.create_project(slug, settings={"pairing": "none"}, actor="benchmark")
    log.seal(project)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # without the triggers and foreign keys
        cursor.execute("SELECT max(id) + 1 FROM annotation_event")
        (event,) = cursor.fetchone()
        names = {"project": project.pk, "size": size, "event": event}
        for statement in (EVENTS, PROMPTS, CANDIDATES, FEEDBACK):
            cursor.execute(statement, names)
        cursor.execute("ANALYZE annotation_prompt, annotation_candidate, annotation_feedback")
        cursor.execute(JUDGMENTS, names)
        cursor.execute("DELETE FROM annotation_seal WHERE project_id = %(project)s", names)
        cursor.execute(SEALS, names)
        cursor.execute(
            "UPDATE annotation_chain c SET position = (SELECT count(*) FROM annotation_seal s WHERE s.project_id = "
            "c.project_id) WHERE project_id = %(project)s",
            names,
        )
        cursor.execute(
            "SELECT setval(pg_get_serial_sequence('annotation_event', 'id'), (SELECT max(id) FROM annotation_event))"
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return project


def copy(project: Any) -> float:
    """Seconds that the bare COPY takes."""
    from django.db import connection  # noqa: PLC0415

    connection.ensure_connection()
    began = time.perf_counter()
    with connection.connection.cursor() as cursor, cursor.copy(COPIED.format(project=project.pk)) as rows:
        for _ in rows:
            pass
    return time.perf_counter() - began


def build(slug: str, recipe: dict[str, Any], stages: bool) -> dict[str, Any]:
    """Build a snapshot in this process; tell seconds until it was ready, and MB of memory at most and of its files."""
    import django  # noqa: PLC0415

    django.setup()
    from annotation.models import Project  # noqa: PLC0415
    from exports.pipeline import build as building  # noqa: PLC0415
    from exports.pipeline import publish  # noqa: PLC0415
    from exports.pipeline.recipe import parse_recipe  # noqa: PLC0415

    def ask(slug: str) -> Any:
        project = Project.objects.get(slug=slug)
        return publish.request(project, publish.Request(parse_recipe(recipe), "benchmark"), enqueue=False)

    building.build(ask("warm").pk)  # what a worker has imported once, it has not to import again
    snapshot = ask(slug)
    if stages:
        tell_statements()
    building.build(snapshot.pk)
    snapshot.refresh_from_db()
    if snapshot.status != "ready" or not (snapshot.started_at and snapshot.ended_at):
        raise SystemExit(snapshot.error)
    seconds = (snapshot.ended_at - snapshot.started_at).total_seconds()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "written": snapshot.bytes / 2**20}


def tell_statements() -> None:
    """Tell what each statement of a build's session takes."""
    from exports.pipeline.session import Session  # noqa: PLC0415

    run = Session.run

    def timed(self: Session, sql: str) -> int:
        began = time.perf_counter()
        touched = run(self, sql)
        if (seconds := time.perf_counter() - began) > 0.02:
            sys.stderr.write(f"{seconds:7.2f} s  {' '.join(sql.split())[:90]}\n")
        return touched

    Session.run = timed  # type: ignore[method-assign]


def build_apart(slug: str, recipe: dict[str, Any], stages: bool) -> dict[str, Any]:
    """`build` in a process of its own."""
    from tests.processes import test_database_environment  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.exports", "--build", json.dumps([slug, recipe, stages])]
        environment = {**os.environ, **test_database_environment(), "PREFAPP_SNAPSHOT_DIR": folder}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        told: dict[str, Any] = json.loads(done.stdout)
        return told


def compare(size: int, files: list[str], rounds: int, stages: bool) -> None:
    """Builds of one project in each file format, each between two bare COPYs."""
    project = fill(size, f"pairs-{size}")
    for file_format in files:
        recipe = {"formats": ["preference"], "file_format": file_format, "split": {"test": 0.1, "seed": 0}}
        built, copied = [], [copy(project)]
        for _ in range(rounds):
            built.append(build_apart(project.slug, recipe, stages))
            copied.append(copy(project))
        seconds, bare = statistics.median(one["seconds"] for one in built), statistics.median(copied)
        peak = max(one["peak"] for one in built)
        cells = [f"{size:,}", file_format, f"{size / seconds:,.0f}", f"{size / bare:,.0f}", f"{bare / seconds:.2f}"]
        cells += [f"{seconds / size * 1e6:.0f}", f"{peak:,.0f}", f"{built[0]['written']:,.0f}"]
        tell(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--files", nargs="+", default=["parquet", "jsonl.zst"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--build", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        tell(json.dumps(build(*options.build)))
        return
    with fresh_database():
        fill(10, "warm")
        tell("| pairs | files | pairs/s | bare COPY, rows/s | ratio | us a pair | peak, MB | written, MB |")
        tell("|---" * 8 + "|")
        for size in options.pairs:
            compare(size, options.files, options.rounds, options.stages)


if __name__ == "__main__":
    main()
