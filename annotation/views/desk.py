"""What lies on an annotator's desk: the comparison to judge, those after it, and how far the work is."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, F, Min, Q
from django.utils.safestring import SafeString

from annotation import clock, progress, queue
from annotation.answers import Judged, last_answered
from annotation.models import Annotator, Assignment, GuidelineVersion, Project
from annotation.progress import AnnotatorProgress
from annotation.rendering import render_output, render_prompt, render_tools

HELD = 3  # the one on the screen and two preloaded, so that quick fingers need not wait for the server


@dataclass(frozen=True)
class Card:
    """A leased comparison as the page shows it. It names neither outputs nor models."""

    lease: uuid.UUID
    comparison: uuid.UUID
    feedback_id: uuid.UUID
    prompt: SafeString
    tools: SafeString
    left: SafeString
    right: SafeString


@dataclass(frozen=True)
class Outlook:
    """When nothing is left for an annotator: how much is with others, and when the first lease of it ends."""

    with_others: int
    returns_at: dt.datetime | None


@dataclass(frozen=True)
class Desk:
    """`held` are the leases in their order, `cards` those of them that the page does not have yet.

    `stamp` is the time in ms at which this was so: a reply that was overtaken by a newer one is not read.
    """

    project: Project
    held: list[uuid.UUID]
    cards: list[Card]
    progress: AnnotatorProgress
    last_judged: uuid.UUID | None
    guidelines: GuidelineVersion | None
    outlook: Outlook | None
    stamp: int

    @property
    def guidelines_version(self) -> int:
        return self.guidelines.version if self.guidelines else 0

    @property
    def ordinal(self) -> int:
        """“Comparison 38 of 200”."""
        return self.progress.judged + 1


def lay_out(annotator: Annotator, *, known: Collection[uuid.UUID] = (), judged: Judged | None = None) -> Desk:
    """Fill an annotator's desk from the queue; cards of `known` leases are not rendered again.

    `judged` is what was done just now; when it left the desk full, nothing has to be asked for.
    """
    is_open = annotator.project.status == Project.Status.OPEN
    if judged and judged.lease.ended_at and len(judged.held) == HELD and is_open:
        leases, moment = list(judged.held), judged.lease.ended_at
        last: Assignment | None = judged.lease
    else:
        leases, moment = _fresh_leases(annotator), clock.now()
        last = last_answered(annotator)
        annotator.refresh_from_db(fields=["judged"])
    return Desk(
        project=annotator.project,
        held=[lease.uid for lease in leases],
        cards=[_card(lease) for lease in leases if lease.uid not in known],
        progress=progress.annotator_progress(annotator),
        last_judged=last.uid if last else None,
        guidelines=annotator.project.current_guidelines(),
        outlook=None if leases else _outlook(annotator),
        stamp=int(moment.timestamp() * 1000),
    )


def _fresh_leases(annotator: Annotator) -> list[Assignment]:
    """The leases of the desk, prolonged when a good part of their time is gone.

    While the project is paused they are those that are left to be finished; once it is closed there are none.
    """
    if annotator.project.status == Project.Status.CLOSED:
        return []
    queue.keep(annotator)
    return queue.hold(annotator, count=HELD)


def _card(lease: Assignment) -> Card:
    prompt = lease.comparison.prompt
    return Card(
        lease=lease.uid,
        comparison=lease.comparison.uid,
        feedback_id=uuid.uuid4(),
        prompt=render_prompt(prompt.content),
        tools=render_tools(prompt.tools),
        left=render_output(lease.left.content),
        right=render_output(lease.right.content),
    )


def _outlook(annotator: Annotator) -> Outlook:
    own = annotator.assignments.filter(state__in=["leased", "judged", "skipped"]).values("comparison")
    others = Assignment.objects.filter(state=Assignment.State.LEASED, comparison__project=annotator.project_id)
    returning = others.filter(
        is_mixed_in=False, comparison__taken__gte=F("comparison__overlap"), comparison__withheld=0
    )
    returning = returning.exclude(comparison__in=own).filter(
        Q(comparison__requires=None) | Q(comparison__requires__contained_by=annotator.tags),
        Q(comparison__reserved_for=None) | Q(comparison__reserved_for=annotator),
    )
    counts = returning.aggregate(n=Count("comparison", distinct=True), first=Min("expires_at"))
    return Outlook(counts["n"], counts["first"])
