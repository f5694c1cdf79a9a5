"""Judgments, the feedback they were made of, and retractions: who preferred what, and what was taken back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from annotation.admin import texts
from annotation.admin.answers import COUNTED, RETRACTED, answer, standing
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Page, Step, Table, Text, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin
from annotation.admin.steps import erased, event_steps
from annotation.admin.texts import shown
from annotation.models import Candidate, Feedback, Judgment, Retraction, WaitingFeedback


class JudgmentQuestion(QuestionFilter):
    questions = {
        "counted": Question("Counted", COUNTED),
        "retracted": Question("Retracted", RETRACTED),
        "surplus": Question("Surplus", Q(surplus=True)),
        "erased": Question("Erased", Q(erasure__isnull=False)),
        "fast": Question("In less than a second", Q(duration_ms__lt=1_000)),
    }


@admin.register(Judgment)
class JudgmentAdmin(LeadAdmin):
    list_display = (
        shown("uid", texts.short, "judgment"),
        "says",
        shown("source_id", texts.isolated, "by"),
        shown("get_source_type_display", lambda kind: kind(), "source"),
        shown("duration_ms", texts.how_long, "took"),
        shown("judged_at", texts.when, "when"),
        "counts",
        "about",
        texts.PROJECT,
    )
    list_select_related = ("project", "chosen", "comparison", "prompt", "feedback__retracted_by")
    list_filter = (JudgmentQuestion, ProjectFilter, ("source_type", ChoicesDropdownFilter),
                   ("outcome", ChoicesDropdownFilter))  # fmt: skip
    search_fields = ("uid", "source_id", "prompt__request_id", "comparison__uid", "feedback__feedback_id")
    search_help_text = "Beginning of an id or of who judged"
    empty_text = "Judgments come from the comparison page, from files, and through the API."
    fieldsets = fields(
        shown("uid", texts.code, "id"),
        "project",
        "says",
        "counts",
        shown("get_source_type_display", lambda kind: kind(), "source"),
        shown("source_id", texts.isolated, "source’s id"),
        shown("source_version", texts.isolated, "source’s version"),
        shown("guidelines", link, "guidelines shown"),
        shown("assignment", link, "lease"),
        shown("duration_ms", texts.how_long, "took"),
        shown("active_ms", texts.how_long, "of it at the page"),
        shown("judged_at", texts.when, "judged"),
        shown("confidence", texts.isolated, "confidence"),
        shown("scores", texts.json_text, "scores"),
        shown("criteria", texts.json_text, "criteria"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        prompt = [f"prompt__{name}" for name in ("content", "tools", "metadata")]
        chosen = [f"chosen__{name}" for name in ("content", "model", "parameters", "metadata")]
        return rows.defer(*prompt, *chosen, "feedback__body", "scores", "criteria")

    def page(self, request: HttpRequest, row: Judgment) -> Page:
        pair = (row.left, row.right) if row.left and row.right else (row.first, row.second)
        comparison = [Step("Comparison", str(row.comparison)[:8], row_url(row.comparison))] if row.comparison else []
        return Page(
            steps=[
                Step("Prompt", row.prompt.request_id, row_url(row.prompt)),
                *comparison,
                Step("Judgment", str(row.uid)[:8]),
                Step("Feedback", row.feedback.feedback_id, row_url(row.feedback)),
                *event_steps(row.event_id),
            ],
            lead=Text("Prompt", texts.spoken(row.prompt, role="user"), "", row_url(row.prompt)),
            texts=[_side(row, candidate) for candidate in pair if candidate],
        )

    @admin.display(description="answer")
    def says(self, row: Judgment) -> SafeString | str:
        return answer(row)

    @admin.display(description="standing")
    def counts(self, row: Judgment) -> SafeString:
        return standing(row)

    @admin.display(description="comparison")
    def about(self, row: Judgment) -> SafeString | str:
        return link(row.comparison, texts.short(row.comparison.uid)) if row.comparison else link(row.prompt)


def _side(row: Judgment, candidate: Candidate) -> Text:
    verdict = "preferred" if row.chosen_id == candidate.pk else "not preferred" if row.chosen_id else ""
    side = "shown left" if row.left_id == candidate.pk else "shown right" if row.right_id == candidate.pk else ""
    note = " · ".join(part for part in (side, verdict) if part)
    return Text(candidate.model_label, texts.spoken(candidate, role="assistant"), note, row_url(candidate))


# A ranking of 64 outputs makes two thousand judgments.
JUDGMENTS_SHOWN = 200
TAKEN_BACK = Q(Exists(Retraction.objects.filter(target=OuterRef("pk"))))
Waits = WaitingFeedback.State
WAITS: dict[str, texts.Kind] = {Waits.WAITING: "busy", Waits.ORPHANED: "warning", Waits.MISMATCHED: "bad"}


class FeedbackQuestion(QuestionFilter):
    questions = {
        "standing": Question("Standing", Q(~Q(kind=Feedback.Kind.RETRACTION), ~TAKEN_BACK, erasure=None)),
        "waiting": Question("Waiting", Q(waiting__state=Waits.WAITING)),
        "orphaned": Question("Orphaned", Q(waiting__state=Waits.ORPHANED)),
        "mismatched": Question("Mismatched", Q(waiting__state=Waits.MISMATCHED)),
        "retracted": Question("Retracted", TAKEN_BACK),
        "retractions": Question("Retractions", Q(kind=Feedback.Kind.RETRACTION)),
        "erased": Question("Erased", Q(erasure__isnull=False)),
    }


@admin.register(Feedback)
class FeedbackAdmin(LeadAdmin):
    list_display = (
        shown("feedback_id", texts.isolated, "feedback id"),
        "kind",
        shown("source_id", texts.isolated, "by"),
        "source_type",
        shown("request_id", texts.isolated, "request id"),
        shown("received_at", texts.when, "received"),
        "state",
        texts.PROJECT,
    )
    list_select_related = ("project", "waiting", "retracted_by")
    list_filter = (FeedbackQuestion, ProjectFilter, ("kind", ChoicesDropdownFilter),
                   ("source_type", ChoicesDropdownFilter))  # fmt: skip
    search_fields = ("feedback_id", "request_id")
    search_help_text = "Beginning of a feedback or request id"
    empty_text = "One record for each answer, score or retraction, as it was received."
    fieldsets = fields(
        shown("feedback_id", texts.code, "feedback id"),
        shown("request_id", texts.code, "request id"),
        "project",
        "state",
        "awaits",
        "kind",
        "source_type",
        shown("source_id", texts.isolated, "source’s id"),
        shown("source_version", texts.isolated, "source’s version"),
        shown("received_at", texts.when, "received"),
        shown("body", texts.json_text, "record as received"),
        shown("record_digest", texts.code, "digest of the record"),
        shown("erasure", erased, "erased"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("body")

    def page(self, request: HttpRequest, row: Feedback) -> Page:
        made = row.judgments.select_related("chosen", "prompt", "comparison", "feedback__retracted_by").order_by("pk")
        judgments = list(made[:JUDGMENTS_SHOWN])
        retracts = Retraction.objects.select_related("target").filter(feedback=row).first()
        retracted_by = Retraction.objects.select_related("feedback").filter(target=row).first()
        prompt = [Step("Prompt", row.request_id, row_url(judgments[0].prompt))] if judgments else []
        steps = [*prompt, Step("Feedback", row.feedback_id)]
        if judgments:
            steps.append(Step("Judgments", str(len(judgments)), list_url(Judgment, feedback__id__exact=row.pk)))
        if retracts:
            steps.append(Step("Retracts", retracts.target.feedback_id, row_url(retracts.target)))
        if retracted_by:
            steps.append(Step("Retracted by", retracted_by.feedback.feedback_id, row_url(retracted_by.feedback)))
        rows = [[link(j, texts.short(j.uid)), answer(j), standing(j)] for j in judgments]
        empty = "None yet: it waits." if _waiting(row) else "None." if row.erasure_id else "None: it is no preference."
        return Page(
            steps=[*steps, *event_steps(row.event_id)],
            tables=[*_mismatch(row), Table("Judgments made of it", ["Judgment", "Answer", ""], rows, empty)],
        )

    @admin.display(description="state")
    def state(self, row: Feedback) -> SafeString:
        waiting = _waiting(row)
        if row.erasure_id:
            return texts.badge("Erased", "warning")
        if waiting:
            return texts.badge(waiting.get_state_display(), WAITS[waiting.state])
        return texts.badge("Retracted", "warning") if hasattr(row, "retracted_by") else texts.badge("Joined", "good")

    @admin.display(description="waits for")
    def awaits(self, row: Feedback) -> SafeString | str:
        waiting = _waiting(row)
        if waiting is None:
            return "—"
        what = "the record" if waiting.awaited_feedback else "an inference with the request id"
        awaited = waiting.awaited_feedback or waiting.awaited_request
        return format_html("{} <bdi>{}</bdi>, since {}", what, awaited, texts.when(waiting.since))


def _waiting(row: Feedback) -> WaitingFeedback | None:
    return getattr(row, "waiting", None)


def _mismatch(row: Feedback) -> list[Table]:
    """Why a record does not fit what it waited for."""
    waiting = _waiting(row)
    if waiting is None or not waiting.problems:
        return []
    rows = [[texts.code(pointer or "the record"), texts.isolated(detail)] for pointer, detail in waiting.problems]
    return [Table("Why it does not fit", ["Field", "Problem"], rows)]


@admin.register(Retraction)
class RetractionAdmin(LeadAdmin):
    project_path = "target__project"
    list_display = (
        shown("feedback", link, "retraction"),
        shown("target", link, "takes back"),
        shown("feedback.source_id", texts.isolated, "by"),
        shown("feedback.received_at", texts.when, "received"),
        shown("target.project", texts.slug, "project"),
    )
    list_display_links = None
    list_select_related = ("feedback", "target__project")
    list_filter = (ProjectFilter,)
    search_fields = ("feedback__feedback_id", "target__feedback_id")
    search_help_text = "Beginning of a feedback id"
    empty_text = "A retraction is made by every undo. Both records stay in the log."
    fieldsets = fields(
        shown("feedback", link, "retraction"),
        shown("target", link, "takes back"),
        shown("feedback.source_id", texts.isolated, "by"),
        shown("feedback.received_at", texts.when, "received"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("feedback__body", "target__body")

    def page(self, request: HttpRequest, row: Retraction) -> Page:
        return Page(
            steps=[
                Step("Taken back", row.target.feedback_id, row_url(row.target)),
                Step("Retraction", row.feedback.feedback_id),
                *event_steps(row.event_id),
            ]
        )
