"""Projects and their guidelines. Every change goes through annotation.projects, which writes it to the log."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from annotation import progress, projects
from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Figure, Page, Step, Table, fields, link, list_url, row_url
from annotation.admin.project_form import ProjectForm
from annotation.admin.scope import LeadAdmin, actor, forget_led_projects, is_superuser, may_work
from annotation.admin.texts import shown
from annotation.admin.work import Counts, count_comparisons
from annotation.models import (
    Annotator,
    Comparison,
    Event,
    GuidelineVersion,
    Judgment,
    Member,
    Project,
    Prompt,
    SourceType,
)

ROWS_SHOWN = 50
Status = Project.Status
STATUS_KINDS: Mapping[str, texts.Kind] = {Status.OPEN: "good", Status.PAUSED: "warning", Status.CLOSED: "plain"}

PAUSE = dialog(
    "Pause this project?",
    "Nobody is given a new comparison until it is reopened. What people hold already, they may finish.",
    "Pause",
)
REOPEN = dialog("Reopen this project?", "Its comparisons are handed out again.", "Reopen")


class ProjectQuestion(QuestionFilter):
    questions = {status.value: Question(str(status.label), Q(status=status)) for status in Status}


@admin.register(Project)
class ProjectAdmin(LeadAdmin):
    form = ProjectForm
    project_path = "pk"
    list_display = ("name", "slug", "status_badge", "progress", "scale", "overlap")
    list_per_page = 25
    list_filter = (ProjectQuestion,)
    ordering = ("name",)
    search_fields = ("slug", "name")
    search_help_text = "Beginning of a slug or name"
    actions: Sequence[str] = ("pause_selected", "reopen_selected")
    actions_detail: Sequence[str] = ("pause", "reopen")
    empty_text = "A project asks people one question about many pairs of outputs."
    warn_unsaved_form = True
    fieldsets = (
        ("Question", {"fields": ("name", "slug", "status", "scale", "guidelines")}),
        (
            "Queue",
            {
                "fields": (
                    "overlap",
                    "overlap_sample_share",
                    "overlap_sample",
                    "order",
                    "lease_seconds",
                    "lease_auto",
                    "skips_to_lead",
                    "members",
                    "requires",
                )
            },
        ),
        ("Pairs to ask about", {"fields": ("pairing", "pairing_n", "pairing_models")}),
        ("Checks of the annotators", {"fields": ("gold_rate", "repeat_rate")}),
        ("Feedback of users and programs", {"fields": ("implicit_rate", "heuristics", "orphan_hours")}),
    )

    def project_of(self, row: Project) -> Project:
        return row

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> Sequence[str]:
        # The slug stands in addresses and in what keys may reach.
        return ("slug",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Project, form: ProjectForm, change: bool) -> None:
        """Hands the settings to annotation.projects; the form's own instance is never saved."""
        values = {name: form.cleaned_data[name] for name in projects.SETTINGS if name in form.cleaned_data}
        if change:
            # Read again: the form has already changed its instance, and the log is to tell what was before.
            changed = {name: value for name, value in values.items() if name in form.changed_data}
            projects.change_project(Project.objects.get(pk=obj.pk), changed, actor=actor(request))
            return
        made = projects.create_project(obj.slug, settings=values, actor=actor(request))
        if not is_superuser(request):
            user = User.objects.get(username=request.user.get_username())
            projects.add_member(made, user, Member.Role.LEAD, actor=actor(request))
            forget_led_projects(request)
        obj.__dict__.update(made.__dict__)

    def complete(self, rows: list[Project]) -> list[Project]:
        counts = count_comparisons(rows)
        for row in rows:
            row.counts = counts[row.pk]  # type: ignore[attr-defined]  # for the column beside
        return rows

    def page(self, request: HttpRequest, row: Project) -> Page:
        now = progress.recent_progress(row)
        here = {"project": row.slug}
        return Page(
            steps=[
                Step("Project", row.slug),
                Step("Prompts", "", list_url(Prompt, **here)),
                Step("Comparisons", str(now.comparisons), list_url(Comparison, **here)),
                Step("Judgments", str(sum(now.judgments.values())), list_url(Judgment, **here)),
                Step("Events", "", list_url(Event, **here)),
                Step("Snapshots", "", list_url("exports_snapshot", **here)),
                Step("Dashboard", "", reverse("dashboard", args=[row.slug])),
            ],
            figures=_figures(now, here),
            tables=[_guidelines(row), _members(row), _annotators(row)],
        )

    @admin.display(description="status")
    def status_badge(self, row: Project) -> SafeString:
        return texts.badge(row.get_status_display(), STATUS_KINDS[row.status])

    @admin.display(description="done")
    def progress(self, row: Any) -> SafeString | str:
        counts: Counts = row.counts
        if not counts.comparisons:
            return "no comparisons"
        bar = '<progress class="pf-bar" max="{}" value="{}"></progress> {} of {}'
        return format_html(bar, counts.comparisons, counts.done, f"{counts.done:,}", f"{counts.comparisons:,}")

    @admin.action(description="Pause")
    def pause_selected(self, request: HttpRequest, rows: QuerySet[Project]) -> None:
        self._set_status(request, rows, Status.PAUSED, "Paused")

    @admin.action(description="Reopen")
    def reopen_selected(self, request: HttpRequest, rows: QuerySet[Project]) -> None:
        self._set_status(request, rows, Status.OPEN, "Reopened")

    @action(description="Pause", permissions=["pause"], url_path="pause", icon="pause", dialog=PAUSE)
    def pause(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._set_one(request, object_id, Status.PAUSED, "Paused")

    @action(description="Reopen", permissions=["reopen"], url_path="reopen", icon="play_arrow",
            variant=ActionVariant.PRIMARY, dialog=REOPEN)  # fmt: skip
    def reopen(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        return self._set_one(request, object_id, Status.OPEN, "Reopened")

    def has_pause_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.status == Status.OPEN

    def has_reopen_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.status != Status.OPEN

    def _set_one(self, request: HttpRequest, object_id: str, status: Status, word: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        self._set_status(request, [row], status, word)
        return go_to(request, row_url(row))

    def _set_status(
        self, request: HttpRequest, rows: QuerySet[Project] | list[Project], status: Status, word: str
    ) -> None:
        for row in rows:
            projects.change_project(row, {"status": status.value}, actor=actor(request))
        self.message_user(request, f"{word}: {', '.join(row.name for row in rows)}.", messages.SUCCESS)


def _figures(now: progress.ProjectProgress, here: dict[str, str]) -> list[Figure]:
    comparisons = {"Open": ("open", now.open), "Handed out": ("leased", now.leased), "Done": ("done", now.done)}
    if now.with_lead:
        comparisons["Skipped too often"] = ("with_lead", now.with_lead)
    return [
        *(
            Figure(label, f"{count:,}", list_url(Comparison, **here, show=show))
            for label, (show, count) in comparisons.items()
        ),
        *(
            Figure(
                f"By {SourceType(source).label.lower()}",
                f"{count:,}",
                list_url(Judgment, **here, source_type__exact=source),
            )
            for source, count in now.judgments.items()
        ),
        *([Figure("Surplus", f"{now.surplus:,}", list_url(Judgment, **here, show="surplus"))] if now.surplus else []),
    ]


def _guidelines(row: Project) -> Table:
    versions = row.guideline_versions.annotate(length=Length("text")).defer("text").order_by("-version")[:ROWS_SHOWN]
    return Table(
        "Versions of the guidelines",
        ["Version", "Written", "Characters"],
        [[link(one, f"Version {one.version}"), texts.when(one.created_at), f"{one.length:,}"] for one in versions],
        "None was ever written: everybody decides by their own.",
    )


def _members(row: Project) -> Table:
    members = row.members.select_related("user").order_by("-role", "user__username")[:ROWS_SHOWN]
    return Table(
        "Members",
        ["Person", "Role", "Since"],
        [[texts.isolated(m.user), m.get_role_display(), texts.when(m.created_at)] for m in members],
        "None: open to every signed-in annotator, led by superusers.",
        list_url(Member, project=row.slug),
    )


def _annotators(row: Project) -> Table:
    annotators = row.annotators.order_by("-judged", "name")[:ROWS_SHOWN]
    return Table(
        "Who has judged",
        ["Annotator", "Judged"],
        [[link(one), f"{one.judged:,}"] for one in annotators],
        "Nobody yet.",
        list_url(Annotator, project=row.slug),
    )


@admin.register(GuidelineVersion)
class GuidelineVersionAdmin(LeadAdmin):
    list_display = ("__str__", texts.PROJECT, shown("created_at", texts.when, "written"))
    list_select_related = ("project",)
    list_filter = (ProjectFilter,)
    empty_text = "Guidelines are written on the page of their project."
    fieldsets = fields(
        "project",
        "version",
        shown("created_at", texts.when, "written"),
        shown("text", texts.plain_text, "text"),
        "difference",
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("text")

    def page(self, request: HttpRequest, row: GuidelineVersion) -> Page:
        return Page(
            steps=[
                Step("Project", row.project.name, row_url(row.project)),
                Step("Guidelines", f"version {row.version}"),
                Step("Judgments", "made by them", list_url(Judgment, guidelines__id__exact=row.pk)),
            ]
        )

    @admin.display(description="difference to the version before")
    def difference(self, row: GuidelineVersion) -> SafeString | str:
        before = GuidelineVersion.objects.filter(project=row.project_id, version=row.version - 1).first()
        if before is None:
            return "It is the first."
        lines = difflib.unified_diff(before.text.splitlines(), row.text.splitlines(), lineterm="", n=2)
        return texts.plain_text("\n".join(list(lines)[2:]))
