"""Asking for a snapshot and writing a recipe in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from annotation import access
from annotation.models import Project
from exports import recipes
from exports.models import Recipe, Snapshot
from exports.pipeline import publish
from exports.pipeline.formats import FORMATS
from exports.pipeline.recipe import RecipeBody, RecipeError, parse_recipe

DEFAULTS = RecipeBody()


class BuildForm(BaseDialogForm):
    """Which recipe and formats; the project, too, unless the dialog was opened on its page."""

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
        # The dialog lies over a page whose filters have fields of the same names.
        super().__init__(*args, auto_id="build_%s", **kwargs)
        projects = access.led_projects(self.request.user)
        written = Recipe.objects.filter(project__in=projects)
        if self.object_id is not None:
            del self.fields["project"]
            written = written.filter(project=self.object_id)
        else:
            self.fields["project"].queryset = projects
        self.fields["recipe"].queryset = recipes.newest_recipes(written)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        recipe, project = data.get("recipe"), data.get("project")
        if recipe and project and recipe.project_id != project.pk:
            self.add_error("recipe", "This recipe belongs to another project.")
        return data

    def ask(self, project: Project, *, actor: str) -> Snapshot:
        """Ask for the snapshot that the dialog describes."""
        recipe: Recipe | None = self.cleaned_data["recipe"]
        body, named = recipes.resolve(project, recipe.name if recipe else {}, self.cleaned_data["formats"] or None)
        return publish.request(project, publish.Request(body, actor, named))


class PushForm(BaseDialogForm):
    """Where to, on the Hub."""

    repository = forms.RegexField(
        r"^[\w.-]+/[\w.-]+$", max_length=200, widget=UnfoldAdminTextInputWidget(), help_text="OWNER/NAME"
    )
    public = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget(), help_text="A repository that is made is open to everybody."
    )


class RecipeForm(forms.ModelForm):
    """A recipe under a name; the name of an older one makes a new version of it."""

    body = forms.JSONField(
        label="Recipe",
        initial=dict,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12}),
        help_text="JSON with the keys that differ from the default recipe.",
    )

    class Meta:
        model = Recipe
        fields = ("name", "project", "body")

    def clean_body(self) -> dict[str, Any]:
        body = self.cleaned_data["body"] or {}
        try:
            parse_recipe(body)
        except RecipeError as error:
            raise ValidationError([f"{one.pointer or 'Recipe'}: {one.detail}" for one in error.errors]) from None
        return dict(body)
