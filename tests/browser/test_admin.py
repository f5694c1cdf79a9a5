"""The admin in a real browser: nothing is refused by its policy or fetched from elsewhere, and its buttons work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from annotation.models import Assignment, Project
from exports.models import Snapshot
from exports.pipeline import publish
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import list_path, page_path
from tests.browser.person import PHONE, Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

TOO_WIDE = """
[...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(one => `${one.tagName}.${one.className}`).slice(-5)
"""


@pytest.fixture
def scene(served: str) -> scenery.Scenery:
    return scenery.build()


@pytest.fixture
def lena(scene: scenery.Scenery, served: str, browser: Browser) -> Iterator[Person]:
    person = Person(browser, served, scene.lena)
    yield person
    person.page.context.close()
    assert person.trouble == []


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere_and_break_no_policy(scene, lena, served, browser):
    paths = ["/admin/", *(page_path(row) for row in (scene.disputed, scene.project, scene.held, scene.key))]
    paths += [list_path("annotation_comparison"), list_path("exports_snapshot"), "/admin/annotation/apikey/add/"]
    phone = Person(browser, served, scene.lena, color_scheme="dark", **PHONE)
    for person in (lena, phone):
        for path in paths:
            person.page.goto(f"{served}{path}")
            person.page.wait_for_load_state("networkidle")
            assert person.page.evaluate("document.fonts.check('16px Inter')"), "the theme's own font"
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert person.page.evaluate(wide) <= 0, f"{path} is wider than the screen: {person.page.evaluate(TOO_WIDE)}"
    phone.page.context.close()
    assert phone.trouble == []


def test_a_project_is_paused_and_reopened_by_dialogs(scene, lena, served):
    lena.page.goto(f"{served}{page_path(scene.project)}")
    for word, other, status in (("Pause", "Reopen", "paused"), ("Reopen", "Pause", "open")):
        lena.page.get_by_role("link", name=word).click()
        lena.page.get_by_role("button", name=word).click()
        expect(lena.page.get_by_role("link", name=other)).to_be_visible()
        assert Project.objects.get().status == status


def test_building_a_snapshot_shows_how_far_it_is(scene, lena, served):
    lena.page.goto(f"{served}{list_path('exports_snapshot')}")
    lena.page.get_by_role("link", name="Build snapshot").click()
    lena.page.get_by_role("button", name="Build snapshot").click()
    expect(lena.page.get_by_text("This field is required")).to_be_visible()
    lena.page.locator("#dialog").get_by_label("Project").select_option("summaries")
    lena.page.locator("#dialog").get_by_label("battles").check()
    lena.page.get_by_role("button", name="Build snapshot").click()
    expect(lena.page.get_by_text("Queued")).to_be_visible()
    publish.beat(publish.claim(Snapshot.objects.get().pk), 0.4)
    expect(lena.page.get_by_text("40 %")).to_be_visible()
    publish.cancel(Snapshot.objects.get(), actor="test")
    expect(lena.page.get_by_text("Cancelled")).to_be_visible()


def test_a_lease_is_found_by_its_question_and_released(scene, lena, served):
    lena.page.goto(f"{served}{list_path('annotation_assignment')}")
    lena.page.get_by_role("link", name="Live").click()
    lena.page.locator("input.action-select").check()
    lena.page.locator("select[name=action]").select_option("Release")
    lena.page.get_by_role("button", name="Run").click()
    expect(lena.page.get_by_text("Released 1 of the chosen leases.")).to_be_visible()
    assert Assignment.objects.get(pk=scene.held.pk).state == "released"


def test_filters_are_applied_from_the_sheet(scene, lena, served):
    lena.page.goto(f"{served}{list_path('annotation_comparison')}")
    lena.page.locator("#changelist a", has_text="Filters").click()
    lena.page.locator("#changelist-filter").get_by_label("In disagreement").check()
    lena.page.locator("#changelist-filter").get_by_role("button", name="Apply").click()
    expect(lena.page.locator("#result_list tbody")).to_have_count(1)
    assert "show=in_disagreement" in lena.page.url
