"""Comparisons: which pairs people are asked about, how far they are, and where people disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action

from annotation import golds, queue, routing
from annotation.admin import texts
from annotation.admin.answers import COUNTED, answer, counts, standing
from annotation.admin.comparison_forms import ROUTE, USE_AS_GOLD, GoldForm, RouteForm
from annotation.admin.dialogs import go_to
from annotation.admin.filters import ProjectFilter, Question, QuestionFilter
from annotation.admin.lease import lease_state
from annotation.admin.page import Page, Step, Table, Text, fields, link, list_url, row_url
from annotation.admin.scope import LeadAdmin, actor
from annotation.admin.steps import position
from annotation.admin.texts import shown
from annotation.models import Assignment, Candidate, Comparison, Flag, Judgment
from annotation.models.comparison import DONE, WITH_LEAD

Kind = Comparison.Kind
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
        "leased": Question("Handed out", Q(taken=F("overlap"), judged__lt=F("overlap"), withheld=0)),
        "done": Question("Done", DONE),
        "with_lead": Question("Skipped too often", WITH_LEAD),
        "never_judged": Question("Never judged", Q(kind=Kind.PLAIN, judged=0, closed=False)),
        "closed": Question("Closed", Q(closed=True)),
        "flagged": Question("Flagged", Q(Exists(Flag.objects.filter(comparison=OuterRef("pk"), resolved_at=None)))),
        "in_disagreement": Question("In disagreement", in_disagreement()),
        "gold": Question("Golds", Q(kind=Kind.GOLD)),
        "repeat": Question("Repeats", Q(kind=Kind.REPEAT)),
    }


def state(row: Comparison) -> SafeString:
    """As the progress of a project counts it; what it does not count is closed, a gold or a repeat."""
    if row.closed:
        return texts.badge("Closed", "warning")
    if row.kind != Kind.PLAIN:
        return texts.badge(row.get_kind_display(), "busy")
    if row.withheld:
        return texts.badge("Skipped too often", "warning")
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
    actions = ("offer_again",)
    actions_detail = ("give_to", "use_as_gold")
    fieldsets = fields(
        shown("uid", texts.code, "id"),
        "project",
        "state",
        "judgments",
        "priority",
        "propensity",
        shown("repeats", link, "repeats"),
        shown("for_annotator", link, "repeated for"),
        "asked_of",
        shown("created_at", texts.when, "made"),
    )

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        prompt = [f"prompt__{name}" for name in ("content", "tools", "metadata")]
        sides = [f"{side}__{name}" for side in "ab" for name in ("content", "model", "parameters", "metadata")]
        flagged = Exists(Flag.objects.filter(comparison=OuterRef("pk"), resolved_at=None))
        rows = rows.defer(*prompt, *sides)
        return rows.annotate(asked=texts.Excerpt("prompt__content"), flagged=flagged)

    def complete(self, rows: list[Comparison]) -> list[Comparison]:
        tell_golds(rows)
        return rows

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row:
            tell_golds([row])
        return row

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
            texts=[_side(row, row.a, judgments), _side(row, row.b, judgments)],
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
    def judgments(self, row: Any) -> str:
        if row.kind == Kind.GOLD:
            judged, right = row.answers
            return f"{judged}, {100 * right // judged} % right" if judged else "0"
        return "—" if row.kind == Kind.REPEAT else f"{row.judged} of {row.overlap + row.withheld}"

    @admin.action(description="Offer again")
    def offer_again(self, request: HttpRequest, rows: QuerySet[Comparison]) -> None:
        """Gives those that were skipped too often back to the queue; the others stay as they are."""
        offered = sum(queue.offer_again(row, actor=actor(request)) for row in rows.select_related("project"))
        self.message_user(request, f"Offered {offered} again to all who have not skipped them.", messages.SUCCESS)

    @action(description="Give to…", permissions=["view"], url_path="route", icon="alt_route", dialog=ROUTE)
    def give_to(self, request: HttpRequest, form: RouteForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        requires, reserved_for = form.cleaned_data["requires"].split(","), form.cleaned_data["reserved_for"]
        try:
            routing.route(row, requires=requires, reserved_for=reserved_for, actor=actor(request))
            self.message_user(request, "Saved who is asked.", messages.SUCCESS)
        except routing.TagError as error:
            self.message_user(request, f"It is as before: {error}", messages.ERROR)
        return go_to(request, row_url(row))

    @admin.display(description="asked of")
    def asked_of(self, row: Comparison) -> SafeString | str:
        if row.reserved_for:
            return format_html("only {}", link(row.reserved_for))
        return texts.isolated(", ".join(row.requires)) if row.requires else "everybody"

    @action(description="Use as gold…", permissions=["gold"], url_path="gold", icon="verified", dialog=USE_AS_GOLD)
    def use_as_gold(self, request: HttpRequest, form: GoldForm, object_id: str) -> HttpResponse:
        row = self.get_object(request, object_id)
        try:
            golds.mark(row, row.a if form.cleaned_data["right"] == "a" else row.b, actor=actor(request))
            self.message_user(request, "It is a gold now, mixed into the work at the project’s gold rate.")
        except golds.NoGoldError as error:  # somebody was given it since the dialog was opened
            self.message_user(request, f"It is no gold: {error}.", messages.ERROR)
        return go_to(request, row_url(row))

    def has_gold_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        row = self.get_object(request, object_id) if object_id else None
        return row is not None and row.kind == Kind.PLAIN and not row.closed and not row.assignments.exists()


def tell_golds(rows: Sequence[Comparison]) -> None:
    """Sets `answers` of those that are golds: how many judgments count, and how many of them are right."""
    counted = Judgment.objects.filter(COUNTED, comparison__in=[row.pk for row in rows if row.kind == Kind.GOLD])
    of_each = counted.order_by().values_list("comparison")
    right = Count("pk", filter=Q(chosen=F("comparison__gold_chosen")))
    found = {pk: (judged, rightly) for pk, judged, rightly in of_each.annotate(n=Count("pk"), right=right)}
    for row in rows:
        row.answers = found.get(row.pk, (0, 0))  # type: ignore[attr-defined]  # for the column beside


def _side(row: Comparison, candidate: Candidate, judgments: Sequence[Judgment]) -> Text:
    counted = [judgment for judgment in judgments if counts(judgment)]
    wins = sum(judgment.chosen_id == candidate.pk for judgment in counted)
    note = f"preferred {wins} of {len(counted)} times" if counted else "not judged yet"
    if row.kind == Kind.GOLD:
        note = f"{'right' if candidate.pk == row.gold_chosen_id else 'wrong'} · {note}"
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
