"""Runs of AI critics: whom they ask, how far they are, and what they cost. They are ordered on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from annotation.admin import texts
from annotation.admin.dialogs import dialog, go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Figure, Page, Step, fields, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor
from annotation.admin.texts import shown
from annotation.critic import runs
from annotation.models import CriticRun, Judgment

State = CriticRun.State
KINDS: Mapping[str, texts.Kind] = {
    State.QUEUED: "plain",
    State.RUNNING: "busy",
    State.DONE: "good",
    State.STOPPED: "plain",
    State.FAILED: "bad",
}
STOP = dialog("Stop this critic?", "What it has judged stays; what it holds goes back to the queue.", "Stop the critic")


class RunQuestion(QuestionFilter):
    questions = {
        "unfinished": Question("At work", Q(state__in=CriticRun.UNFINISHED)),
        "failed": Question("Failed", Q(state=State.FAILED)),
    }


def count(number: int) -> str:
    return f"{number:,}"


@admin.register(CriticRun)
class CriticRunAdmin(LeadAdmin):
    list_display = (shown("name", texts.isolated, "critic"), "status", shown("judged", count, "judged"),
                    shown("disagreed", count, "orders disagreed"), shown("skipped", count, "skipped"), "costs",
                    texts.PROJECT, shown("created_at", texts.when, "ordered"))  # fmt: skip
    list_select_related = ("project",)
    list_filter = (RunQuestion, ProjectFilter)
    search_fields = ("uid", "name")
    search_help_text = "Beginning of a name or an id"
    actions_detail = ("stop",)
    empty_text = "A critic is a model that judges as an annotator does: manage.py run_critic."
    fieldsets = fields(
        "project",
        shown("error", texts.plain_text, "what went wrong"),
        shown("endpoint", texts.isolated, "endpoint"),
        shown("model", texts.isolated, "model"),
        "judges_by",
        shown("parameters", texts.json_text, "parameters"),
        shown("key_variable", texts.isolated, "key in the environment variable"),
        "pace",
        shown("uid", texts.code, "id"),
        shown("created_by", texts.isolated, "ordered by"),
        shown("created_at", texts.when, "ordered"),
        shown("heartbeat_at", texts.when, "last sign of life"),
        shown("ended_at", texts.when, "ended"),
    )

    def page(self, request: HttpRequest, row: CriticRun) -> Page:
        judgments = list_url(
            Judgment, project=row.project.slug, source_type__exact="ai_critic", source_id__exact=row.name
        )
        return Page(
            steps=[
                Step("Project", row.project.name, row_url(row.project)),
                Step("Critic", row.name),
                Step("Judgments", "by this name", judgments),
            ],
            figures=[
                Figure("Status", self.status(row)),
                Figure("Judged", count(row.judged)),
                Figure("The orders disagreed", count(row.disagreed)),
                Figure("Skipped", count(row.skipped)),
                Figure("Answered too late", count(row.lost)),
                Figure("Requests, of them again", f"{row.requests:,}, {row.retries:,}"),
                Figure("Tokens read, written", f"{row.tokens_in:,}, {row.tokens_out:,}"),
                Figure("Cost", self.costs(row)),
            ],
            is_moving=row.state in CriticRun.UNFINISHED,
        )

    @admin.display(description="status")
    def status(self, row: CriticRun) -> SafeString:
        return texts.badge(row.get_state_display(), KINDS[row.state])

    @admin.display(description="cost")
    def costs(self, row: CriticRun) -> str:
        return f"{row.cost:,.4f}" if row.price_in or row.price_out else "—"

    @admin.display(description="judges by")
    def judges_by(self, row: CriticRun) -> SafeString | str:
        return texts.plain_text("\n".join(row.principles) or "the project’s guidelines")

    @admin.display(description="pace")
    def pace(self, row: CriticRun) -> str:
        limit = f"at most {row.per_minute:,} requests a minute" if row.per_minute else "no limit of requests"
        most = f"; {row.most:,} comparisons at most" if row.most else ""
        return f"{row.parallel} at once; {limit}{most}"

    def has_stop_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row: Any = self.get_object(request, object_id)
        return row is not None and row.state in CriticRun.UNFINISHED

    @action(description="Stop", permissions=["stop"], url_path="stop", icon="stop_circle", dialog=STOP)
    def stop(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        if runs.stop(row, actor=actor(request)):
            self.message_user(request, f"{row.name} is stopped.", messages.SUCCESS)
        else:
            self.message_user(request, f"{row.name} had ended already.", messages.INFO)
        return go_to(request, row_url(row))
