"""What has reached the server, and what an open page says of that."""

from __future__ import annotations

from playwright.sync_api import Page

from annotation.models import Judgment


def judged() -> list[str]:
    """The leases that were judged and not taken back, in the order of arrival."""
    current = Judgment.objects.filter(feedback__retracted_by=None).order_by("pk")
    return [str(judgment.assignment.uid) for judgment in current if judgment.assignment]


def until_state(page: Page, state: str) -> None:
    page.wait_for_function("it => document.querySelector('[data-state]')?.dataset.state === it", arg=state)
