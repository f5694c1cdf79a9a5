"""What an annotator does with a comparison: judge, skip, flag, undo. Forms work without scripts."""

from __future__ import annotations

import datetime as dt
import uuid

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from annotation import answers, clock, queue
from annotation.models import Annotator, Assignment, Flag
from annotation.scales import CHOICES
from annotation.views.desk import HELD, lay_out
from annotation.views.gate import for_annotators, wants_fragments
from annotation.views.reasons import FLAG_REASONS, SKIP_REASONS
from annotation.views.replies import answer_page, posted_ids, why_lost

LONGEST_MS = 2**31 - 1
ALREADY_ANSWERED = (
    "You had already answered this comparison, and that answer stands. To change it, undo it and answer again."
)
NOT_SAVED = "This answer was not saved, for it came under the id of another one. Please answer again."
NOT_THE_LAST = (
    "Nothing was taken back: this was not your last answer any more, perhaps because you went on in another tab. "
    "Undo again takes back the last one."
)
CLOSED = "Nothing was taken back: the project is closed, so you could not answer it again. Your answer stands."
WITH_OTHERS = "Taken back. Your answer had come too late, and others have the comparison now, so it stays with them."


class LeaseForm(forms.Form):
    """Which lease is meant, and why: an offered reason or one's own words; both may be left out."""

    lease = forms.UUIDField()
    reason = forms.CharField(required=False, max_length=500)
    other = forms.CharField(required=False, max_length=500)

    @property
    def why(self) -> str:
        return str(self.cleaned_data["other"] or self.cleaned_data["reason"])


class AnswerForm(forms.Form):
    """One judgment of the page. Times in milliseconds; without scripts only `shown_at` (of the clock) is there.

    `guidelines` is the version that was shown, `ago_ms` how long the answer has waited to be sent.
    """

    lease = forms.UUIDField()
    choice = forms.CharField()
    feedback_id = forms.UUIDField()
    duration_ms = forms.FloatField(required=False)
    active_ms = forms.FloatField(required=False)
    shown_at = forms.FloatField(required=False)
    guidelines = forms.IntegerField(required=False, min_value=0)
    ago_ms = forms.FloatField(required=False)


@require_POST
@for_annotators
def judge(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Record a judgment; the same again changes nothing."""
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _bad_request(form)
    answer = form.cleaned_data
    try:
        choice = CHOICES[answer["choice"]]
    except KeyError:
        return HttpResponseBadRequest("There is no such answer.", content_type="text/plain")
    lease = answer["lease"]
    duration = _milliseconds(answer["duration_ms"]) or _since_shown(annotator, lease, answer["shown_at"])
    active = _milliseconds(answer["active_ms"])
    try:
        judged = answers.judge(
            annotator,
            lease,
            choice,
            feedback_id=str(answer["feedback_id"]),
            duration_ms=duration,
            active_ms=min(active, duration) if active is not None else None,
            guidelines=answer["guidelines"],
            ago=dt.timedelta(milliseconds=_milliseconds(answer["ago_ms"]) or 0),
            hold=HELD if wants_fragments(request) else 0,
            known=posted_ids(request, "known"),
        )
    except answers.UnknownGuidelinesError:
        return HttpResponseBadRequest("guidelines: there is no such version.", content_type="text/plain")
    except answers.AnsweredOtherwiseError:
        return _refuse(request, annotator, ALREADY_ANSWERED)
    except answers.FeedbackConflictError:
        return _refuse(request, annotator, NOT_SAVED)
    except queue.LeaseLostError:
        return _refuse(request, annotator, why_lost(annotator, [lease]))
    return _done(request, annotator, choice.label, judged=judged)


@require_http_methods(["GET", "HEAD", "POST"])
@for_annotators
def skip(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Skip for good; GET asks for a reason first."""
    if request.method != "POST":
        return _ask_reason(request, annotator, "skip", SKIP_REASONS)
    form = LeaseForm(request.POST)
    if not form.is_valid():
        return _bad_request(form)
    lease = form.cleaned_data["lease"]
    try:
        queue.skip(annotator, lease, reason=form.why)
    except queue.LeaseLostError:
        if not annotator.assignments.filter(uid=lease, state=Assignment.State.SKIPPED).exists():
            return _refuse(request, annotator, why_lost(annotator, [lease]))
    return _done(request, annotator, "Skipped")


@require_http_methods(["GET", "HEAD", "POST"])
@for_annotators
def flag(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Tell the lead that something is wrong with a comparison, which stays on the page; GET asks for a reason first."""
    if request.method != "POST":
        return _ask_reason(request, annotator, "flag", FLAG_REASONS)
    form = LeaseForm(request.POST)
    if not form.is_valid():
        return _bad_request(form)
    lease, reason = form.cleaned_data["lease"], form.why
    said = Flag.objects.filter(annotator=annotator, comparison__assignments__uid=lease, reason=reason, resolved_at=None)
    if not said.exists():
        try:
            queue.flag(annotator, lease, reason=reason)
        except queue.LeaseLostError:
            return _refuse(request, annotator, why_lost(annotator, [lease]))
    return _done(request, annotator, "Flagged for the lead")


@require_POST
@for_annotators
def undo(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Take the last judgment back. `last` names the lease that the page means, so that asking twice takes back one."""
    meant = posted_ids(request, "last")
    if not meant:
        return _refuse(request, annotator, "There was nothing to take back.")
    try:
        taken_back = answers.undo(annotator, meant=meant[0], room=HELD)
    except answers.ProjectClosedError:
        return _refuse(request, annotator, CLOSED)
    except answers.NothingToUndoError:
        return _refuse(request, annotator, NOT_THE_LAST)
    if taken_back.state != Assignment.State.LEASED:
        return _done(request, annotator, WITH_OTHERS, notice=WITH_OTHERS)
    return _done(request, annotator, "Taken back", show=taken_back.uid)


def _done(
    request: HttpRequest,
    annotator: Annotator,
    said: str,
    *,
    judged: answers.Judged | None = None,
    notice: str = "",
    show: uuid.UUID | None = None,
) -> HttpResponse:
    if not wants_fragments(request):
        messages.success(request, said)
        return redirect(annotator.project)
    desk = lay_out(annotator, known=posted_ids(request, "known"), judged=judged)
    return answer_page(request, desk, notice=notice, show=show)


def _refuse(request: HttpRequest, annotator: Annotator, why: str) -> HttpResponse:
    if not wants_fragments(request):
        messages.warning(request, why)
        return redirect(annotator.project)
    response = answer_page(request, lay_out(annotator, known=posted_ids(request, "known")), notice=why)
    response.status_code = 409
    return response


def _ask_reason(request: HttpRequest, annotator: Annotator, action: str, reasons: tuple[str, ...]) -> HttpResponse:
    form = LeaseForm(request.GET)
    if not form.is_valid():
        return _bad_request(form)
    context = {"project": annotator.project, "action": action, "reasons": reasons, "lease": form.cleaned_data["lease"]}
    return render(request, "annotation/reason.html", context)


def _bad_request(form: forms.Form) -> HttpResponse:
    field, errors = next(iter(form.errors.items()))
    return HttpResponseBadRequest(f"{field}: {errors[0]}", content_type="text/plain")


def _milliseconds(value: float | None) -> int | None:
    """A whole number that fits its column; None for what cannot be a duration."""
    return int(min(max(round(value), 1), LONGEST_MS)) if value is not None and value > 0 else None


def _since_shown(annotator: Annotator, lease: uuid.UUID, page_made: float | None) -> int:
    """Without scripts: milliseconds since the page was made or, when it does not say so, since the lease was taken."""
    now = clock.now()
    leased_at = annotator.assignments.filter(uid=lease).values_list("leased_at", flat=True).first() or now
    shown = max(leased_at.timestamp() * 1000, page_made or 0)
    return _milliseconds(now.timestamp() * 1000 - shown) or 1
