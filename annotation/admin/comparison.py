"""Comparisons: which pairs people are asked about, how far they are, and where people disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from annotation.admin import texts
from annotation.admin.answers import COUNTED, answer, counts, standing
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.lease import lease_state
from annotation.admin.page import Page, Step, Table, Text, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin
from annotation.admin.steps import position
from annotation.admin.texts import shown
from annotation.models import Assignment, Candidate, Comparison, Flag, Judgment

ASKED = texts.gist("asked", "prompt", "prompt")
# An overlap of a hundred and many flags would make the page long; the lists have the rest.
ROWS_SHOWN = 100


def in_disagreement() -> Q:
    """Comparisons with two counted judgments that say different things."""
    counted = Judgment.objects.filter(COUNTED)
    differs = Q(outcome__gt=OuterRef("outcome")) | Q(chosen__gt=OuterRef("chosen"))
    other = counted.filter(differs, comparison=OuterRef("comparison"))
    return Q(Exists(counted.filter(Exists(other), comparison=OuterRef("pk"))), judged__gte=2)


class ComparisonQuestion(QuestionFilter):
    questions = {
        "open": Question("Open", Q(taken__lt=F("overlap"))),
        "leased": Question("Handed out", Q(taken=F("overlap"), judged__lt=F("overlap"))),
        "done": Question("Done", Q(judged=F("overlap"), closed=False)),
        "never_judged": Question("Never judged", Q(judged=0, closed=False)),
        "closed": Question("Closed", Q(closed=True)),
        "flagged": Question("Flagged", Q(Exists(Flag.objects.filter(comparison=OuterRef("pk"), resolved_at=None)))),
        "in_disagreement": Question("In disagreement", in_disagreement()),
    }


def state(row: Comparison) -> SafeString:
    """Open, handed out or done, as the progress of a project counts it; or closed, and counted no more."""
    if row.closed:
        return texts.badge("Closed", "warning")
    if row.taken < row.overlap:
        return texts.badge("Open")
    return texts.badge("Done", "good") if row.judged >= row.overlap else texts.badge("Handed out", "busy")


@admin.register(Comparison)
class ComparisonAdmin(LeadAdmin):
    list_display = ("asked", "candidates", "state", "judgments", texts.PROJECT,
                    shown("uid", texts.short, "id"))  # fmt: skip
    list_display_links = ("asked",)
    list_select_related = ("project", "prompt", "a", "b")
    list_filter = (ComparisonQuestion, ProjectFilter)
    search_fields = ("uid", "prompt__request_id")
    search_help_text = "Beginning of an id or a request id"
    empty_text = "Comparisons are made of prompts with two or more outputs, by the pairing rule of the project."
    fieldsets = fields(
        shown("uid", texts.code, "id"),
        "project",
        "state",
        "judgments",
        "priority",
        "propensity",
        shown("created_at", texts.when, "made"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        prompt = [f"prompt__{name}" for name in ("content", "tools", "metadata")]
        sides = [f"{side}__{name}" for side in "ab" for name in ("content", "model", "parameters", "metadata")]
        flagged = Exists(Flag.objects.filter(comparison=OuterRef("pk"), resolved_at=None))
        rows = rows.defer(*prompt, *sides)
        return rows.annotate(asked=texts.Excerpt("prompt__content"), flagged=flagged)

    def page(self, request: HttpRequest, row: Comparison) -> Page:
        judgments = list(
            row.judgments.select_related("chosen", "left", "event__seal", "feedback__retracted_by").order_by("pk")
        )[:ROWS_SHOWN]
        here = {"comparison__id__exact": row.pk}
        return Page(
            steps=[
                Step("Prompt", row.prompt.request_id, row_url(row.prompt)),
                Step("Candidates", "", list_url(Candidate, prompt__id__exact=row.prompt_id)),
                Step("Comparison", str(row.uid)[:8]),
                Step("Judgments", str(len(judgments)), list_url(Judgment, **here)),
                Step("Leases", str(row.assignments.count()), list_url(Assignment, **here)),
            ],
            lead=Text("Prompt", texts.spoken(row.prompt, role="user"), "", row_url(row.prompt)),
            texts=[_side(row.a, judgments), _side(row.b, judgments)],
            tables=[_judgments(judgments), _leases(row), _flags(row)],
        )

    @admin.display(description="prompt")
    def asked(self, row: Any) -> SafeString:
        flag = texts.badge("Flagged", "warning") if row.flagged else ""
        return format_html("{} {}", ASKED(row), flag)

    @admin.display(description="candidates")
    def candidates(self, row: Comparison) -> SafeString:
        return texts.versus(row.a, row.b)

    @admin.display(description="state")
    def state(self, row: Comparison) -> SafeString:
        return state(row)

    @admin.display(description="judgments")
    def judgments(self, row: Comparison) -> str:
        return f"{row.judged} of {row.overlap}"


def _side(candidate: Candidate, judgments: Sequence[Judgment]) -> Text:
    counted = [judgment for judgment in judgments if counts(judgment)]
    wins = sum(judgment.chosen_id == candidate.pk for judgment in counted)
    note = f"preferred {wins} of {len(counted)} times" if counted else "not judged yet"
    return Text(candidate.model_label, texts.spoken(candidate, role="assistant"), note, row_url(candidate))


def _judgments(judgments: Sequence[Judgment]) -> Table:
    headers = ["Judgment", "By", "Answer", "Shown left", "Took", "When", "Event", ""]
    return Table("Judgments", headers, [_judgment(judgment) for judgment in judgments], "Nobody has judged it yet.")


def _judgment(row: Judgment) -> Sequence[Any]:
    return [
        link(row, texts.short(row.uid)),
        texts.isolated(row.source_id or row.get_source_type_display()),
        answer(row),
        texts.isolated(row.left.model_label if row.left else ""),
        texts.how_long(row.duration_ms),
        texts.when(row.judged_at),
        link(row.event, position(row.event)),
        standing(row),
    ]


def _leases(row: Comparison) -> Table:
    leases = row.assignments.select_related("annotator", "left").order_by("-pk")[:ROWS_SHOWN]
    return Table(
        "Leases",
        ["Lease", "Annotator", "State", "Shown left", "Leased", "Ended", "Reason"],
        [
            [
                link(lease, texts.short(lease.uid)),
                link(lease.annotator),
                lease_state(lease),
                texts.isolated(lease.left.model_label),
                texts.when(lease.leased_at),
                texts.when(lease.ended_at),
                texts.isolated(lease.reason),
            ]
            for lease in leases
        ],
        "It has not been handed out yet.",
    )


def _flags(row: Comparison) -> Table:
    flags = row.flags.select_related("annotator")[:ROWS_SHOWN]
    return Table(
        "Flags",
        ["Flag", "Annotator", "Flagged", "Resolved"],
        [
            [link(flag), link(flag.annotator), texts.when(flag.created_at), texts.when(flag.resolved_at)]
            for flag in flags
        ],
        "Nobody has flagged it.",
    )
