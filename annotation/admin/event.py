"""The log: events in the order they were written, each with its place in the chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from annotation import erased
from annotation.admin import texts
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Page, Step, fields, list_url, row_url
from annotation.admin.scope import LeadAdmin
from annotation.admin.steps import position, snapshot_steps
from annotation.admin.texts import shown
from annotation.models import ApiKey, Assignment, Comparison, Event, Feedback, Project, Prompt, UnsealedEvent

# What an event's subject names, by the word before its colon.
SUBJECTS: dict[str, Callable[[int | None, str], QuerySet[Any]]] = {
    "inference": lambda project, name: Prompt.objects.filter(project=project, request_id=name),
    "feedback": lambda project, name: Feedback.objects.filter(project=project, feedback_id=name),
    "lease": lambda _, name: Assignment.objects.filter(uid=name),
    "comparison": lambda _, name: Comparison.objects.filter(uid=name),
    "key": lambda _, name: ApiKey.objects.filter(uid=name),
    "project": lambda _, name: Project.objects.filter(uid=name),
}


class EventQuestion(QuestionFilter):
    questions = {
        "answers": Question("Answers", Q(kind__startswith="feedback.")),
        "leases": Question("Leases", Q(kind__startswith="lease.")),
        "intake": Question("Intake", Q(kind__startswith="inference.") | Q(kind__startswith="comparisons.")),
        "settings": Question("Settings, people, keys", Q(kind__regex=r"^(project|guidelines|member|key)\.")),
        "snapshots": Question("Snapshots", Q(kind__regex=r"^(recipe|snapshot)\.")),
        "erasures": Question("Erasures", Q(kind=erased.KIND)),
        "accounts": Question("Accounts, log-ins", Q(kind__startswith="user.")),
        "unsealed": Question("Waiting for a seal", Q(Exists(UnsealedEvent.objects.filter(event=OuterRef("pk"))))),
    }


@admin.register(Event)
class EventAdmin(LeadAdmin):
    list_display = (
        shown("uid", texts.short, "event"),
        "position",
        "kind",
        shown("actor", texts.isolated, "by"),
        shown("subject", texts.isolated, "about"),
        shown("at", texts.when, "when"),
        texts.PROJECT,
    )
    list_select_related = ("project", "seal")
    list_filter = (EventQuestion, ProjectFilter)
    search_fields = ("uid",)
    search_help_text = "Beginning of an event’s id"
    empty_text = "Everything that happens to the data is written here, in the transaction in which it happens."
    fieldsets = fields(
        shown("uid", texts.code, "id"),
        "project",
        "kind",
        shown("actor", texts.isolated, "by"),
        shown("subject", texts.isolated, "about"),
        shown("at", texts.when, "when"),
        "position",
        "hash",
        shown("payload", texts.json_text, "payload"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("payload")

    def page(self, request: HttpRequest, row: Event) -> Page:
        subject = _subject(row)
        about = [Step(str(subject._meta.verbose_name).capitalize(), str(subject), row_url(subject))] if subject else []
        gone = (
            [Step("Erased prompts", "", list_url(Prompt, erasure__id__exact=row.pk))] if row.kind == erased.KIND else []
        )
        return Page(steps=[*about, *gone, Step("Event", position(row)), *snapshot_steps(row)])

    @admin.display(description="position")
    def position(self, row: Event) -> str:
        seal = getattr(row, "seal", None)
        return f"{seal.position}" if seal else "—"

    @admin.display(description="hash")
    def hash(self, row: Event) -> SafeString | str:
        seal = getattr(row, "seal", None)
        return texts.code(seal.hash) if seal else "waits for its seal"


def _subject(event: Event) -> Model | None:
    kind, _, name = event.subject.partition(":")
    find = SUBJECTS.get(kind)
    found: Model | None = find(event.project_id, name).first() if find else None
    return found
