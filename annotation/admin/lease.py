"""Leases and flags: who holds what for how long, and what annotators want the lead to look at."""

from __future__ import annotations

import datetime as dt

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString

from annotation import queue
from annotation.admin import texts
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Page, Step, fields, link, row_url
from annotation.admin.scope import LeadAdmin, actor
from annotation.admin.texts import shown
from annotation.models import Assignment, Flag

LONG = dt.timedelta(hours=1)
State = Assignment.State

HELD_LONG = Q(state=State.LEASED, leased_at__lt=Now() - LONG)
KINDS: dict[str, texts.Kind] = {
    State.LEASED: "busy",
    State.JUDGED: "good",
    State.SKIPPED: "warning",
    State.RELEASED: "plain",
    State.EXPIRED: "plain",
    State.SURPLUS: "warning",
    State.ERASED: "warning",
}


def lease_state(row: Assignment) -> SafeString:
    return texts.badge(row.get_state_display(), KINDS[row.state])


class LeaseQuestion(QuestionFilter):
    questions = {
        "leased": Question("Live", Q(state=State.LEASED)),
        "long": Question("Leased for more than an hour", HELD_LONG),
        "judged": Question("Judged", Q(state=State.JUDGED)),
        "skipped": Question("Skipped", Q(state=State.SKIPPED)),
        "released": Question("Released", Q(state=State.RELEASED)),
        "expired": Question("Expired", Q(state=State.EXPIRED)),
        "surplus": Question("Judged too late", Q(state=State.SURPLUS)),
        "erased": Question("Erased", Q(state=State.ERASED)),
    }


@admin.register(Assignment)
class LeaseAdmin(LeadAdmin):
    project_path = "annotator__project"
    list_display = (
        shown("uid", texts.short, "lease"),
        shown("annotator", link, "annotator"),
        "about",
        "state_badge",
        shown("leased_at", texts.when, "leased"),
        shown("expires_at", texts.when, "expires"),
        shown("ended_at", texts.when, "ended"),
        shown("reason", texts.isolated, "reason"),
        shown("annotator.project", texts.slug, "project"),
    )
    list_select_related = ("annotator__project", "comparison")
    list_filter = (LeaseQuestion, ProjectFilter)
    search_fields = ("uid", "comparison__uid", "annotator__name")
    search_help_text = "Beginning of a lease’s or comparison’s id, or of a name"
    actions = ("release",)
    empty_text = "A lease is made whenever somebody is shown a comparison."
    fieldsets = fields(
        shown("uid", texts.code, "id"),
        shown("annotator.project", link, "project"),
        "annotator",
        "comparison",
        "state_badge",
        shown("left", link, "shown left"),
        shown("right", link, "shown right"),
        shown("leased_at", texts.when, "leased"),
        shown("expires_at", texts.when, "expires"),
        shown("ended_at", texts.when, "ended"),
        shown("reason", texts.plain_text, "reason of a skip"),
    )

    def page(self, request: HttpRequest, row: Assignment) -> Page:
        judgments = list(row.judgments.order_by("pk"))
        return Page(
            steps=[
                Step("Prompt", row.comparison.prompt.request_id, row_url(row.comparison.prompt)),
                Step("Comparison", str(row.comparison)[:8], row_url(row.comparison)),
                Step("Lease", str(row.uid)[:8]),
                *(Step("Judgment", str(judgment.uid)[:8], row_url(judgment)) for judgment in judgments),
            ]
        )

    @admin.display(description="comparison")
    def about(self, row: Assignment) -> SafeString | str:
        return link(row.comparison, texts.short(row.comparison.uid))

    @admin.display(description="state")
    def state_badge(self, row: Assignment) -> SafeString:
        return lease_state(row)

    @admin.action(description="Release")
    def release(self, request: HttpRequest, leases: QuerySet[Assignment]) -> None:
        """Gives live leases back to the queue; the others stay as they are."""
        released = 0
        for lease in leases.filter(state=State.LEASED).select_related("annotator__project"):
            try:
                queue.release(lease.annotator, lease.uid, actor=actor(request))
                released += 1
            except queue.LeaseLostError:  # judged, skipped or expired since the list was shown
                continue
        others = len(request.POST.getlist("_selected_action")) - released
        self.message_user(request, f"Released {released} of the chosen leases.", messages.SUCCESS)
        if others > 0:
            self.message_user(request, f"{others} had ended already and stay as they are.", messages.INFO)


class FlagQuestion(QuestionFilter):
    questions = {
        "open": Question("Open", Q(resolved_at=None)),
        "resolved": Question("Resolved", Q(resolved_at__isnull=False)),
    }


@admin.register(Flag)
class FlagAdmin(LeadAdmin):
    project_path = "annotator__project"
    list_display = (
        "said",
        "about",
        shown("annotator", link, "annotator"),
        shown("created_at", texts.when, "flagged"),
        "status",
        shown("annotator.project", texts.slug, "project"),
    )
    list_select_related = ("annotator__project", "comparison")
    list_filter = (FlagQuestion, ProjectFilter)
    search_fields = ("comparison__uid", "annotator__name")
    search_help_text = "Beginning of a comparison’s id or of a name"
    actions = ("resolve",)
    empty_text = "Annotators flag a comparison when something is wrong with it."
    fieldsets = fields(
        shown("reason", texts.plain_text, "what was said"),
        shown("annotator.project", link, "project"),
        "annotator",
        "comparison",
        shown("created_at", texts.when, "flagged"),
        shown("resolved_at", texts.when, "resolved"),
    )

    def page(self, request: HttpRequest, row: Flag) -> Page:
        comparison = row.comparison
        return Page(
            steps=[
                Step("Prompt", comparison.prompt.request_id, row_url(comparison.prompt)),
                Step("Comparison", str(comparison.uid)[:8], row_url(comparison)),
                Step("Flag", "open" if row.resolved_at is None else "resolved"),
            ]
        )

    @admin.display(description="what was said")
    def said(self, row: Flag) -> SafeString | str:
        return texts.excerpt(row.reason or "no reason given")

    @admin.display(description="comparison")
    def about(self, row: Flag) -> SafeString | str:
        return link(row.comparison, texts.short(row.comparison.uid))

    @admin.display(description="state")
    def status(self, row: Flag) -> SafeString:
        return texts.badge("Open", "warning") if row.resolved_at is None else texts.badge("Resolved", "good")

    @admin.action(description="Resolve")
    def resolve(self, request: HttpRequest, flags: QuerySet[Flag]) -> None:
        """Marks flags as dealt with."""
        resolved = sum(
            queue.resolve_flag(flag, actor=actor(request))
            for flag in flags.select_related("comparison__project", "annotator")
        )
        self.message_user(request, f"Resolved {resolved} flags.", messages.SUCCESS)
