"""What a project's page and list can do once there are snapshots: “Build snapshot”."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from unfold.decorators import action
from unfold.enums import ActionVariant

from annotation.admin.dialogs import dialog, go_to
from annotation.admin.page import link, row_url
from annotation.admin.project import ProjectAdmin
from annotation.admin.scope import actor
from annotation.models import Project
from exports.admin.forms import DEFAULTS, BuildForm
from exports.pipeline import publish

DIALOG = dialog(
    "Build a snapshot",
    "It will contain everything that was judged before now, and never change.",
    "Build snapshot",
    BuildForm,
)

admin.site.unregister(Project)


@admin.register(Project)
class ProjectWithSnapshotsAdmin(ProjectAdmin):
    actions = ("build_snapshots", *ProjectAdmin.actions)
    actions_detail = (*ProjectAdmin.actions_detail, "build_snapshot")

    @admin.action(description="Build snapshot")
    def build_snapshots(self, request: HttpRequest, projects: QuerySet[Project]) -> None:
        """Asks for a snapshot of each, by the default recipe."""
        wanted = publish.Request(DEFAULTS, actor(request))
        made = [publish.request(project, wanted) for project in projects]
        links = format_html_join(", ", "{}", ((link(snapshot),) for snapshot in made))
        self.message_user(request, format_html_join("", "{}{}", [("Building ", links)]), messages.SUCCESS)

    @action(description="Build snapshot", permissions=["view"], url_path="build", icon="inventory_2",
            variant=ActionVariant.PRIMARY, dialog=DIALOG)  # fmt: skip
    def build_snapshot(self, request: HttpRequest, form: BuildForm, object_id: str) -> HttpResponse:
        project = self.get_object(request, object_id)
        snapshot = form.ask(project, actor=actor(request))
        self.message_user(request, f"{snapshot} is being built.", messages.SUCCESS)
        return go_to(request, row_url(snapshot))
