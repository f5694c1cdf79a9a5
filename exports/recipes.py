"""Named recipes of a project, and how what was asked for becomes one whole recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from annotation import log
from annotation.models import Project
from exports.models import Recipe, Snapshot
from exports.pipeline.recipe import FieldError, RecipeBody, RecipeError, parse_recipe, resolved

# What a list tells of a recipe in any case.
TOLD_APART = ("formats", "file_format")


def save_recipe(project: Project, name: str, body: dict[str, Any], *, actor: str) -> Recipe:
    """The recipe under that name: a new version when the body differs from the latest. Raises RecipeError."""
    parse_recipe(body)
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        latest = find_recipe(project, name)
        if latest and latest.body == body:
            return latest
        versions = Recipe.objects.filter(project=project, name=name).aggregate(latest=Max("version"))
        version = (versions["latest"] or 0) + 1
        log.append(project, [log.NewEvent("recipe.saved", actor, f"recipe:{name}", {"name": name, "version": version})])
        return Recipe.objects.create(project=project, name=name, version=version, body=body, created_by=actor)


def find_recipe(project: Project, name: str) -> Recipe | None:
    """The latest version of a named recipe."""
    return Recipe.objects.filter(project=project, name=name).order_by("-version").first()


def newest_recipes(written: QuerySet[Recipe]) -> QuerySet[Recipe]:
    """Of some recipes the latest version of each name of each project."""
    newest = written.order_by("project_id", "name", "-version").distinct("project_id", "name")
    return Recipe.objects.filter(pk__in=newest.values("pk")).select_related("project")


def label(snapshot: Snapshot) -> str:
    """What a list calls a snapshot's recipe: its name, or in which keys it is not what recipes are by default."""
    if snapshot.named_recipe:
        return snapshot.named_recipe.name
    kind = snapshot.recipe.get("kind", "dataset")
    defaults = resolved(parse_recipe({"kind": kind}))
    keys = [
        key for key in defaults if key not in TOLD_APART and snapshot.recipe.get(key, defaults[key]) != defaults[key]
    ]
    return ", ".join((["golden"] if kind == "golden" else []) + keys) or "default"


def resolve(project: Project, wanted: Any, formats: Sequence[str] | None) -> tuple[RecipeBody, Recipe | None]:
    """The whole recipe of a recipe object or a name, `formats` in place of its own when given, and the named recipe.

    Raises RecipeError; its pointers are those of an object with `recipe` and `formats`.
    """
    named = None
    if isinstance(wanted, str):
        named = find_recipe(project, wanted)
        if named is None:
            raise RecipeError([FieldError("/recipe", f"there is no recipe “{wanted}” in this project")])
        wanted = named.body
    try:
        recipe = parse_recipe(wanted)
    except RecipeError as error:
        raise RecipeError([FieldError(f"/recipe{field.pointer}", field.detail) for field in error.errors]) from None
    # What is wrong with it now is the formats alone, whose pointers are right as they are.
    return recipe if formats is None else parse_recipe(wanted | {"formats": formats}), named
