"""Judging with keys and buttons: one press is one judgment, and exactly those arrive."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Route, expect

from annotation import canonical
from annotation.models import Assignment, Candidate, Flag, Judgment, Project
from tests import world
from tests.browser.conftest import People
from tests.browser.person import Person, Seen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PLAIN_KEYS = ["a", "b", "t", "x", "ArrowLeft", "ArrowRight", "a", "b", "t", "x"]
STRENGTH_KEYS = {"1": ("left", 3), "a": ("left", 2), "4": (None, None), "5": ("right", 1), "7": ("right", 3)}
SIDES = {"a": "left", "ArrowLeft": "left", "b": "right", "ArrowRight": "right"}


@pytest.fixture
def project() -> Project:
    return world.project("summaries", comparisons=16)


def counted() -> list[Judgment]:
    current = Judgment.objects.filter(feedback__retracted_by=None)
    return list(current.select_related("left", "right", "chosen", "assignment"))


def assert_recorded(judgment: Judgment, seen: Seen, side: str | None) -> None:
    """A judgment says what was on the screen and which side was picked."""
    left, right, lease = judgment.left, judgment.right, judgment.assignment
    assert left is not None
    assert right is not None
    assert lease is not None
    assert (str(lease.comparison.uid), str(lease.uid)) == (seen.comparison, seen.lease)
    assert (left.content, right.content) == (seen.left, seen.right)
    body = judgment.feedback.body
    assert body["presented"] == [left.output_id, right.output_id]
    assert body["digests"] == {one.output_id: canonical.output_digest(one.content) for one in (left, right)}
    assert judgment.chosen == {"left": left, "right": right, None: None}[side]
    assert judgment.source_type == "human"
    assert judgment.duration_ms is not None
    assert judgment.duration_ms > 0


def sign_in(person: Person) -> None:
    page = person.page
    page.goto(f"{person.base}/")
    page.locator("input[name=login]").fill(person.user.username)
    page.locator("input[name=password]").fill(world.PASSWORD)
    page.locator("form:has(input[type=password]) button[type=submit]").click()
    page.wait_for_url(f"{person.base}/")


def test_ten_keys_on_the_plain_scale_and_five_on_the_other(people: People, project: Project) -> None:
    world.project("fine", comparisons=7, scale="strength7", name="Fine")
    alice = people(world.person("alice"), signed_in=False)
    sign_in(alice)
    alice.page.goto(f"{alice.base}/annotate/summaries/")
    pressed = [(alice.press(key), SIDES.get(key), key) for key in PLAIN_KEYS]
    alice.until_saved()
    by_lease = {str(j.assignment.uid): j for j in counted() if j.assignment}
    assert len(by_lease) == 10
    assert len({seen.comparison for seen, _, _ in pressed}) == 10
    for seen, side, key in pressed:
        judgment = by_lease[seen.lease]
        assert_recorded(judgment, seen, side)
        assert judgment.source_id == "alice"
        assert judgment.outcome == {"t": "tie", "x": "both_bad"}.get(key, "chosen")

    alice.open("fine")
    fine = [(alice.press(key), expected) for key, expected in STRENGTH_KEYS.items()]
    alice.until_saved()
    by_lease = {str(j.assignment.uid): j for j in counted() if j.assignment}
    assert len(by_lease) == 15
    for seen, (side, strength) in fine:
        assert_recorded(by_lease[seen.lease], seen, side)
        assert by_lease[seen.lease].strength == strength


def test_the_next_comparison_is_there_at_once(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    alice.open()
    alice.until_preloaded()
    # The server does not answer yet: what comes is what was preloaded.
    held: list[Route] = []
    alice.page.route("**/judge/", lambda route: held.append(route))
    seen = alice.sees()
    alice.page.keyboard.press("a")
    assert alice.sees().comparison != seen.comparison
    assert alice.state() == "saving"
    held.pop().continue_()
    alice.until_saved()


def test_one_key_held_down_is_one_judgment(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    alice.open()
    first = alice.sees()
    for _ in range(20):
        alice.page.keyboard.down("a")  # after the first, the browser reports repeats
    alice.page.keyboard.up("a")
    alice.until_gone(first)
    alice.until_saved()
    assert len(counted()) == 1
    alice.button("B is better").focus()
    for _ in range(20):
        alice.page.keyboard.down("Enter")
    alice.page.keyboard.up("Enter")
    alice.until_saved()
    assert len(counted()) == 2


def test_quick_keys_are_judgments_of_as_many_comparisons(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    alice.open()
    first = alice.sees()
    # The fourth finds nothing on the screen: what has not been seen is not judged.
    alice.page.evaluate(
        "for (const key of 'abtx') document.body.dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"
    )
    alice.until_gone(first)
    alice.sees()
    alice.until_saved()
    one, two, three = sorted(counted(), key=lambda judgment: judgment.pk)
    assert str(one.comparison and one.comparison.uid) == first.comparison
    assert len({judgment.comparison for judgment in (one, two, three)}) == 3
    assert (one.chosen, two.chosen, three.outcome) == (one.left, two.right, "tie")


def test_the_second_click_of_a_double_click_judges_nothing(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    alice.open()
    alice.until_preloaded()
    alice.button("Tie").dblclick()
    alice.until_saved()
    assert len(counted()) == 1


def dispatch(page: Page, **init: object) -> None:
    page.evaluate("init => document.body.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, ...init}))", init)


def test_other_keys_and_composition_judge_nothing(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    seen = alice.sees()
    for key in ("Control+a", "Alt+a", "Meta+a", "Shift+A", "q", "1", "Enter", "Escape"):
        page.keyboard.press(key)
    dispatch(page, key="a", isComposing=True)
    dispatch(page, key="a", keyCode=229)
    page.wait_for_timeout(100)
    assert alice.sees() == seen
    assert counted() == []
    # The place of a key counts where the layout has no Latin letters.
    dispatch(page, key="ф", code="KeyA")
    alice.until_gone(seen)


def test_single_keys_can_be_switched_off(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    page.keyboard.press("?")
    page.get_by_label("Single keys answer").last.uncheck()
    page.keyboard.press("Escape")
    seen = alice.sees()
    page.keyboard.press("a")
    page.reload()
    page.keyboard.press("b")
    assert alice.sees() == seen
    alice.button("Tie").click()
    alice.until_gone(seen)
    alice.until_saved()
    assert [judgment.outcome for judgment in counted()] == ["tie"]


def test_buttons_have_the_names_of_the_contract(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    alice.open()
    for name in ("A is better", "Tie", "Both are bad", "B is better", "Skip", "Flag", "Undo", "Guidelines"):
        expect(alice.button(name)).to_have_count(1)
    alice.button("B is better").click()
    alice.until_saved()
    expect(alice.button("Undo")).to_have_count(1)
    judgment = counted()[0]
    assert judgment.chosen == judgment.right


def test_undo_shows_the_same_again_and_only_the_new_answer_counts(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    seen = alice.press("a")
    second = alice.sees()
    alice.until_saved()
    page.keyboard.press("u")
    alice.until_gone(second)
    assert alice.sees() == seen
    assert counted() == []
    alice.press("b")
    alice.until_saved()
    assert [str(judgment.assignment and judgment.assignment.uid) for judgment in counted()] == [seen.lease]
    assert alice.sees() == second


def test_undo_of_an_answer_that_is_on_its_way(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    alice.until_preloaded()
    held: list[Route] = []
    page.route("**/judge/", lambda route: held.append(route))
    seen = alice.sees()
    with page.expect_request("**/judge/"):
        page.keyboard.press("a")
    page.keyboard.press("u")
    second = alice.sees()
    page.keyboard.press("b")  # nothing can be answered until it is taken back
    assert alice.sees() == second
    held.pop().continue_()
    alice.until_gone(second)
    alice.until_saved()
    assert alice.sees() == seen
    assert counted() == []


def test_skip_goes_on_and_judges_nothing(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    skipped = alice.press("s")
    alice.until_saved()
    assert Assignment.objects.get(uid=skipped.lease).state == Assignment.State.SKIPPED
    page.keyboard.press("r")
    page.keyboard.press("2")
    seen = alice.sees()
    page.keyboard.press("Enter")
    alice.until_gone(seen)
    alice.until_saved()
    assert Assignment.objects.get(uid=seen.lease).reason == "I cannot read the language"
    assert counted() == []


def test_flag_with_words_of_ones_own_in_which_keys_type(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    seen = alice.sees()
    page.keyboard.press("f")
    page.get_by_label("Or in your own words").and_(page.locator(":visible")).fill("")
    page.keyboard.type("abtx 1s")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Flagged for the lead")
    assert Flag.objects.get().reason == "abtx 1s"
    assert alice.sees() == seen
    assert counted() == []


def test_two_people_never_see_the_same_comparison(people: People, project: Project) -> None:
    alice, bob = people(world.person("alice")), people(world.person("bob"))
    alice.open()
    bob.open()
    seen: dict[str, set[str]] = {"alice": set(), "bob": set()}
    for _ in range(6):
        seen["alice"].add(alice.press("a").comparison)
        seen["bob"].add(bob.press("b").comparison)
    alice.until_saved()
    bob.until_saved()
    assert not seen["alice"] & seen["bob"]
    assert len(counted()) == 12
    assert project.comparisons.filter(taken__gt=1).count() == 0


def test_the_last_one_leads_to_the_end_and_undo_back(people: People) -> None:
    world.project("short", comparisons=1)
    alice = people(world.person("alice"))
    page = alice.open("short")
    seen = alice.press("t")
    expect(page.get_by_role("heading", name="Nothing left for you")).to_be_visible()
    alice.until_saved()
    page.keyboard.press("u")
    assert alice.sees() == seen


def test_no_output_ids_reach_the_browser(people: People, project: Project) -> None:
    alice = people(world.person("alice"))
    page = alice.open()
    alice.press("a")
    alice.until_saved()
    html = page.content() + page.evaluate("JSON.stringify(localStorage)")
    for candidate in Candidate.objects.all():
        assert candidate.output_id not in html
        assert candidate.digest not in html
