"""A small world for tests: people, projects, prompts with candidates, comparisons, judgments."""

from __future__ import annotations

import functools
import uuid
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.utils import timezone

from annotation import answers, golds, projects, queue
from annotation.intake.inferences import accept_inferences, check_inference
from annotation.models import Annotator, Assignment, Comparison, Member, Project, Prompt
from annotation.pairing import Terms
from annotation.scales import CHOICES

PASSWORD = "correct horse battery"


@functools.cache
def password_hash() -> str:
    """The hash of PASSWORD, made once: hashing is slow on purpose."""
    return make_password(PASSWORD)


def person(name: str, **fields: Any) -> User:
    """A signed-up person with PASSWORD; `is_superuser`, `is_staff` and the like as fields."""
    return User.objects.create(username=name, password=password_hash(), **fields)


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


def add_comparisons(project: Project, count: int, *, texts: tuple[str, str] = ("Left out.", "Taken in.")) -> None:
    """Prompts with two outputs by two models, and their comparisons; their request ids go on from r0."""
    start = Prompt.objects.filter(project=project).count()
    records = [
        {
            "request_id": f"r{n}",
            "prompt": f"Question {n}?",
            "outputs": [
                {
                    "output_id": f"r{n}-{k}",
                    "content": f"{text} {n}",
                    "model": {"name": model, "version": "1"},
                    "parameters": {"temperature": 0.7},
                }
                for k, (text, model) in enumerate(zip(texts, ("aurora", "basalt"), strict=True))
            ],
        }
        for n in range(start, start + count)
    ]
    checked = [check_inference(project, record, now=timezone.now()) for record in records]
    outcomes = accept_inferences(project, checked, actor="test", rule=Project.Pairing.ALL_PAIRS)
    assert {outcome.result for outcome in outcomes} == {"created"}, outcomes


def add_golds(project: Project, count: int, *, right: int = 0) -> list[Comparison]:
    """As many golds, each of a prompt of its own, of which the first or the second output is right."""
    start = Prompt.objects.filter(project=project).count()
    add_comparisons(project, count)
    return [add_gold(project, f"r{n}", right=right) for n in range(start, start + count)]


def add_gold(project: Project, request_id: str, *, right: int = 0) -> Comparison:
    """Make a gold of the outputs of a prompt of add_comparisons."""
    outputs = [f"{request_id}-0", f"{request_id}-1"]
    made, _ = golds.make(project, request_id, outputs, chosen=outputs[right], terms=Terms("test"))
    return Comparison.objects.get(uid=made.uid)


def annotator(project: Project, name: str) -> Annotator:
    """A new person as annotator of a project."""
    return queue.annotator_for_user(project, User.objects.filter(username=name).first() or person(name))


def judge_next(annotator: Annotator, value: str = "a", **extra: Any) -> Assignment | None:
    """Let an annotator take the next comparison and answer it; None when nothing is left."""
    leases = queue.hold(annotator, count=1)
    if not leases:
        return None
    choice = CHOICES[value]
    extra = {"feedback_id": str(uuid.uuid4()), "duration_ms": 1_500, "active_ms": 1_200, **extra}
    answers.judge(annotator, leases[0].uid, choice, **extra)
    return leases[0]
