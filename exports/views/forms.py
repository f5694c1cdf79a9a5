"""What asks for a snapshot on the engineer's page."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from annotation.models import Project
from exports import recipes
from exports.models import Recipe, Snapshot
from exports.pipeline import publish
from exports.pipeline.formats import FORMATS
from exports.pipeline.recipe import RecipeError, parse_recipe, resolved


class BuildForm(forms.Form):
    """A recipe by its name, or the default one, and the configs to write."""

    recipe = forms.ModelChoiceField(
        Recipe.objects.none(), required=False, empty_label="Default: majority of the annotators’ votes"
    )
    formats = forms.MultipleChoiceField(
        choices=[(name, name) for name in FORMATS], required=False, widget=forms.CheckboxSelectMultiple
    )
    incremental = forms.BooleanField(required=False, label="Only what is new since the last one of this recipe")

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        field = cast("forms.ModelChoiceField[Recipe]", self.fields["recipe"])
        field.queryset = recipes.newest_recipes(Recipe.objects.filter(project=project))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        recipe: Recipe | None = data.get("recipe")
        if self.errors:
            return data
        try:
            body, data["named"] = recipes.resolve(self.project, recipe.name if recipe else {}, data["formats"] or None)
            # As a whole, for not every kind of recipe can be an increment.
            data["body"] = parse_recipe({**resolved(body), "incremental": True}) if data["incremental"] else body
        except RecipeError as error:
            self.add_error(None, " ".join(f"{one.detail[:1].upper()}{one.detail[1:]}." for one in error.errors))
        return data

    def ask(self, *, actor: str) -> Snapshot:
        """Ask for the snapshot that was described."""
        data = self.cleaned_data
        return publish.request(self.project, publish.Request(data["body"], actor, data["named"]))
