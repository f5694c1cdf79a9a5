"""When the network, the server, the session or the lease fails, no answer is lost and the page says what happened."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from annotation import clock, erasure, projects, queue
from annotation.models import Assignment, Judgment, Project
from tests import world
from tests.annotation.person import SECRET, USER, inference, log_inferences
from tests.browser.conftest import People
from tests.browser.network import judged, until_state
from tests.browser.person import Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def heading(page: Page, words: str) -> None:
    expect(page.get_by_role("heading", name=words)).to_be_visible()


def cut_off(page: Page) -> None:
    """No judgment gets through. (Chromium ends its pretended offline state too early when a page is left.)"""
    page.route("**/judge/", lambda route: route.abort())


def test_offline_answers_wait_in_order_and_arrive(alice: Person) -> None:
    page = alice.page
    page.context.set_offline(True)
    first = alice.press("a")
    until_state(page, "offline")
    expect(page.locator("#status")).to_contain_text("1 answer is kept here")
    second, third = alice.press("b"), alice.press("t")
    heading(page, "No connection")
    expect(page.get_by_text("3 answers are kept on this device")).to_be_visible()
    assert judged() == []
    page.context.set_offline(False)
    fourth = alice.sees()
    alice.until_saved()
    assert judged() == [first.lease, second.lease, third.lease]
    assert fourth.lease not in judged()
    one, two, three = Judgment.objects.order_by("pk")
    assert (one.chosen, two.chosen, three.outcome) == (one.left, two.right, "tie")


def test_unsent_answers_outlive_the_page(alice: Person) -> None:
    page = alice.page
    cut_off(page)
    answered = [alice.press(key) for key in "atb"]
    heading(page, "No connection")
    page.goto("about:blank")
    page.unroute("**/judge/")
    alice.open()
    assert alice.sees().comparison not in [seen.comparison for seen in answered]
    alice.until_saved()
    assert judged() == [seen.lease for seen in answered]


def test_unsent_answers_are_sent_from_the_home_page_too(alice: Person) -> None:
    page = alice.page
    cut_off(page)
    first = alice.press("a")
    until_state(page, "offline")
    page.goto(f"{alice.base}/")
    expect(page.get_by_text("1 still kept on this device")).to_be_visible()
    page.unroute("**/judge/")
    page.reload()
    expect(page.get_by_text("1 answer from before has been saved.")).to_be_visible()
    assert judged() == [first.lease]


def test_unfinished_work_is_returned_by_keys_once_the_answers_are_saved(alice: Person) -> None:
    page = alice.page
    cut_off(page)
    first = alice.press("a")
    until_state(page, "offline")
    page.get_by_role("button", name="Account of alice").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Return my unfinished work").focus()
    page.keyboard.press("Enter")
    live = Assignment.objects.filter(state=Assignment.State.LEASED)
    assert live.count() == 3, "the answer is still here"
    page.unroute("**/judge/")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Returned 3 comparisons")).to_be_visible()
    assert judged() == [first.lease]
    assert not live.exists()


def test_unsent_answers_of_another_person_are_not_sent(people: People, alice: Person) -> None:
    page = alice.page
    cut_off(page)
    first = alice.press("a")
    until_state(page, "offline")
    page.goto("about:blank")
    page.unroute("**/judge/")
    kept = alice.page.context.storage_state()["origins"]
    bob = people(world.person("bob"), storage_state={"cookies": [], "origins": kept})
    bob.open()
    seen = bob.press("b")
    bob.until_saved()
    assert judged() == [seen.lease]
    alice.open()
    alice.sees()
    alice.until_saved()
    assert judged() == [seen.lease, first.lease]


def test_an_answer_whose_reply_was_lost_counts_once(alice: Person) -> None:
    page = alice.page
    replies = []

    def lose_first_reply(route: Route) -> None:
        replies.append(route.fetch())
        if len(replies) == 1:
            route.abort()
        else:
            route.fulfill(response=replies[-1])

    page.route("**/judge/", lose_first_reply)
    first = alice.press("a")
    until_state(page, "offline")
    alice.until_saved()
    assert len(replies) == 2
    assert judged() == [first.lease]


def test_a_server_in_trouble_is_tried_again(alice: Person) -> None:
    page = alice.page
    tries = []

    def fail_twice(route: Route) -> None:
        tries.append(route)
        if len(tries) <= 2:
            route.fulfill(status=503, headers={"x-test": "made"})
        else:
            route.continue_()

    page.route("**/judge/", fail_twice)
    first = alice.press("b")
    until_state(page, "offline")
    alice.until_saved()
    assert judged() == [first.lease]


def test_closing_a_second_tab_leaves_the_first_one_its_work(alice: Person) -> None:
    page = alice.page
    other = page.context.new_page()
    alice.watch(other)
    other.goto(page.url)
    other.wait_for_function("() => document.querySelector('#waiting template') !== null")
    other.goto("about:blank")
    answered = [alice.press(key) for key in "abt"]
    alice.until_saved()
    assert judged() == [seen.lease for seen in answered]
    assert not Assignment.objects.filter(state="released").exists()


def test_a_new_scale_reaches_an_open_page(alice: Person, project: Project) -> None:
    projects.change_project(project, {"scale": "strength7"}, actor="test")
    first = alice.press("a")
    expect(alice.button("A is much better")).to_be_visible()
    second = alice.press("1")
    alice.until_saved()
    assert judged() == [first.lease, second.lease]
    assert list(Judgment.objects.order_by("pk").values_list("strength", flat=True)) == [None, 3]


def test_signed_out_answers_wait_for_signing_in(alice: Person) -> None:
    page = alice.page
    Session.objects.all().delete()
    page.context.clear_cookies(name="sessionid")
    answered = [alice.press("a")]
    until_state(page, "offline")
    answered += [alice.press("b"), alice.press("t")]
    heading(page, "You have been signed out")
    page.get_by_role("link", name="Sign in").click()
    page.locator("input[name=login]").fill("alice")
    page.locator("input[name=password]").fill(world.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/annotate/summaries/")
    assert alice.sees().comparison not in [seen.comparison for seen in answered]
    alice.until_saved()
    assert judged() == [seen.lease for seen in answered]


def test_an_answer_that_is_never_taken_is_said_and_work_goes_on(alice: Person) -> None:
    page = alice.page
    page.route("**/judge/", lambda route: route.fulfill(status=400, content_type="text/plain", body="choice: no."))
    alice.press("a")
    expect(page.get_by_role("alert")).to_contain_text("“A is better” could not be saved. choice: no.")
    page.unroute("**/judge/")
    seen = alice.press("b")
    alice.until_saved()
    assert judged() == [seen.lease]


def test_a_comparison_answered_in_another_tab_is_not_answered_twice(alice: Person) -> None:
    other = alice.page.context.new_page()
    other.goto(alice.page.url)
    lease = str(other.locator("[data-comparison]").get_attribute("data-lease"))
    alice.press("a")
    alice.until_saved()
    other.keyboard.press("b")
    expect(other.get_by_role("alert")).to_contain_text("no longer with you")
    assert judged() == [lease]
    other.evaluate("() => { navigator.sendBeacon = () => true; }")  # it would meet an emptied database
    other.close()


def lose_leases(project: Project, *, keep: int = 0) -> None:
    """Let every lease run out and somebody else take all but `keep` comparisons."""
    Assignment.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    queue.expire()
    queue.hold(world.annotator(project, "bob"), count=project.comparisons.count() - keep)


def test_a_lost_lease_is_said_before_anything_else_comes(alice: Person, project: Project) -> None:
    page = alice.page
    lose_leases(project, keep=4)
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    heading(page, "That comparison is no longer with you")
    page.keyboard.press("a")  # what comes next must not be answered by a key meant for what was lost
    page.get_by_role("button", name="Continue with the next one").click()
    seen = alice.press("b")
    alice.until_saved()
    assert judged() == [seen.lease]


def test_an_erased_comparison_leaves_the_screen_and_the_page_says_why(people: People) -> None:
    project = world.project("summaries")
    log_inferences(project, inference("p0"), inference("o0", user="somebody", text="rhinoceros"))
    alice = people(world.person("alice"))
    alice.open()
    alice.until_preloaded()
    page = alice.page
    expect(page.get_by_role("group", name="Response A")).to_contain_text(SECRET)
    erasure.erase(project, USER, actor="test")
    page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    heading(page, "That comparison is no longer with you")
    expect(page.get_by_role("alert")).to_contain_text("erased at the wish of the person")
    expect(page.locator("body")).not_to_contain_text(SECRET)
    page.get_by_role("button", name="Continue with the next one").click()
    expect(page.get_by_role("group", name="Response A")).to_contain_text("rhinoceros")


def test_the_page_prolongs_its_leases(people: People) -> None:
    world.project("quick", comparisons=3, lease_seconds=1)
    alice = people(world.person("alice"))
    alice.open("quick")
    before = Assignment.objects.earliest("expires_at").expires_at
    alice.page.wait_for_timeout(1_000)
    assert queue.expire() == 0
    assert Assignment.objects.earliest("expires_at").expires_at > before


def test_leaving_gives_back_the_preloaded_comparison_and_reloading_does_not(alice: Person) -> None:
    page = alice.page
    page.reload()
    alice.until_preloaded()
    assert Assignment.objects.filter(state=Assignment.State.LEASED).count() == 3
    page.goto(f"{alice.base}/")
    released = Assignment.objects.filter(state=Assignment.State.RELEASED)
    deadline = time.monotonic() + 15
    while released.count() < 2 and time.monotonic() < deadline:
        page.wait_for_timeout(20)  # the last message of a page that is gone
    assert released.count() == 2
    assert Assignment.objects.filter(state=Assignment.State.LEASED).count() == 1


def test_work_that_comes_back_appears_by_itself(people: People) -> None:
    project = world.project("short", comparisons=1)
    bob = world.annotator(project, "bob")
    (lease,) = queue.hold(bob, count=1)
    alice = people(world.person("alice"))
    page = alice.open("short")
    expect(page.get_by_text("1 comparison is with other people")).to_be_visible()
    queue.release(bob, lease.uid)
    page.evaluate("() => htmx.trigger('#stage > section', 'every')")
    assert alice.sees().comparison == str(lease.comparison.uid)


def test_what_is_held_is_finished_before_the_page_says_that_it_is_paused(alice: Person, project: Project) -> None:
    projects.change_project(project, {"status": "paused"}, actor="test")
    alice.page.reload()
    finished = [alice.press(key) for key in "abt"]
    heading(alice.page, "is paused")
    alice.until_saved()
    assert judged() == [seen.lease for seen in finished]


def test_changed_guidelines_are_shown_beside_the_next_comparison(alice: Person, project: Project) -> None:
    projects.change_project(project, {"guidelines": "From now on: **shorter** is better."}, actor="test")
    alice.press("a")
    expect(alice.page.get_by_role("complementary", name="Guidelines")).to_contain_text("shorter is better")
    alice.press("b")
    alice.until_saved()
    before, after = Judgment.objects.order_by("pk").select_related("guidelines")
    assert before.guidelines is None
    assert after.guidelines
    assert after.guidelines.version == 1


def test_an_answer_that_waited_names_its_own_time_and_guidelines(alice: Person, project: Project) -> None:
    cut_off(alice.page)
    alice.press("a")
    until_state(alice.page, "offline")
    projects.change_project(project, {"guidelines": "Prefer the shorter one."}, actor="test")
    alice.page.wait_for_timeout(2_000)
    alice.page.unroute("**/judge/")
    before = clock.now()
    alice.page.evaluate("() => dispatchEvent(new Event('online'))")
    alice.until_saved()
    judgment = Judgment.objects.get()
    assert judgment.guidelines is None
    assert judgment.judged_at < before - dt.timedelta(seconds=1)


def test_who_is_no_member_any_more_is_told_so_at_once(alice: Person, project: Project) -> None:
    world.person("zoe")
    projects.change_project(project, {"members": "zoe"}, actor="test")
    alice.page.keyboard.press("a")
    heading(alice.page, "not open to you any more")
    expect(alice.page.get_by_role("alert")).to_contain_text("“A is better” could not be saved.")
    alice.page.keyboard.press("b")
    expect(alice.page.get_by_role("link", name="My queues")).to_be_visible()
    assert judged() == []
