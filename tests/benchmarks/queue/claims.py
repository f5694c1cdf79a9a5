"""The cost of a claim with 1,000 and with 1,000,000 comparisons: uv run python -m tests.benchmarks.queue.claims

Half of the comparisons are done. Overlap 3. Three annotators: one who is new, one who is far ahead of the others (a
twentieth of the queue, judged by nobody else), and one who meets what is given back. Both sizes take turns, so that a
busy machine hits both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time

from tests.benchmarks.database import fresh_database, tell

OVERLAP = 3


def fill(slug: str, size: int, order: str):
    """A project with that many comparisons of one prompt, half done, and an annotator who is ahead."""
    from django.db import connection

    from annotation import projects, queue
    from annotation.models import Annotator

    project = projects.create_project(slug, settings={"overlap": OVERLAP, "order": order}, actor="benchmark")
    ahead = queue.annotator_for_program(project, "ahead")
    others = [queue.annotator_for_program(project, f"other{n}").pk for n in range(OVERLAP)]
    outputs = int((2 * size) ** 0.5) + 2
    place = {"fifo": "id", "random": "shuffle, id", "least_judged": "id"}[order]
    with connection.cursor() as cursor:
        cursor.execute("SELECT annotation_benchmark_event(%s)", [project.pk])
        event = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO annotation_prompt (project_id, event_id, request_id, content, tools, metadata, digest,"
            " record_digest, salt) VALUES (%s, %s, 'r', '\"?\"', '[]', '{}', '', '', '') RETURNING id",
            [project.pk, event],
        )
        prompt = cursor.fetchone()[0]
        cursor.execute(
            "INSERT INTO annotation_candidate (project_id, prompt_id, output_id, index, content, digest, salt,"
            " model_name, model_version, model, parameters, metadata)"
            " SELECT %s, %s, 'o' || n, n, '\"text\"', '', '', 'm', '', '{}', '{}', '{}' FROM generate_series(1, %s) n",
            [project.pk, prompt, outputs],
        )
        cursor.execute(
            "INSERT INTO annotation_comparison (uid, project_id, prompt_id, a_id, b_id, overlap, priority, shuffle,"
            " taken, judged, lefts) SELECT gen_random_uuid(), %s, %s, a.id, b.id, %s, 0, random() * 2000000000, 0, 0, 0"
            " FROM annotation_candidate a JOIN annotation_candidate b ON a.prompt_id = b.prompt_id AND a.id < b.id"
            " WHERE a.prompt_id = %s LIMIT %s",
            [project.pk, prompt, OVERLAP, prompt, size],
        )
        cursor.execute(
            f"CREATE TEMPORARY TABLE done ON COMMIT DROP AS SELECT id, row_number() OVER (ORDER BY {place}) AS n"
            " FROM annotation_comparison WHERE project_id = %s",
            [project.pk],
        )
        cursor.execute(
            "UPDATE annotation_comparison c SET taken = 3, judged = 3 FROM done WHERE c.id = done.id AND n <= %s",
            [size // 2],
        )
        cursor.execute(
            "UPDATE annotation_comparison c SET taken = 1, judged = 1 FROM done WHERE c.id = done.id AND n > %s"
            " AND n <= %s",
            [size // 2, size // 2 + size // 20],
        )
        cursor.execute(
            "INSERT INTO annotation_assignment (uid, comparison_id, annotator_id, left_id, right_id, state, leased_at,"
            " expires_at, ended_at, reason) SELECT gen_random_uuid(), c.id, k, c.a_id, c.b_id, 'judged', now(), now(),"
            " now(), '' FROM annotation_comparison c JOIN done USING (id), unnest(%s) k WHERE n <= %s AND (n <= %s OR k = %s)"
            " AND (n > %s OR k <> %s)",
            [[ahead.pk, *others], size // 2 + size // 20, size // 2, ahead.pk, size // 2, ahead.pk],
        )
    return project, {"ahead": ahead, "new": Annotator.objects.create(project=project, name="new")}


def main() -> None:
    """Fill, claim, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 1_000_000])
    parser.add_argument("--claims", type=int, default=200)
    options = parser.parse_args()
    with fresh_database():
        run(options.sizes, options.claims)


def run(sizes: list[int], claims: int) -> None:
    """Each order and annotator in turn."""
    from django.db import connection, transaction

    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION annotation_benchmark_event(project bigint) RETURNS bigint LANGUAGE sql AS"
            " $$ INSERT INTO annotation_event (uid, project_id, kind, actor, subject, payload)"
            " VALUES (gen_random_uuid(), project, 'benchmark', 'benchmark', 'benchmark', '{}') RETURNING id $$"
        )
    tell(
        "| order | annotator | " + " | ".join(f"{size:,}: median ms" for size in sizes) + " | ratio | first claim ms |"
    )
    tell("|---|---|" + "---|" * (len(sizes) + 2))
    for order in ("fifo", "random", "least_judged"):
        queues = []
        for size in sizes:
            with transaction.atomic():
                queues.append(fill(f"{order}-{size}".replace("_", "-"), size, order)[1])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        for name in ("new", "ahead"):
            spent = (
                [timed(people[name], claims) for people in zip_turns(queues, name)]
                if False
                else take_turns(queues, name, claims)
            )
            medians = [statistics.median(times[1:]) for times in spent]
            first = ", ".join(f"{times[0]:.1f}" for times in spent)
            tell(
                f"| {order} | {name} | "
                + " | ".join(f"{m:.2f}" for m in medians)
                + f" | {medians[-1] / medians[0]:.2f} | {first} |"
            )


def take_turns(queues, name: str, claims: int) -> list[list[float]]:
    """Milliseconds of each claim in each queue; what is claimed is judged at once."""
    from annotation import queue

    spent: list[list[float]] = [[] for _ in queues]
    for _ in range(claims):
        for people, times in zip(queues, spent, strict=True):
            start = time.perf_counter()
            (lease,) = queue.hold(people[name], count=1)
            times.append((time.perf_counter() - start) * 1e3)
            from django.db import transaction

            with transaction.atomic():
                queue.settle(people[name], lease.uid)
    return spent


if __name__ == "__main__":
    main()
