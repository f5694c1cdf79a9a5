"""A person at the comparison page in a real browser, watched for everything that must never happen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.person import ANSWER_SECONDS, Person

if TYPE_CHECKING:
    # This module is imported before Django is set up.
    from django.contrib.auth.models import User

    from annotation.models import Project


expect.set_options(timeout=ANSWER_SECONDS * 1000)  # the machine may be busy


class People:
    """Opens browsers for people; `watch` fails the test when a page did what none may do."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser = browser
        self.base = base
        self.opened: list[Person] = []

    def __call__(self, user: User, **context: Any) -> Person:
        """A signed-in person with a browser window of their own; `context` as Playwright has it."""
        person = Person(self.browser, self.base, user, **context)
        self.opened.append(person)
        return person

    def watch(self) -> None:
        """Close all windows; no script failed, nothing popped up, nothing was asked of other servers."""
        for person in self.opened:
            person.leave()
            assert person.trouble == []


@pytest.fixture
def people(served: str, browser: Browser) -> Iterator[People]:
    """Opens windows for people."""
    people = People(browser, served)
    yield people
    people.watch()


@pytest.fixture
def project() -> Project:
    """A project with more comparisons than a test answers."""
    from tests import world  # noqa: PLC0415 - it wants Django set up

    return world.project("summaries", comparisons=12)


@pytest.fixture
def alice(people: People, project: Project) -> Person:
    """A person at the comparison page of that project, with the next comparisons at hand."""
    from tests import world  # noqa: PLC0415 - as above

    person = people(world.person("alice"))
    person.open()
    person.until_preloaded()
    return person
