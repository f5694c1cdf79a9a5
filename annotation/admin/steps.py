"""The last stations on the way of the data, which every fact shares: its event, the seal, the snapshots after it."""

from __future__ import annotations

from django.utils import timezone
from django.utils.safestring import SafeString

from annotation.admin.page import Step, link, list_url, row_url
from annotation.models import Event


def event_steps(event_id: int) -> list[Step]:
    """The event of a fact, by its place in the log, and the snapshots that have seen it."""
    event = Event.objects.select_related("seal", "project").defer("payload").get(pk=event_id)
    return [Step("Event", position(event), row_url(event)), *snapshot_steps(event)]


def snapshot_steps(event: Event) -> list[Step]:
    """The snapshots whose watermark has reached an event; none before it is sealed."""
    seal = getattr(event, "seal", None)
    if seal is None or event.project is None:
        return []
    seen = list_url("exports_snapshot", project=event.project.slug, watermark__gte=seal.position)
    return [Step("Snapshots", f"from position {seal.position} on", seen)]


def erased(erasure: Event | None) -> SafeString | str:
    """When a row was erased, with the event that did it."""
    return link(erasure, f"on {timezone.localtime(erasure.at):%B %-d, %Y}") if erasure else "—"


def position(event: Event) -> str:
    """Where an event stands in its chain."""
    seal = getattr(event, "seal", None)
    return f"position {seal.position}" if seal else "waits for its seal"
