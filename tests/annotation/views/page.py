"""The comparison page as a test reads it: without scripts, by the Django client."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from django.test import Client

from annotation.models import Project
from tests.world import person

SCRIPT = {"HX-Request": "true"}


@dataclass
class Shown:
    """One comparison in the HTML of a page or fragment."""

    comparison: str
    lease: str
    feedback_id: str


class Articles(HTMLParser):
    """Every comparison of an HTML text, in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Shown] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "data-comparison" in values:
            assert values["data-state"] == "saved"
            keys = ("data-comparison", "data-lease", "data-feedback")
            self.found.append(Shown(*(str(values[key]) for key in keys)))


def comparisons_in(response: Any) -> list[Shown]:
    """The comparisons of a response."""
    return Articles(response.content.decode()).found


def held_in(response: Any) -> list[str]:
    """The leases that a fragment names as held."""
    found = re.search(r'data-held="([^"]*)"', response.content.decode())
    assert found
    return found[1].split()


def sign_in(client: Client, name: str) -> Client:
    """A person of that name, made and signed in."""
    client.force_login(person(name))
    return client


def url(project: Project, action: str = "") -> str:
    """A path of a project's comparison page."""
    return f"/annotate/{project.slug}/" + (f"{action}/" if action else "")


def answer(shown: Shown, choice: str = "a", **fields: Any) -> dict[str, Any]:
    """The form that answers a shown comparison."""
    times = {"duration_ms": "2100", "active_ms": "1900"}
    return {"lease": shown.lease, "feedback_id": shown.feedback_id, "choice": choice, **times, **fields}


def other_feedback_id(shown: Shown) -> Shown:
    """The same comparison as another tab shows it."""
    return Shown(shown.comparison, shown.lease, str(uuid.uuid4()))
