"""Schedules and retention: when snapshots are built by themselves, and how long their files are kept."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.widgets import UnfoldAdminSelectWidget

from annotation import access
from annotation.admin import texts
from annotation.admin.filters import ProjectFilter
from annotation.admin.page import Page, Step, fields, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor, may_work
from annotation.admin.texts import shown
from exports import recipes, retention, schedules
from exports.models import Recipe, Retention, Schedule, Snapshot

# The clock's own pages would let one task of the house be stopped or another one be started with any argument.
for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


class KeepingAdmin(LeadAdmin):
    """Rows that leads add, change and delete; the project stays the one that they were made for."""

    list_select_related = ("project",)
    list_filter = (ProjectFilter,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("project",) if obj is not None else ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)


class ScheduleForm(forms.ModelForm):
    """Which recipe, on which days, at what time."""

    # Set by the admin, which knows whose projects they are.
    projects: Any = None

    class Meta:
        model = Schedule
        fields = ("project", "day", "at", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        written = Recipe.objects.filter(project__in=self.projects)
        if self.instance.pk:
            written = written.filter(project=self.instance.project)
            self.initial["recipe"] = recipes.find_recipe(self.instance.project, self.instance.recipe_name)
        self.fields["recipe"] = forms.ModelChoiceField(
            queryset=recipes.newest_recipes(written),
            initial=self.initial.get("recipe"),
            widget=UnfoldAdminSelectWidget(),
            help_text="Its newest version is built, if there are new judgments or corrections.",
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        recipe, project = data.get("recipe"), data.get("project") or getattr(self.instance, "project", None)
        if recipe and project and recipe.project_id != project.pk:
            self.add_error("recipe", "This recipe belongs to another project.")
        return data


@admin.register(Schedule)
class ScheduleAdmin(KeepingAdmin):
    form = ScheduleForm
    list_display = ("recipe_name", texts.PROJECT, "day", "at", "state",
                    shown("created_by", texts.isolated, "made by"))  # fmt: skip
    empty_text = "A schedule builds a recipe again at a time of day, if anything is new. Save a recipe first."
    fieldsets = fields("project", "recipe", "day", "at", "enabled")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The form adds the recipe by itself, which is no field of the row.
        names = [name for name in ScheduleForm.Meta.fields if name not in self.get_readonly_fields(request, obj)]
        form = super().get_form(request, obj, change, **{**kwargs, "fields": names})
        form.projects = access.led_projects(request.user)
        return form

    @admin.display(description="state")
    def state(self, row: Schedule) -> SafeString:
        return texts.badge("on", "good") if row.enabled else texts.badge("off")

    def page(self, request: HttpRequest, row: Schedule) -> Page:
        built = list_url(Snapshot, created_by__exact=f"schedule:{row.pk}")
        return Page(steps=[Step("Project", row.project.name, row_url(row.project)), Step("Schedule", str(row)),
                           Step("Snapshots", "built by it", built)])  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Schedule, form: ScheduleForm, change: bool) -> None:
        """Writes it through exports.schedules."""
        obj.recipe_name = form.cleaned_data["recipe"].name
        schedules.save(obj, actor=actor(request))

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        schedules.remove(obj, actor=actor(request))


@admin.register(Retention)
class RetentionAdmin(KeepingAdmin):
    list_display = ("project", "keep_last", "keep_days")
    list_display_links = ("project",)
    empty_text = (
        "Without a rule every snapshot is kept for ever. With one, the files of those go that are neither among the "
        "newest of their recipe nor young enough."
    )
    fieldsets = fields("project", "keep_last", "keep_days")

    def save_model(self, request: HttpRequest, obj: Retention, form: forms.ModelForm, change: bool) -> None:
        """Writes it through exports.retention."""
        saved = retention.set_rule(obj.project, keep_last=obj.keep_last, keep_days=obj.keep_days, actor=actor(request))
        obj.__dict__.update(saved.__dict__)

    def delete_model(self, request: HttpRequest, obj: Retention) -> None:
        retention.drop_rule(obj, actor=actor(request))
