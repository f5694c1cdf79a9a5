"""Queues of any size, made by the server itself: what they hold is as in a real one, how they came to be is not."""

from __future__ import annotations

from django.db import connection, transaction

from annotation import log, projects, queue
from annotation.models import Annotator, Project

PROMPT = "Why does the tide come in twice a day, and why is it higher at some times of the month than at others? " * 3
OUTPUT = "The Moon pulls at the near side of the Earth more than at the far side; so the water bulges at both. " * 12

PROMPTS = """
INSERT INTO annotation_prompt
    (project_id, event_id, request_id, content, tools, metadata, digest, record_digest, salt)
SELECT %(project)s, %(event)s, 'r' || n, to_jsonb(n || ' ' || %(prompt)s::text), '[]', '{}', '', '', ''
FROM generate_series(1, %(prompts)s) n
"""
CANDIDATES = """
INSERT INTO annotation_candidate
    (project_id, prompt_id, output_id, index, content, digest, salt, model_name, model_version, model, parameters,
     metadata)
SELECT %(project)s, p.id, p.request_id || '-' || k, k, to_jsonb(k || ' ' || %(output)s::text), '', '', 'm', '', '{}',
    '{}', '{}'
FROM annotation_prompt p, generate_series(1, %(outputs)s) k WHERE p.project_id = %(project)s
"""
COMPARISONS = """
INSERT INTO annotation_comparison
    (uid, project_id, prompt_id, a_id, b_id, overlap, priority, shuffle, taken, judged, lefts)
SELECT gen_random_uuid(), %(project)s, a.prompt_id, a.id, b.id, %(overlap)s, 0, random() * 2000000000, 0, 0, 0
FROM annotation_candidate a JOIN annotation_candidate b ON a.prompt_id = b.prompt_id AND a.id < b.id
WHERE a.project_id = %(project)s LIMIT %(size)s
"""
PLACES = """
CREATE TEMPORARY TABLE places ON COMMIT DROP AS
SELECT id, a_id, b_id, row_number() OVER (ORDER BY CASE WHEN %(order)s = 'random' THEN shuffle END, id) AS n
FROM annotation_comparison WHERE project_id = %(project)s
"""
DONE = (
    "UPDATE annotation_comparison c SET taken = %(by)s, judged = %(by)s FROM places WHERE places.id = c.id AND {which}"
)
JUDGED = """
INSERT INTO annotation_assignment
    (uid, comparison_id, annotator_id, left_id, right_id, state, leased_at, expires_at, ended_at, reason)
SELECT gen_random_uuid(), id, k, a_id, b_id, 'judged', now(), now(), now(), '' FROM places, unnest(%(who)s) k
WHERE {which}
"""


def open_queue(slug: str, size: int) -> Project:
    """A project with that many comparisons, each of a prompt of its own, nothing done."""
    return _fill(slug, size, prompts=size, outputs=2, overlap=1, order="fifo")


@transaction.atomic
def half_done_queue(slug: str, size: int, order: str) -> dict[str, Annotator]:
    """Half of the comparisons (of one prompt) are done at overlap 3, and one annotator is a twentieth further.

    Returns the one who is ahead and one who is new.
    """
    project = _fill(slug, size, prompts=1, outputs=int((2 * size) ** 0.5) + 2, overlap=3, order=order)
    ahead, other, third, new = (queue.annotator_for_program(project, name) for name in ("ahead", "b", "c", "new"))
    with connection.cursor() as cursor:
        cursor.execute(PLACES, {"project": project.pk, "order": order})
        first, further = f"n <= {size // 2}", f"n > {size // 2} AND n <= {size // 2 + size // 20}"
        cursor.execute(DONE.format(which=first), {"by": 3})
        cursor.execute(JUDGED.format(which=first), {"who": [ahead.pk, other.pk, third.pk]})
        cursor.execute(DONE.format(which=further), {"by": 1})
        cursor.execute(JUDGED.format(which=further), {"who": [ahead.pk]})
    return {"new": new, "ahead": ahead}


@transaction.atomic
def _fill(slug: str, size: int, *, prompts: int, outputs: int, overlap: int, order: str) -> Project:
    project = projects.create_project(slug, settings={"overlap": overlap, "order": order}, actor="benchmark")
    (event,) = log.append(project, [log.NewEvent("benchmark", "benchmark", "benchmark")])
    names = {"project": project.pk, "event": event, "size": size, "prompts": prompts, "outputs": outputs}
    with connection.cursor() as cursor:
        cursor.execute(PROMPTS, {**names, "prompt": PROMPT})
        cursor.execute(CANDIDATES, {**names, "output": OUTPUT if prompts > 1 else "?"})
        cursor.execute(COMPARISONS, {**names, "overlap": overlap})
    return project
