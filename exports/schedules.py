"""Schedules: a recipe built again and again, at a time of day, if there is anything new. The only writer of schedules.

The clock is django-celery-beat's: a schedule has a periodic task there, which names it by its id.
"""

from __future__ import annotations

import datetime as dt
import json

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from annotation import log
from annotation.models import Judgment, Project, Retraction
from exports.models import Recipe, Schedule, Snapshot
from exports.pipeline import publish
from exports.pipeline.erasures import last_erasure
from exports.pipeline.recipe import RecipeBody, parse_recipe, resolved
from exports.recipes import find_recipe

BUILD_TASK = "exports.build_scheduled"
# One that a worker could not begin within the hour waits for the next time.
EXPIRE_SECONDS = 3600
Status = Snapshot.Status


def save(schedule: Schedule, *, actor: str) -> Schedule:
    """Write a new or changed schedule and set the clock."""
    with transaction.atomic():
        crontab, _ = CrontabSchedule.objects.get_or_create(
            minute=str(schedule.at.minute), hour=str(schedule.at.hour), day_of_week=schedule.day,
            day_of_month="*", month_of_year="*", timezone=timezone.get_default_timezone(),
        )  # fmt: skip
        is_new = schedule.pk is None
        if is_new:
            schedule.created_by = actor
        schedule.save()
        PeriodicTask.objects.update_or_create(
            name=_name(schedule),
            defaults={
                "task": BUILD_TASK, "args": json.dumps([schedule.pk]), "crontab": crontab,
                "enabled": schedule.enabled, "expire_seconds": EXPIRE_SECONDS,
            },
        )  # fmt: skip
        told = {"recipe": schedule.recipe_name, "at": f"{schedule.at:%H:%M}", "day": schedule.day,
                "enabled": schedule.enabled}  # fmt: skip
        _tell_log(schedule, "schedule.added" if is_new else "schedule.changed", actor, told)
    return schedule


@transaction.atomic
def remove(schedule: Schedule, *, actor: str) -> None:
    """Build it no more."""
    PeriodicTask.objects.filter(name=_name(schedule)).delete()
    _tell_log(schedule, "schedule.removed", actor, {"recipe": schedule.recipe_name})
    schedule.delete()


def run(pk: int) -> Snapshot | None:
    """Ask for the snapshot of a schedule, by the newest version of its recipe; None when there is nothing new.

    Safe to run twice: the same minute asks for the same snapshot.
    """
    schedule = Schedule.objects.filter(pk=pk, enabled=True).select_related("project").first()
    recipe = find_recipe(schedule.project, schedule.recipe_name) if schedule else None
    if schedule is None or recipe is None:
        return None
    body = parse_recipe(recipe.body)
    if not is_anything_new(schedule.project, body):
        return None
    key = f"schedule {schedule.pk} {dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M}"
    return publish.request(schedule.project, publish.Request(body, f"schedule:{schedule.pk}", recipe, key))


def is_anything_new(project: Project, recipe: RecipeBody) -> bool:
    """Whether judgments or corrections came since the newest snapshot of this recipe, which may still be in the making.

    The log's own entries about snapshots are nothing new.
    """
    log.seal(project)
    same = [resolved(recipe.model_copy(update={"incremental": incremental})) for incremental in (False, True)]
    before = Snapshot.objects.filter(
        project=project, recipe__in=same, status__in=[Status.QUEUED, Status.BUILDING, Status.READY]
    )
    newest = before.order_by("-version").first()
    watermark = newest.watermark if newest else 0
    later = Q(event__seal__position__gt=watermark)
    if Judgment.objects.filter(later, project=project).exists():
        return True
    if newest is None:
        return False
    if Retraction.objects.filter(later, feedback__project=project).exists():
        return True
    return newest.status == Status.READY and last_erasure(project) != newest.erasure_seen


def recipes_of(project: Project) -> list[str]:
    """The names of a project's recipes."""
    names = Recipe.objects.filter(project=project).order_by("name").values_list("name", flat=True)
    return list(names.distinct())


def _name(schedule: Schedule) -> str:
    return f"snapshot schedule {schedule.pk}"


def _tell_log(schedule: Schedule, kind: str, actor: str, told: dict[str, object]) -> None:
    log.append(schedule.project, [log.NewEvent(kind, actor, f"schedule:{schedule.pk}", told)])
