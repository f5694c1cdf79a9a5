"""Critics that are ordered, and let work."""

from __future__ import annotations

from annotation.critic import runs, work
from annotation.critic.runs import Order

PRINCIPLES = ["Prefer what is in.", "Prefer what is short."]


def ordered(model, project, **terms):
    terms = {"name": "critic", "principles": PRINCIPLES, **terms}
    return runs.request(project, Order(model.url, "judge", **terms), actor="test")


def run(model, project, **terms):
    """Order a critic, and let it work to the end."""
    made = ordered(model, project, **terms)
    work.work(made.pk, turn=None)
    made.refresh_from_db()
    return made
