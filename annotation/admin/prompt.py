"""Prompts and candidates: what was asked and answered, as logged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from annotation.admin import texts
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.page import Page, Step, Table, Text, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin
from annotation.admin.steps import erased, event_steps
from annotation.admin.texts import shown
from annotation.models import Candidate, Comparison, Judgment, Prompt

# A prompt can have thousands of pairs; a page shows the first of them.
COMPARISONS_SHOWN = 50

ASKED = texts.gist("asked", "", "prompt")
ANSWERED = texts.gist("answered", "", "output")
MODEL = shown("model_label", texts.isolated, "model")


class PromptQuestion(QuestionFilter):
    questions = {"erased": Question("Erased", Q(erasure__isnull=False))}


@admin.register(Prompt)
class PromptAdmin(LeadAdmin):
    list_display = (ASKED, shown("request_id", texts.isolated, "request id"), texts.PROJECT,
                    shown("received_at", texts.when, "received"))  # fmt: skip
    list_display_links = (ASKED,)
    list_select_related = ("project",)
    list_filter = (PromptQuestion, ProjectFilter)
    search_fields = ("request_id",)
    search_help_text = "Beginning of a request id"
    empty_text = "Prompts come from a file (manage.py import_pairs) or through the API."
    fieldsets = fields(
        shown("request_id", texts.code, "request id"),
        "project",
        shown("occurred_at", texts.when, "occurred"),
        shown("received_at", texts.when, "received"),
        shown("metadata", texts.json_text, "metadata"),
        shown("tools", texts.json_text, "tools"),
        shown("digest", texts.code, "digest of the content"),
        shown("record_digest", texts.code, "digest of the record"),
        shown("erasure", erased, "erased"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.defer("content", "tools", "metadata").annotate(asked=texts.Excerpt("content"))

    def page(self, request: HttpRequest, row: Prompt) -> Page:
        candidates = list(row.candidates.select_related("erasure").order_by("index").defer("parameters", "metadata"))
        comparisons = Comparison.objects.filter(prompt=row)
        return Page(
            steps=[
                Step("Prompt", row.request_id),
                Step("Candidates", str(len(candidates)), list_url(Candidate, prompt__id__exact=row.pk)),
                Step("Comparisons", str(comparisons.count()), list_url(Comparison, prompt__id__exact=row.pk)),
                Step("Judgments", str(row.judgments.count()), list_url(Judgment, prompt__id__exact=row.pk)),
                *event_steps(row.event_id),
            ],
            lead=Text("Prompt", texts.spoken(row, role="user")),
            texts=[_text(candidate, row_url(candidate)) for candidate in candidates],
            tables=[_comparisons(comparisons, list_url(Comparison, prompt__id__exact=row.pk))],
        )


@admin.register(Candidate)
class CandidateAdmin(LeadAdmin):
    list_display = (ANSWERED, MODEL, shown("output_id", texts.isolated, "output id"),
                    shown("prompt", link, "prompt"), texts.PROJECT)  # fmt: skip
    list_display_links = (ANSWERED,)
    list_select_related = ("project", "prompt")
    list_filter = (ProjectFilter,)
    search_fields = ("output_id", "prompt__request_id")
    search_help_text = "Beginning of an output or request id"
    empty_text = "Candidates come with their prompts, one for each output of a model."
    fieldsets = fields(
        shown("output_id", texts.code, "output id"),
        "project",
        shown("generated_at", texts.when, "generated"),
        shown("model", texts.json_text, "model as logged"),
        shown("parameters", texts.json_text, "parameters"),
        shown("metadata", texts.json_text, "metadata"),
        shown("digest", texts.code, "digest of the content"),
        shown("erasure", erased, "erased"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        bulky = ("content", "model", "parameters", "metadata", "prompt__content", "prompt__tools", "prompt__metadata")
        return rows.defer(*bulky).annotate(answered=texts.Excerpt("content"))

    def page(self, request: HttpRequest, row: Candidate) -> Page:
        comparisons = Comparison.objects.filter(Q(a=row) | Q(b=row), prompt=row.prompt_id)
        everything = list_url(Comparison, prompt__id__exact=row.prompt_id)
        return Page(
            steps=[
                Step("Prompt", row.prompt.request_id, row_url(row.prompt)),
                Step("Candidate", row.model_label),
                Step("Comparisons", str(comparisons.count()), everything),
                *event_steps(row.prompt.event_id),
            ],
            lead=Text("Prompt", texts.spoken(row.prompt, role="user")),
            texts=[_text(row)],
            tables=[_comparisons(comparisons, everything)],
        )


def _text(candidate: Candidate, url: str = "") -> Text:
    return Text(candidate.model_label, texts.spoken(candidate, role="assistant"), candidate.output_id, url)


def _comparisons(comparisons: QuerySet[Comparison], everything: str) -> Table:
    bulky = [f"{side}__{name}" for side in "ab" for name in ("content", "model", "parameters", "metadata")]
    rows = list(comparisons.select_related("a", "b").defer(*bulky).order_by("pk")[: COMPARISONS_SHOWN + 1])
    return Table(
        "Comparisons",
        ["Comparison", "Candidates", "Judged"],
        [_comparison(row) for row in rows[:COMPARISONS_SHOWN]],
        "None: nobody is asked about this.",
        everything if len(rows) > COMPARISONS_SHOWN else "",
    )


def _comparison(row: Comparison) -> Sequence[Any]:
    judged = (
        f"{row.judged} of {row.overlap + row.withheld}" if row.kind == Comparison.Kind.PLAIN else row.get_kind_display()
    )
    return [link(row, texts.short(row.uid)), texts.versus(row.a, row.b), judged]
