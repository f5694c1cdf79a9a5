"""Reading: guidelines, differences, settings, phone, hostile texts, and the page without scripts."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from annotation.models import Judgment, Project
from tests import world
from tests.annotation.person import inference, log_inferences
from tests.annotation.test_rendering import HOSTILE
from tests.browser.conftest import People
from tests.browser.person import PHONE, Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]
LONG = "\n\n".join(f"Paragraph {n} of a text that goes on for a while." for n in range(80))


@pytest.fixture
def project() -> Project:
    made = world.project("summaries", guidelines="Prefer **short** answers.")
    world.add_comparisons(made, 6, texts=("The quick brown fox jumps over it.", "The slow brown fox walks over it."))
    return made


@pytest.fixture
def alice(people: People, project: Project) -> Person:
    person = people(world.person("alice"))
    person.open()
    return person


def marked(page: Page, side: str) -> list[str]:
    return page.get_by_role("group", name=f"Response {side}").locator("mark").all_inner_texts()


def test_guidelines_come_first_and_beside_the_texts(alice: Person) -> None:
    page = alice.page
    drawer = page.get_by_role("complementary", name="Guidelines")
    expect(drawer).to_contain_text("Prefer short answers.")
    expect(alice.button("I have read them")).to_be_focused()
    with page.expect_response("**/guidelines/"):
        page.keyboard.press("Enter")
    expect(drawer).to_be_hidden()
    page.reload()
    expect(drawer).to_be_hidden()
    page.keyboard.press("g")
    expect(drawer).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()


def test_practice_saves_nothing_and_leads_to_where_one_was(alice: Person) -> None:
    page = alice.page
    seen = alice.sees()
    alice.button("Practise on one first").click()
    expect(page.get_by_role("complementary", name="Guidelines")).to_be_hidden()
    expect(page.get_by_text("Nothing of it is saved")).to_be_visible()
    expect(alice.shown()).to_have_count(0)
    page.keyboard.press("s")  # there is nothing to skip
    page.keyboard.press("a")
    expect(page.locator("#toast")).to_contain_text("A is better · practice only")
    assert alice.sees() == seen
    page.keyboard.press("?")
    alice.button("Practise").click()
    page.get_by_role("button", name="Both are bad").click()
    assert alice.press("b") == seen
    alice.until_saved()
    assert [str(judgment.assignment and judgment.assignment.uid) for judgment in Judgment.objects.all()] == [seen.lease]


def test_a_key_answers_while_the_guidelines_are_open(alice: Person) -> None:
    seen = alice.press("a")
    alice.until_saved()
    lease = Judgment.objects.get().assignment
    assert lease
    assert str(lease.uid) == seen.lease


def test_on_a_phone_nothing_is_answered_beneath_the_guidelines(people: People, project: Project) -> None:
    alice = people(world.person("alice"), **PHONE)
    page = alice.open()
    drawer = page.get_by_role("complementary", name="Guidelines")
    seen = alice.sees()
    for key in ("b", "t", "s", "u"):
        page.keyboard.press(key)
    expect(drawer).to_be_visible()
    assert alice.sees() == seen
    page.keyboard.press("g")
    expect(drawer).to_be_hidden()
    page.keyboard.press("g")
    expect(drawer).to_be_visible()
    page.keyboard.press("Escape")
    assert alice.press("b") == seen
    alice.until_saved()
    assert Judgment.objects.count() == 1


def test_differing_words_are_marked_on_both_sides(alice: Person) -> None:
    page = alice.page
    before = alice.sees()
    page.keyboard.press("d")
    assert {tuple(marked(page, "A")), tuple(marked(page, "B"))} == {("quick", "jumps"), ("slow", "walks")}
    expect(alice.button("Diff")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("d")
    assert marked(page, "A") + marked(page, "B") == []
    assert alice.sees() == before


def test_long_texts_are_compared_quickly(people: People) -> None:
    project = world.project("long")
    words = " ".join(f"w{n % 997}" for n in range(13_000))
    world.add_comparisons(project, 1, texts=(words, words.replace("w5", "v5") + " " + "x y " * 2_000))
    alice = people(world.person("alice"))
    page = alice.open("long")
    alice.sees()
    took = page.evaluate(
        """() => {
            const start = performance.now();
            document.querySelector("[data-act=diff]").click();
            return performance.now() - start;
        }"""
    )
    assert marked(page, "A")
    assert took < 2_000


def test_all_keys_are_listed(alice: Person) -> None:
    page = alice.page
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("Mark the words that differ")
    page.keyboard.press("a")
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    assert not Judgment.objects.exists()


def test_focus_and_the_live_region_follow_the_comparison(alice: Person) -> None:
    page = alice.page
    alice.press("a")
    expect(alice.shown()).to_be_focused()
    expect(page.locator("#live")).to_have_text("Comparison 2 of 6")
    alice.until_saved()
    expect(page.locator("#progress")).to_have_text("1 of 6 · 1 today")


def test_reading_settings_are_kept(alice: Person) -> None:
    page = alice.page
    text = page.get_by_role("group", name="Response A").locator("p").first
    size = text.evaluate("it => getComputedStyle(it).fontSize")
    page.get_by_role("button", name="Reading settings").click()
    page.get_by_text("XL", exact=True).click()
    page.locator("#reading").get_by_text("Dark", exact=True).click()
    page.reload()
    assert text.evaluate("it => getComputedStyle(it).fontSize") > size
    assert page.evaluate("() => getComputedStyle(document.body).colorScheme") == "dark"


def test_both_texts_scroll_together_when_asked(people: People) -> None:
    world.add_comparisons(world.project("long"), 1, texts=(LONG, LONG))
    alice = people(world.person("alice"))
    page = alice.open("long")
    left, right = (page.get_by_role("group", name=f"Response {side}") for side in "AB")
    left.evaluate("it => it.scrollTo(0, 300)")
    page.wait_for_timeout(100)
    assert right.evaluate("it => it.scrollTop") == 0
    page.get_by_role("button", name="Reading settings").click()
    page.get_by_label("Scroll both together").check()
    left.evaluate("it => it.scrollTo(0, 400)")
    page.wait_for_timeout(100)
    assert right.evaluate("it => it.scrollTop") == 400


def test_both_panes_are_alike_whatever_stands_in_them(people: People) -> None:
    world.add_comparisons(world.project("uneven"), 1, texts=(LONG, "Short."))
    alice = people(world.person("alice"))
    page = alice.open("uneven")
    boxes = [page.get_by_role("group", name=f"Response {side}").bounding_box() for side in "AB"]
    assert boxes[0]
    assert boxes[1]
    assert (boxes[0]["width"], boxes[0]["height"]) == (boxes[1]["width"], boxes[1]["height"])


def test_on_a_phone_two_tabs_and_answers_in_reach(people: People) -> None:
    world.add_comparisons(world.project("long", scale="strength7"), 3, texts=(LONG, LONG))
    alice = people(world.person("alice"), **PHONE)
    page = alice.open("long")
    left, right = (page.get_by_role("group", name=f"Response {side}") for side in "AB")
    expect(left).to_be_in_viewport()
    expect(right).not_to_be_in_viewport()
    page.locator("[data-tab='1']").tap()
    expect(right).to_be_in_viewport(ratio=0.9)
    expect(left).not_to_be_in_viewport()
    expect(page.locator("[data-tab='1']")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-tab='1'] .read")).to_be_hidden()
    right.evaluate("it => it.scrollTo(0, it.scrollHeight)")
    expect(page.locator("[data-tab='1'] .read")).to_be_visible()
    page.locator(".panes").evaluate("it => it.scrollTo(0, 0)")  # as a swipe does
    expect(page.locator("[data-tab='0']")).to_have_attribute("aria-pressed", "true")
    for choice in page.locator(".choice").all():
        box = choice.bounding_box()
        assert box
        assert box["y"] > 844 / 2
        assert box["height"] >= 44
    seen = alice.sees()
    alice.button("B is slightly better").tap()
    alice.until_gone(seen)
    alice.until_saved()
    assert Judgment.objects.get().strength == 1
    page.locator("#toast").get_by_text("Undo").tap()
    page.wait_for_function("it => document.querySelector('[data-lease]')?.dataset.lease === it", arg=seen.lease)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390


WIDE = {
    "code": f"Fix it:\n\n```python\n{'total = total + value  # ' * 15}\n```",
    "table": "\n".join(["|" + " measured |" * 12, "|" + "---|" * 12, "|" + " 12,345.67 |" * 12]),
    "word": "Donaudampfschifffahrtsgesellschaftskapitän" * 3 + " `annotation.intake.formats.label_studio.LABEL_STUDIO`",
    "formula": "$$x" + "+x^2" * 100 + "$$",
    "picture": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x," + "x" * 400}}]}],
}


@pytest.mark.parametrize("window", [{"viewport": {"width": 1400, "height": 900}}, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("wide", WIDE)
def test_a_wide_prompt_leaves_both_outputs_in_sight(people: People, wide: str, window: dict[str, Any]) -> None:
    project = world.project("wide")
    log_inferences(project, inference("wide", prompt=WIDE[wide]))
    person = people(world.person("alice"), **window)
    page = person.open("wide")
    person.sees()
    wanted = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert wanted[0] <= wanted[1]
    pane = page.get_by_role("group", name="Response A").bounding_box()
    assert pane
    assert pane["width"] <= window["viewport"]["width"]


def test_the_prompt_folds(alice: Person) -> None:
    page = alice.page
    fold = page.get_by_role("button", name="Prompt", exact=True)
    expect(fold).to_have_attribute("aria-expanded", "true")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "false")
    alice.press("a")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.click()
    expect(fold).to_have_attribute("aria-expanded", "true")


def test_hostile_texts_run_nothing_and_stay_in_their_panel(people: People) -> None:
    project = world.project("hostile")
    for start in range(0, len(HOSTILE) - 1, 2):
        world.add_comparisons(
            project, 1, texts=(HOSTILE[start].replace("\x00", ""), HOSTILE[start + 1].replace("\x00", ""))
        )
    alice = people(world.person("alice"))
    page = alice.open("hostile")
    for _ in range(len(HOSTILE) // 2):
        alice.sees()
        assert page.locator("#stage script, #stage iframe, #stage input, #stage img, #stage form").count() == 0
        assert page.locator(".pane").count() == 2
        alice.press("s")
    alice.until_saved()  # what went wrong meanwhile fails the test when the window is closed


def test_everything_works_without_scripts(people: People, project: Project) -> None:
    alice = people(world.person("alice"), java_script_enabled=False)
    page = alice.open()
    alice.button("I have read them").click()
    seen = alice.sees()
    alice.button("B is better").click()
    expect(page.locator("#toast")).to_contain_text("B is better")
    second = alice.sees()
    assert second.comparison != seen.comparison
    judgment = Judgment.objects.get()
    assert judgment.chosen == judgment.right
    assert judgment.duration_ms
    alice.button("Undo").click()
    assert alice.sees() == seen
    alice.button("Skip").click()
    assert alice.sees() == second
    alice.button("Flag").click()
    page.get_by_label("It is harmful").check()
    alice.button("Send").click()
    expect(page.locator("#toast")).to_contain_text("Flagged for the lead")
    assert alice.sees() == second
    alice.button("Guidelines").click()
    expect(page.get_by_role("main")).to_contain_text("Prefer short answers.")
    alice.button("Back to the comparisons").click()
    assert alice.sees() == second
    alice.button("Tie").click()
    assert Judgment.objects.filter(feedback__retracted_by=None).get().outcome == "tie"
