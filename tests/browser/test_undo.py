"""Taking an answer back while the connection is gone, or while nobody knows whether the answer arrived."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from annotation.models import Judgment
from tests.browser.network import judged, until_state
from tests.browser.person import Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def lose_replies(page: Page) -> None:
    """Judgments arrive, and what the server says of them does not."""

    def arrive(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/judge/", arrive)


def test_undo_of_an_unsent_answer_needs_no_connection(alice: Person) -> None:
    page = alice.page
    page.context.set_offline(True)
    first = alice.press("a")
    until_state(page, "offline")
    page.keyboard.press("u")
    assert alice.sees() == first
    until_state(page, "saved")  # nothing waits any more
    expect(page.locator("#status")).to_have_text("Saved ✓")
    alice.press("b")
    page.context.set_offline(False)
    alice.until_saved()
    assert judged() == [first.lease]
    judgment = Judgment.objects.get()
    assert judgment.chosen == judgment.right


def test_undo_of_an_answer_whose_reply_was_lost_takes_it_back(alice: Person) -> None:
    page = alice.page
    lose_replies(page)
    first = alice.press("a")
    until_state(page, "offline")
    assert judged() == [first.lease]
    page.keyboard.press("u")
    assert alice.sees() == first
    alice.press("b")
    page.unroute_all(behavior="wait")
    alice.until_saved()
    assert judged() == [first.lease]
    before, now = Judgment.objects.order_by("pk")
    assert (before.chosen, now.chosen) == (before.left, now.right)


def test_such_an_undo_outlives_the_page(alice: Person) -> None:
    page = alice.page
    lose_replies(page)
    first = alice.press("a")
    until_state(page, "offline")
    page.keyboard.press("u")
    assert alice.sees() == first
    page.unroute_all(behavior="wait")
    page.reload()
    alice.until_saved()
    assert judged() == []
    assert alice.sees() == first


def test_undo_without_connection_says_so_and_changes_nothing(alice: Person) -> None:
    page = alice.page
    first = alice.press("a")
    alice.until_saved()
    page.context.set_offline(True)
    second = alice.sees()
    page.keyboard.press("u")
    expect(page.locator("#toast")).to_contain_text("Undo needs the connection")
    assert alice.sees() == second
    page.context.set_offline(False)
    page.keyboard.press("u")
    alice.until_gone(second)
    assert alice.sees() == first
    assert judged() == []
