"""Routing: who is asked about what, by tags of annotators, or by name."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from annotation import log, queue
from annotation.models import Annotator, Comparison, Project
from annotation.models.project import MOST_TAGS, TAG_LENGTH

LONGEST_NAME = 196  # of a program


class TagError(Exception):
    """Tags that cannot be taken: why."""


class NobodyError(Exception):
    """Nobody has that name."""


@transaction.atomic
def tag(project: Project, name: str, tags: Sequence[str], *, actor: str) -> Annotator:
    """Say what the annotator of a name can be asked about, who need not have begun yet.

    Raises NobodyError and TagError.
    """
    annotator = _find(project, name)
    set_tags(annotator, tags, actor=actor)
    return annotator


def _find(project: Project, name: str) -> Annotator:
    found = project.annotators.filter(name=name).first()
    if found:
        return found
    program = name.removeprefix("api:")
    if program != name and 0 < len(program) <= LONGEST_NAME:
        return queue.annotator_for_program(project, program)
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None:
        raise NobodyError
    return queue.annotator_for_user(project, user)


@transaction.atomic
def set_tags(annotator: Annotator, tags: Sequence[str], *, actor: str) -> None:
    """Say what an annotator can be asked about. Raises TagError."""
    wanted = clean(tags)
    # Whoever takes work just now, by the tags of before, comes first.
    current = Annotator.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    before = current.get(pk=annotator.pk)
    annotator.tags = wanted
    if before.tags == wanted:
        return
    # What was passed over for want of a tag is behind the place that the walk has come to.
    Annotator.objects.filter(pk=annotator.pk).update(tags=wanted, walk=None)
    event = log.NewEvent("annotator.tagged", actor, f"annotator:{annotator.name}", {"tags": wanted})
    log.append(before.project, [event])


@transaction.atomic
def route(comparison: Comparison, *, requires: Sequence[str], reserved_for: Annotator | None, actor: str) -> None:
    """Say which tags a comparison requires, or that it is for one annotator. Whoever holds it keeps it.

    Raises TagError.
    """
    wanted = clean(requires) or None
    if reserved_for and reserved_for.project_id != comparison.project_id:
        raise TagError(f"“{reserved_for}” is no annotator of the project")
    current = Comparison.objects.select_related("project").select_for_update(of=("self",), no_key=True)
    before = current.get(pk=comparison.pk)
    if (before.requires, before.reserved_for_id) == (wanted, reserved_for and reserved_for.pk):
        return
    Comparison.objects.filter(pk=comparison.pk).update(requires=wanted, reserved_for=reserved_for)
    payload = {"requires": wanted or [], "for": reserved_for and reserved_for.name}
    log.append(before.project, [log.NewEvent("comparison.routed", actor, f"comparison:{before.uid}", payload)])


def clean(tags: Sequence[str]) -> list[str]:
    """Tags in lower case and order, each once. Raises TagError."""
    wanted = sorted({tag.strip().lower() for tag in tags if tag.strip()})
    if len(wanted) > MOST_TAGS:
        raise TagError(f"there are more than {MOST_TAGS}")
    for tag in wanted:
        if len(tag) > TAG_LENGTH or "," in tag or "\0" in tag:
            raise TagError(f"“{tag[:TAG_LENGTH]}” is no tag: at most {TAG_LENGTH} letters, without commas")
    return wanted
