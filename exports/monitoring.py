"""Figures for whoever watches an installation: snapshots by state."""

from __future__ import annotations

from django.db.models import Count

from exports.models import Snapshot


def count_snapshots() -> dict[tuple[str, str], int]:
    """Snapshots by (project, status)."""
    rows = Snapshot.objects.order_by().values_list("project__slug", "status").annotate(Count("pk"))
    return {(project, status): count for project, status, count in rows}
