"""A project in the middle of its work: judged, in disagreement, flagged, retracted, held, with people and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from annotation import answers, keys, log, projects, queue
from annotation.critic import runs
from annotation.models import Annotator, ApiKey, Assignment, Comparison, Flag, Project
from annotation.scales import CHOICES
from tests import world

FACTS = ["prompt", "candidate", "feedback", "judgment", "retraction", "event", "guidelineversion"]


@dataclass(frozen=True)
class Scenery:
    """alice and bob annotate; alice's last judgment is undone, so that she holds its lease again; lena leads."""

    project: Project
    lena: User
    alice: Annotator
    bob: Annotator
    held: Assignment
    flag: Flag
    disputed: Comparison
    key: ApiKey


def build(slug: str = "summaries", *, lead: str = "lena") -> Scenery:
    """Makes it: three comparisons, the first judged by both in different ways. The slug tells several apart."""
    project = world.project(slug, overlap=2, guidelines="Read both.\nThen choose.")
    world.add_comparisons(project, 3)
    projects.change_project(project, {"guidelines": "Read both to the end.\nThen choose."}, actor="test")
    lena = world.lead(lead, project)
    alice, bob = world.annotator(project, f"alice-{slug}"), world.annotator(project, f"bob-{slug}")
    first = world.judge_next(alice, "a")
    assert first is not None
    (second,) = queue.hold(bob, count=1)
    # Each for another candidate, whatever the sides.
    other = CHOICES["b" if second.left_id == first.left_id else "a"]
    answers.judge(bob, second.uid, other, feedback_id=f"dispute-{slug}", duration_ms=900)
    world.judge_next(alice, "tie")
    held = answers.undo(alice)
    flag = queue.flag(alice, held.uid, reason="Both are cut off")
    key, _ = keys.create_key(project, name=f"trainer-{slug}", scopes=["read"], actor="test")
    runs.request(project, runs.Order("https://models.example/v1", "judge"), actor="test", enqueue=False)
    log.seal(project)
    return Scenery(project, lena, alice, bob, held, flag, Comparison.objects.get(pk=first.comparison_id), key)


def root() -> User:
    return world.person("root", is_staff=True, is_superuser=True)


def browse(user: User) -> Client:
    """A signed-in browser."""
    client = Client()
    client.force_login(user)
    return client


def names(app: str) -> list[str]:
    """The URL names, without what is done, of an app's models in the admin."""
    return sorted(f"{app}_{model._meta.model_name}" for model in admin.site._registry if model._meta.app_label == app)


def list_path(name: str, **query: Any) -> str:
    path = reverse(f"admin:{name}_changelist")
    return path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")


def page_path(row: Model, what: str = "change") -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_{what}", args=[row.pk])


def act(client: Client, name: str, action: str, *rows: Model) -> Any:
    """Chooses rows of a list and an action for them, as the form of the list does."""
    data = {"action": action, "_selected_action": [row.pk for row in rows], "index": 0}
    return client.post(list_path(name), data, follow=True)
