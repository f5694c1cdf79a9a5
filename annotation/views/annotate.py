"""The comparison page, and what keeps it supplied: next, renew, release, guidelines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from annotation import queue
from annotation.models import Annotator, GuidelineVersion, Judgment
from annotation.rendering import render_markdown
from annotation.views.desk import lay_out
from annotation.views.gate import for_annotators, wants_fragments
from annotation.views.practice import practice_card
from annotation.views.reasons import FLAG_REASONS, SKIP_REASONS
from annotation.views.replies import ERASED, answer_page, posted_ids, why_lost


@require_safe
@for_annotators
def annotate(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """The page: the current comparison, the next ones preloaded, the answers."""
    desk = lay_out(annotator)
    context = {
        "desk": desk,
        "project": annotator.project,
        "scale": annotator.project.answer_scale,
        "current": desk.cards[0] if desk.cards else None,
        "waiting": desk.cards[1:],
        "guidelines": _rendered(desk.guidelines),
        "guidelines_first": not _has_seen(request, annotator, desk.guidelines),
        "flag_reasons": FLAG_REASONS,
        "skip_reasons": SKIP_REASONS,
        "practice": practice_card(),
        "shown_at": desk.stamp,
        "page": queue.open_page(annotator),
    }
    return render(request, "annotation/annotate.html", context)


@require_POST
@for_annotators
def next_comparisons(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Supply the page when it has run out, or when work may have come back."""
    return answer_page(request, lay_out(annotator, known=posted_ids(request, "known")))


@require_POST
@for_annotators
def renew(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Prolong the leases of an open page; when one is lost, say what is held now."""
    lost = []
    leases = posted_ids(request, "lease")
    for lease in leases:
        try:
            queue.renew(annotator, lease)
        except queue.LeaseLostError:
            lost.append(lease)
    if not lost:
        return HttpResponse(status=204)
    why = why_lost(annotator, lost)
    # Of the others the page has words of its own.
    return answer_page(request, lay_out(annotator, known=leases), notice=why if why == ERASED else "")


@require_POST
@for_annotators
def release(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """Give back what a page had preloaded when it is left."""
    for page in posted_ids(request, "page")[:1]:
        queue.leave_page(annotator, page, posted_ids(request, "lease"))
    return HttpResponse(status=204)


@require_http_methods(["GET", "HEAD", "POST"])
@for_annotators
def guidelines(request: HttpRequest, annotator: Annotator) -> HttpResponse:
    """The guidelines as a page of their own or a fragment; POST: they have been read."""
    current = annotator.project.current_guidelines()
    if request.method == "POST":
        request.session[_seen_key(annotator)] = current.version if current else 0
        return HttpResponse(status=204) if wants_fragments(request) else redirect(annotator.project)
    template = "annotation/_guidelines.html" if wants_fragments(request) else "annotation/guidelines.html"
    response = render(request, template, {"project": annotator.project, "guidelines": _rendered(current)})
    response["Guidelines-Version"] = current.version if current else 0
    return response


def _rendered(guidelines: GuidelineVersion | None) -> str:
    return render_markdown(guidelines.text) if guidelines and guidelines.text else ""


def _seen_key(annotator: Annotator) -> str:
    return f"guidelines:{annotator.project.uid}"


def _has_seen(request: HttpRequest, annotator: Annotator, guidelines: GuidelineVersion | None) -> bool:
    """Whether this person closed these guidelines in this session, or has judged by them already."""
    if guidelines is None or not guidelines.text:
        return True
    if request.session.get(_seen_key(annotator)) == guidelines.version:
        return True
    return Judgment.objects.filter(assignment__annotator=annotator, guidelines=guidelines).exists()
