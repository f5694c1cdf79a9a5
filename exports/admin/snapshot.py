"""Recipes and snapshots: what was selected how, how far it is, and the files to take away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import current_app
from django.contrib import admin, messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from kombu.exceptions import OperationalError as BrokerError
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm

from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Figure, Page, Step, Table, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor, may_work
from annotation.admin.texts import shown
from exports import hub, recipes, retention
from exports.admin.forms import BuildForm, PushForm, RecipeForm
from exports.admin.project import DIALOG
from exports.models import Recipe, Snapshot, SnapshotFile, SnapshotShard
from exports.pipeline import publish, shards
from exports.retention import KEPT

Status = Snapshot.Status
UNFINISHED = Q(status__in=[Status.QUEUED, Status.BUILDING])
KINDS: Mapping[str, texts.Kind] = {
    Status.QUEUED: "plain",
    Status.BUILDING: "busy",
    Status.READY: "good",
    Status.FAILED: "bad",
    Status.CANCELLED: "plain",
}
CANCEL = dialog("Cancel this snapshot?", "What was built of it so far is thrown away.", "Cancel the snapshot")

AGAIN = dialog("Build this part again?", "What was built of it so far is thrown away.", "Build the part again")
PUSH = dialog("Push this snapshot to the Hub?", "A worker does it, by the token of its environment.", "Push", PushForm)
REMOVE = dialog(
    "Remove the files of this snapshot?", "Its data are gone for good; its card and its manifest stay.", "Remove them"
)


class SnapshotQuestion(QuestionFilter):
    questions = {
        "unfinished": Question("Being built", UNFINISHED),
        "ready": Question("Ready", Q(status=Status.READY)),
        "failed": Question("Failed", Q(status=Status.FAILED)),
        "cancelled": Question("Cancelled", Q(status=Status.CANCELLED)),
    }


@admin.register(Snapshot)
class SnapshotAdmin(LeadAdmin):
    list_display = (
        shown("version", lambda version: f"v{version}", "version"),
        texts.PROJECT,
        "state",
        shown("rows", lambda rows: f"{rows:,}", "rows"),
        shown("bytes", filesizeformat, "size"),
        shown("formats", ", ".join, "formats"),
        shown("created_by", texts.isolated, "asked for by"),
        shown("created_at", texts.when, "asked for"),
    )
    list_select_related = ("project",)
    list_filter = (SnapshotQuestion, ProjectFilter)
    actions_list = ("build",)
    actions_detail = ("cancel", "push", "remove")
    empty_text = "A snapshot is one version of a dataset: built once, then never changed. Build the first one."
    fieldsets = fields(
        "project",
        shown("error", texts.plain_text, "what went wrong"),
        "recipe_name",
        shown("watermark_hash", texts.code, "hash at the watermark"),
        shown("parent", link, "parent"),
        shown("created_by", texts.isolated, "asked for by"),
        shown("created_at", texts.when, "asked for"),
        shown("ended_at", texts.when, "ended"),
        "removed",
        "counts",
        shown("recipe", texts.json_text, "recipe in full"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("manifest", "recipe").annotate(formats=F("recipe__formats"))

    def page(self, request: HttpRequest, row: Snapshot) -> Page:
        removal = getattr(row, "removal", None)
        files = [_file(row, file, is_there=removal is None or file.path in KEPT) for file in row.files.all()]
        of_files = Table("Files", ["File", "Rows", "Size", "SHA-256"], files, "None before it is ready.")
        parts = [_part(part) for part in row.shards.all()]
        of_parts = Table("Parts", ["Part", "State", "Attempt", "Rows", "Size"], parts, "Its rows are being chosen.")
        events = list_url("annotation_event", project=row.project.slug, seal__position__lte=row.watermark)
        return Page(
            steps=[
                Step("Project", row.project.name, row_url(row.project)),
                Step("Events", f"up to position {row.watermark}", events),
                Step("Snapshot", f"v{row.version}"),
            ],
            figures=[
                Figure("Status", self.state(row)),
                Figure("Rows", f"{row.rows:,}"),
                Figure("Size", filesizeformat(row.bytes)),
                Figure("Watermark", f"{row.watermark:,}"),
            ],
            first=of_parts if row.status == Status.BUILDING else of_files,
            is_moving=row.status in {Status.QUEUED, Status.BUILDING},
        )

    @admin.display(description="status")
    def state(self, row: Snapshot) -> SafeString:
        badge = texts.badge(row.get_status_display(), KINDS[row.status])
        if row.status != Status.BUILDING:
            return badge
        bar = '{0} <progress class="pf-bar" max="100" value="{1}"></progress> {1} %'
        return format_html(bar, badge, int(100 * row.progress))

    @admin.display(description="recipe")
    def recipe_name(self, row: Snapshot) -> SafeString | str:
        return link(row.named_recipe) if row.named_recipe else "none by name"

    @admin.display(description="files removed")
    def removed(self, row: Snapshot) -> SafeString | str:
        removal = getattr(row, "removal", None)
        if removal is None:
            return "no"
        return format_html("{} by <bdi>{}</bdi>", texts.when(removal.removed_at), removal.removed_by)

    @admin.display(description="counts at every step")
    def counts(self, row: Snapshot) -> SafeString | str:
        return texts.json_text((row.manifest or {}).get("counts"))

    def has_build_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def has_remove_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.status == Status.READY and not hasattr(row, "removal")

    def has_cancel_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.status in {Status.QUEUED, Status.BUILDING}

    @action(description="Build snapshot", permissions=["build"], url_path="build", icon="add",
            variant=ActionVariant.PRIMARY, dialog=DIALOG)  # fmt: skip
    def build(self, request: HttpRequest, form: BuildForm) -> HttpResponse:
        return go_to(request, row_url(form.ask(form.cleaned_data["project"], actor=actor(request))))

    @action(description="Cancel", permissions=["cancel"], url_path="cancel", icon="cancel", dialog=CANCEL)
    def cancel(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        try:
            publish.cancel(row, actor=actor(request))
            self.message_user(request, f"{row} is cancelled.", messages.SUCCESS)
        except publish.ConflictError as error:
            self.message_user(request, str(error), messages.ERROR)
        return go_to(request, row_url(row))

    @action(description="Push to the Hub", permissions=["remove"], url_path="push", icon="cloud_upload", dialog=PUSH)
    def push(self, request: HttpRequest, form: PushForm, object_id: str) -> HttpResponse:
        row, wanted = self.get_object(request, object_id), form.cleaned_data
        arguments = [row.pk, wanted["repository"], not wanted["public"], actor(request)]
        try:
            current_app.send_task(hub.PUSH_TASK, args=arguments, retry=False)
            said = f"{row} is being pushed to {wanted['repository']}; the events tell what became of it."
            self.message_user(request, said, messages.SUCCESS)
        except BrokerError:
            self.message_user(request, "The broker does not answer; try again later.", messages.ERROR)
        return go_to(request, row_url(row))

    @action(description="Remove files", permissions=["remove"], url_path="remove", icon="delete", dialog=REMOVE)
    def remove(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        try:
            retention.remove_files(row, actor=actor(request))
            self.message_user(request, f"The files of {row} are removed.", messages.SUCCESS)
        except retention.KeptError as error:
            self.message_user(request, str(error), messages.ERROR)
        return go_to(request, row_url(row))


@admin.register(SnapshotShard)
class PartAdmin(LeadAdmin):
    """The parts of snapshots that are being built."""

    project_path = "snapshot__project"
    list_display = (
        "__str__",
        "what",
        "state",
        shown("attempt", str, "attempt"),
        shown("rows", lambda rows: f"{rows:,}", "rows"),
        shown("bytes", filesizeformat, "size"),
        shown("heartbeat_at", texts.when, "last sign of life"),
    )
    list_select_related = ("snapshot__project",)
    list_filter = (ProjectFilter,)
    actions_detail = ("again",)
    empty_text = "Nothing is being built in parts."
    fieldsets = fields("snapshot", "what", "state", "attempt", "progress", "rows", "bytes",
                       shown("heartbeat_at", texts.when, "last sign of life"))  # fmt: skip

    @admin.display(description="what")
    def what(self, row: SnapshotShard) -> str:
        return _name_of(row)

    def has_again_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id)
        return row is not None and row.snapshot.status == Status.BUILDING

    @action(description="Build again", permissions=["again"], url_path="again", icon="replay", dialog=AGAIN)
    def again(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        try:
            shards.retry(row)
            self.message_user(request, f"{row} is queued again.", messages.SUCCESS)
        except publish.ConflictError as error:
            self.message_user(request, str(error), messages.ERROR)
        return go_to(request, row_url(row.snapshot))


@admin.register(Recipe)
class RecipeAdmin(LeadAdmin):
    form = RecipeForm
    list_display = ("name", "version", texts.PROJECT, shown("created_by", texts.isolated, "written by"),
                    shown("created_at", texts.when, "written"))  # fmt: skip
    list_select_related = ("project",)
    list_filter = (ProjectFilter,)
    search_fields = ("name",)
    search_help_text = "Beginning of a name"
    empty_text = "A recipe says what to select and how. Snapshots without a named one carry their own."
    fieldsets = fields(
        "name",
        "version",
        "project",
        shown("created_by", texts.isolated, "written by"),
        shown("created_at", texts.when, "written"),
        shown("body", texts.json_text, "recipe, without the defaults"),
    )

    add_fieldsets = fields("name", "project", "body")

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("body")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_work(request)

    def save_model(self, request: HttpRequest, obj: Recipe, form: RecipeForm, change: bool) -> None:
        """Writes a new version through exports.recipes."""
        saved = recipes.save_recipe(obj.project, obj.name, form.cleaned_data["body"], actor=actor(request))
        obj.__dict__.update(saved.__dict__)

    def page(self, request: HttpRequest, row: Recipe) -> Page:
        return Page(
            steps=[
                Step("Project", row.project.name, row_url(row.project)),
                Step("Recipe", str(row)),
                Step("Snapshots", "built by it", list_url(Snapshot, named_recipe__id__exact=row.pk)),
            ]
        )


def _name_of(part: SnapshotShard) -> str:
    return f"shard {part.number}" if part.number else "outline: index, drops and description"


def _part(part: SnapshotShard) -> list[Any]:
    name = format_html('<a class="pf-link" href="{}">{}</a>', row_url(part), _name_of(part))
    state = f"{part.get_state_display()}, {int(100 * part.progress)} %"
    return [name, state, part.attempt, f"{part.rows:,}", filesizeformat(part.bytes)]


def _file(row: Snapshot, file: SnapshotFile, *, is_there: bool) -> list[Any]:
    url = reverse("api-snapshot-file", args=[row.project.slug, row.version, file.path])
    name = texts.isolated(file.path)
    if is_there:
        name = format_html('<a class="pf-link" href="{}" download><bdi>{}</bdi></a>', url, file.path)
    rows = "—" if file.rows is None else f"{file.rows:,}"
    return [name, rows, filesizeformat(file.bytes), texts.code(file.sha256)]
