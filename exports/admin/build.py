"""Asking for a snapshot from the admin: which recipe, which formats."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from annotation import access
from annotation.models import Project
from exports.models import Recipe, Snapshot
from exports.pipeline import publish
from exports.pipeline.formats import FORMATS
from exports.pipeline.recipe import RecipeBody, parse_recipe

DEFAULTS = RecipeBody()


def build(project: Project, *, actor: str, named: Recipe | None = None, formats: list[str] | None = None) -> Snapshot:
    """Ask for a snapshot by a named recipe, or by the default one, in its own formats or in those given."""
    body = dict(named.body) if named else {}
    recipe = parse_recipe(body | ({"formats": formats} if formats else {}))
    return publish.request(project, publish.Request(recipe, actor, named))


class BuildForm(BaseDialogForm):
    """Which recipe and formats; the project, too, unless it is known from where the dialog was opened."""

    project = forms.ModelChoiceField(
        queryset=Project.objects.none(), empty_label="Choose a project", widget=UnfoldAdminSelectWidget()
    )
    recipe = forms.ModelChoiceField(
        queryset=Recipe.objects.none(),
        required=False,
        empty_label="Default: majority of the annotators’ votes",
        widget=UnfoldAdminSelectWidget(),
    )
    formats = forms.MultipleChoiceField(
        choices=[(name, name) for name in FORMATS],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text=f"None ticked: those of the recipe; of the default one {' and '.join(DEFAULTS.formats)}.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        projects = access.led_projects(self.request.user)
        recipes = Recipe.objects.filter(project__in=projects)
        if self.object_id is not None:
            del self.fields["project"]
            recipes = recipes.filter(project=self.object_id)
        else:
            self.fields["project"].queryset = projects
        # The newest version of each name.
        newest = recipes.order_by("project_id", "name", "-version").distinct("project_id", "name")
        self.fields["recipe"].queryset = Recipe.objects.filter(pk__in=newest.values("pk")).select_related("project")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        recipe, project = data.get("recipe"), data.get("project")
        if recipe and project and recipe.project_id != project.pk:
            self.add_error("recipe", "This recipe belongs to another project.")
        return data
