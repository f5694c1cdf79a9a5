"""What a dashboard tells of judgments: do people agree, who should be talked to, who wins, is something leaning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from annotation import votes
from annotation.analysis.annotators import Flag, Work, flags_of
from annotation.analysis.battles import Battles
from annotation.analysis.bias import Alert, Name, Period, alerts, leaning
from annotation.analysis.chances import share
from annotation.analysis.leaderboard import Entry, rate
from annotation.models import Project
from annotation.recent import recent
from annotation.views.gate import for_leads, wants_fragments
from annotation.votes import Agreed, Asked, TooLongError

PARTS_SHOWN, ANNOTATORS_SHOWN, MODELS_SHOWN, PERIODS_SHOWN = 8, 20, 30, 26
HEIGHT = 20  # of the plot of weeks, as in its template
# Biases that have a column of their own.
SHOWN: tuple[Name, ...] = ("position", "length", "formatting")

REMARKS: dict[Flag, str] = {
    "fails_golds": "fails golds",
    "leans_to_a_side": "leans to a side",
    "prefers_longer": "prefers longer answers",
    "fast": "very fast",
    "mostly_ties": "mostly ties",
    "inconsistent": "judges repeats otherwise",
    "disagrees": "often disagrees",
}
LEANINGS: dict[Name, tuple[str, str]] = {
    "position": ("the left output wins", "the right output wins"),
    "length": ("the longer output wins", "the shorter output wins"),
    "formatting": ("the output with more Markdown wins", "the output with less Markdown wins"),
    "speed": ("the left output wins in very fast judgments", "the right output wins in very fast judgments"),
}


@dataclass(frozen=True)
class Interval:
    """A rating with its interval, as places from 0 to 100 across the plot."""

    entry: Entry
    low: float
    middle: float
    high: float


@require_safe
@for_leads
def analysis(request: HttpRequest, project: Project) -> HttpResponse:
    """The figures; for the dashboard's own script alone, for others as a page."""
    try:
        context = recent(project, "analysis", {}, lambda: _context(project))
    except TooLongError:
        context = {"too_long": True}
    template = "annotation/_analysis.html" if wants_fragments(request) else "annotation/analysis.html"
    return render(request, template, {"project": project, **context})


def _context(project: Project) -> dict[str, Any]:
    asked = Asked()
    works = votes.work(project, asked)
    # Who stands out first, and otherwise whoever judged most.
    flagged = sorted(zip(works, flags_of(works), strict=True), key=lambda pair: not pair[1])
    board = rate(Battles.of(votes.meetings(project, asked), both_bad="tie"))
    periods = votes.periods(project, asked, period="week")
    rated = [entry for entry in board.entries if entry.rated.rating is not None]
    return {
        "agreement": _tell_agreement(votes.agreement(project, asked)),
        "remarkable": sum(bool(flags) for _, flags in flagged),
        "annotators": [_describe(*pair) for pair in flagged[:ANNOTATORS_SHOWN]],
        "unshown": max(len(works) - ANNOTATORS_SHOWN, 0),
        "winner": _tell_winner(rated),
        "intervals": _intervals(rated[:MODELS_SHOWN]),
        "models_unshown": max(len(rated) - MODELS_SHOWN, 0),
        "unrated": len(board.entries) - len(rated),
        "leanings": [_tell_alert(alert) for alert in alerts(periods)],
        "periods": [_describe_period(period) for period in periods[-PERIODS_SHOWN:]],
        "course": _course(periods[-PERIODS_SHOWN:]),
    }


def _percent(part: float | None) -> str:
    return "–" if part is None else f"{100 * part:.0f} %"


def _tell_agreement(agreed: Agreed) -> dict[str, Any]:
    """One sentence on agreement, and the figures of each part."""
    whole = agreed.whole
    return {
        "percent": _percent(whole.percent) if whole.items else None,
        "items": whole.items,
        "raters": agreed.raters,
        "alpha": whole.alpha_nominal,
        "low": whole.ci_low,
        "high": whole.ci_high,
        "parts": [
            {"name": name, "items": part.items, "percent": _percent(part.percent), "alpha": part.alpha_nominal}
            for parts in agreed.by.values()
            for name, part in list(parts.items())[:PARTS_SHOWN]
            if len(parts) > 1
        ],
    }


def _describe(work: Work, flags: Sequence[Flag]) -> dict[str, Any]:
    return {
        "name": work.name,
        "judgments": work.judgments,
        "agreement": _percent(share(work.agreed, work.compared)),
        "golds": _percent(share(work.golds_right, work.golds)),
        "left": _percent(share(work.left, work.left + work.right)),
        "longer": _percent(share(work.longer, work.longer + work.shorter)),
        "ties": _percent(share(work.ties + work.both_bad, work.judgments)),
        "seconds": work.median_seconds,
        "remarks": ", ".join(REMARKS[flag] for flag in flags),
    }


def _tell_winner(rated: Sequence[Entry]) -> dict[str, Any] | None:
    """Who leads, and whether that is sure."""
    if not rated:
        return None
    best = rated[0]
    return {
        "name": best.model.label,
        "rating": best.rated.rating,
        "sure": best.rated.rank_high == 1 and not best.rated.provisional,
        "close": sum(entry.rated.rank_low == 1 for entry in rated) - 1,
    }


def _intervals(rated: Sequence[Entry]) -> list[Interval]:
    lows = [entry.rated.ci_low or 0.0 for entry in rated]
    highs = [entry.rated.ci_high or 0.0 for entry in rated]
    if not rated:
        return []
    start, width = min(lows), max(max(highs) - min(lows), 1.0)

    def place(value: float) -> float:
        return round(100 * (value - start) / width, 2)

    return [
        Interval(entry, place(low), place(entry.rated.rating or 0.0), place(high))
        for entry, low, high in zip(rated, lows, highs, strict=True)
    ]


def _tell_alert(alert: Alert) -> dict[str, Any]:
    """A leaning in words: what happens too often, how often, since when."""
    one, other = LEANINGS[alert.bias]
    return {"what": one if alert.size > 0 else other, "percent": _percent(0.5 + abs(alert.size)), "since": alert.since}


def _describe_period(period: Period) -> dict[str, Any]:
    rates: dict[str, str] = {name: _percent(leaning([period], name).rate) for name in SHOWN}
    return {"since": period.since, "judgments": period.judgments, "seconds": period.median_seconds, **rates}


def _course(periods: Sequence[Period]) -> str:
    """How often the left output won in each period that tells, as points across a plot; empty of fewer than two."""
    if len(periods) < 2:
        return ""
    width = 100 / (len(periods) - 1)
    rates = [(n, leaning([period], "position").rate) for n, period in enumerate(periods)]
    return " ".join(f"{width * n:.2f},{HEIGHT * (1 - rate):.2f}" for n, rate in rates if rate is not None)
