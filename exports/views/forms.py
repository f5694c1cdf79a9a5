"""What asks for a snapshot on the engineer's page."""

from __future__ import annotations

from typing import Any, cast

from django import forms

from annotation.models import Project
from exports import recipes
from exports.models import Recipe, Snapshot
from exports.pipeline import publish
from exports.pipeline.formats import FORMATS


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
        newest = Recipe.objects.filter(project=project).order_by("name", "-version").distinct("name")
        field = cast("forms.ModelChoiceField[Recipe]", self.fields["recipe"])
        field.queryset = Recipe.objects.filter(pk__in=newest.values("pk"))

    def ask(self, *, actor: str) -> Snapshot:
        """Ask for the snapshot that was described."""
        recipe: Recipe | None = self.cleaned_data["recipe"]
        body, named = recipes.resolve(self.project, recipe.name if recipe else {}, self.cleaned_data["formats"] or None)
        if self.cleaned_data["incremental"]:
            body = body.model_copy(update={"incremental": True})
        return publish.request(self.project, publish.Request(body, actor, named))
