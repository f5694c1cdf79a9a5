"""A small world for tests: people, projects, prompts with candidates, comparisons, judgments."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from annotation import canonical, judging, log, projects, queue
from annotation.bulk import copy_rows, reserve_ids
from annotation.models import Annotator, Assignment, Candidate, Comparison, Member, Project, Prompt

PASSWORD = "correct horse battery"


def person(name: str, **fields: Any) -> User:
    """A signed-up person; `is_superuser`, `is_staff` and the like as fields."""
    return User.objects.create_user(name, password=PASSWORD, **fields)


def lead(name: str, project: Project) -> User:
    """A person who leads a project."""
    user = person(name, is_staff=True)
    Member.objects.create(project=project, user=user, role=Member.Role.LEAD)
    return user


def project(slug: str = "summaries", *, comparisons: int = 0, **settings: Any) -> Project:
    """A project with that many comparisons, each of a prompt of its own with two outputs."""
    made = projects.create_project(slug, settings=settings, actor="test")
    if comparisons:
        add_comparisons(made, comparisons)
    return made


@transaction.atomic
def add_comparisons(project: Project, count: int, *, texts: tuple[str, str] = ("Left out.", "Taken in.")) -> None:
    """Prompts with two outputs by two models, and their comparisons."""
    start = Prompt.objects.filter(project=project).count()
    numbers = range(start, start + count)
    events = log.append(project, [log.NewEvent("inference.logged", "test", f"inference:r{i}") for i in numbers])
    prompts = reserve_ids(Prompt, count)
    outputs = reserve_ids(Candidate, 2 * count)
    copy_rows(
        Prompt,
        ["id", "project", "event", "request_id", "content", "tools", "metadata", "digest", "record_digest", "salt"],
        [
            (
                pk,
                project.pk,
                event,
                f"r{i}",
                f"Question {i}?",
                [],
                {},
                canonical.prompt_digest(f"Question {i}?"),
                "",
                "",
            )
            for pk, event, i in zip(prompts, events, numbers, strict=True)
        ],
    )
    copy_rows(
        Candidate,
        ["id", "project", "prompt", "output_id", "index", "content", "digest", "salt", "model_name", "model_version",
         "model", "parameters", "metadata"],
        [
            (outputs[2 * n + k], project.pk, pk, f"r{i}-{k}", k, f"{texts[k]} {i}", canonical.output_digest(f"{texts[k]} {i}"),
             "", ("aurora", "basalt")[k], "1", {"name": ("aurora", "basalt")[k], "version": "1"}, {"temperature": 0.7}, {})
            for n, (pk, i) in enumerate(zip(prompts, numbers, strict=True))
            for k in range(2)
        ],
    )  # fmt: skip
    Comparison.objects.bulk_create(
        Comparison(
            project=project, prompt_id=pk, a_id=outputs[2 * n], b_id=outputs[2 * n + 1], overlap=project.overlap,
            shuffle=canonical.stable_hash(pk) >> 33,
        )
        for n, pk in enumerate(prompts)
    )  # fmt: skip


def annotator(project: Project, name: str) -> Annotator:
    """A new person as annotator of a project."""
    return queue.annotator_for_user(project, User.objects.filter(username=name).first() or person(name))


def judge_next(annotator: Annotator, value: str = "a", **extra: Any) -> Assignment | None:
    """Let an annotator take the next comparison and answer it; None when nothing is left."""
    leases = queue.hold(annotator, count=1)
    if not leases:
        return None
    choice = annotator.project.answer_scale.choice(value)
    extra = {"feedback_id": str(uuid.uuid4()), "duration_ms": 1_500, "active_ms": 1_200, **extra}
    judging.judge(annotator, leases[0].uid, choice, **extra)
    return leases[0]
