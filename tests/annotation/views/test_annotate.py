"""The comparison page and what supplies it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotation import projects, queue
from annotation.models import Assignment, Candidate, Comparison, Project
from tests import world
from tests.annotation.views.page import SCRIPT, answer, comparisons_in, held_in, sign_in, url

pytestmark = pytest.mark.django_db
POSTS = ("judge", "undo", "next", "renew", "release")


@pytest.fixture
def project() -> Project:
    return world.project("summaries", comparisons=5, name="Summaries v2", guidelines="Prefer **short** answers.")


@pytest.fixture
def alice(client: Client, project: Project) -> Client:
    return sign_in(client, "alice")


def set_project(project: Project, **settings: Any) -> None:
    projects.change_project(project, settings, actor="test")


def expire_all() -> None:
    past = timezone.now() - dt.timedelta(seconds=1)
    Assignment.objects.filter(state=Assignment.State.LEASED).update(expires_at=past)
    queue.expire()


def test_shows_one_comparison_and_preloads_the_next_two(alice: Client, project: Project) -> None:
    response = alice.get(url(project))
    current, *waiting = comparisons_in(response)
    assert len({shown.comparison for shown in (current, *waiting)}) == 3
    page = response.content.decode()
    before, _, after = page.partition("<template")
    assert current.lease in before
    for shown in waiting:
        assert shown.lease not in before
        assert shown.lease in after
    assert "0 of 5" in page


def test_shows_the_same_comparisons_again(alice: Client, project: Project) -> None:
    first, second = (comparisons_in(alice.get(url(project))) for _ in range(2))
    assert [shown.lease for shown in first] == [shown.lease for shown in second]


@pytest.mark.parametrize("scale", ["plain", "strength7"])
def test_has_a_button_with_its_keys_for_every_choice(alice: Client, project: Project, scale: str) -> None:
    set_project(project, scale=scale)
    project.refresh_from_db()
    page = alice.get(url(project)).content.decode()
    for choice in project.answer_scale.choices:
        assert f'value="{choice.value}"' in page
        assert f"<span>{choice.label}</span>" in page
        assert f'data-keys="{" ".join(choice.keys)}"' in page


def test_nothing_on_the_page_tells(alice: Client, project: Project) -> None:
    """Neither ids nor digests of outputs, models, gold or earlier answers; neither on the page nor in a fragment."""
    bob = world.annotator(project, "bob")
    set_project(project, overlap=2)
    world.judge_next(bob)
    response = alice.get(url(project))
    current = comparisons_in(response)[0]
    fragment = alice.post(url(project, "judge"), answer(current), headers=SCRIPT)
    for html in (response.content.decode(), fragment.content.decode()):
        for candidate in Candidate.objects.all():
            assert candidate.output_id not in html
            assert candidate.digest not in html
            assert candidate.model_name not in html
        for prompt in project.prompts.all():
            assert f'"{prompt.request_id}"' not in html
            assert prompt.digest not in html
        assert "gold" not in html
        assert "bob" not in html


def test_both_panels_have_the_same_markup(alice: Client, project: Project) -> None:
    page = alice.get(url(project)).content.decode()
    left, right = (page.partition(f'aria-label="Response {side}"')[2].partition("</section>")[0] for side in "AB")
    assert left.replace("<span>A</span>", "").replace("Left out.", "Taken in.") == right.replace(
        "<span>B</span>", ""
    ).replace("Left out.", "Taken in.")


def test_a_project_of_others_does_not_exist(client: Client, project: Project) -> None:
    world.person("bob")
    set_project(project, members="bob")
    sign_in(client, "eve")
    assert client.get(url(project)).status_code == 404
    for action in POSTS:
        assert client.post(url(project, action)).status_code == 404
    for action in ("skip", "flag", "guidelines"):
        assert client.get(url(project, action)).status_code == 404
    assert not project.annotators.exists()


def test_signing_in_comes_first(client: Client, project: Project) -> None:
    response = client.get(url(project))
    assert response.status_code == 302
    assert response.headers["Location"] == f"/accounts/login/?next={url(project)}"


def test_a_script_of_a_signed_out_page_is_told_so(client: Client, project: Project) -> None:
    response = client.post(url(project, "judge"), headers=SCRIPT)
    assert response.status_code == 401


def test_wrong_methods_are_refused(alice: Client, project: Project) -> None:
    assert alice.post(url(project)).status_code == 405
    for action in POSTS:
        assert alice.get(url(project, action)).status_code == 405


def test_pages_are_not_stored(alice: Client, project: Project) -> None:
    assert "no-store" in alice.get(url(project)).headers["Cache-Control"]


def test_the_policy_forbids_inline_code(alice: Client, project: Project) -> None:
    response = alice.get(url(project))
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    page = response.content.decode()
    assert " style=" not in page
    assert "<style" not in page
    assert " onclick=" not in page


def test_says_that_nothing_is_left(client: Client) -> None:
    project = world.project("empty")
    sign_in(client, "alice")
    page = client.get(url(project)).content.decode()
    assert "Nothing left for you" in page
    assert "data-comparison" not in page


def test_says_when_work_may_return(alice: Client, project: Project) -> None:
    queue.hold(world.annotator(project, "bob"), count=5)
    page = alice.get(url(project)).content.decode()
    assert "5 comparisons are with other people" in page
    first = Assignment.objects.earliest("expires_at").expires_at
    assert f"{first:%H:%M} UTC" in page


@pytest.mark.parametrize(("status", "says"), [("paused", "is paused"), ("closed", "is closed")])
def test_says_that_the_project_does_not_go_on(alice: Client, project: Project, status: str, says: str) -> None:
    set_project(project, status=status)
    page = alice.get(url(project)).content.decode()
    assert says in page
    assert "data-comparison" not in page


def test_guidelines_come_first_until_they_are_read(alice: Client, project: Project) -> None:
    assert "data-first" in alice.get(url(project)).content.decode()
    assert alice.post(url(project, "guidelines"), headers=SCRIPT).status_code == 204
    page = alice.get(url(project)).content.decode()
    assert "data-first" not in page
    assert "Prefer <strong>short</strong> answers." in page
    set_project(project, guidelines="Prefer long answers.")
    assert "data-first" in alice.get(url(project)).content.decode()


def test_guidelines_do_not_come_first_to_who_judged_by_them(alice: Client, project: Project) -> None:
    current = comparisons_in(alice.get(url(project)))[0]
    alice.post(url(project, "judge"), answer(current))
    other_device = Client()
    other_device.force_login(User.objects.get(username="alice"))
    assert "data-first" not in other_device.get(url(project)).content.decode()


def test_guidelines_have_a_page_of_their_own(alice: Client, project: Project) -> None:
    assert "Prefer <strong>short</strong>" in alice.get(url(project, "guidelines")).content.decode()
    assert alice.post(url(project, "guidelines")).headers["Location"] == url(project)


def test_next_brings_what_the_page_does_not_have(alice: Client, project: Project) -> None:
    current, *waiting = comparisons_in(alice.get(url(project)))
    response = alice.post(url(project, "next"), {"known": [current.lease]}, headers=SCRIPT)
    assert [shown.lease for shown in comparisons_in(response)] == [shown.lease for shown in waiting]
    assert held_in(response) == [current.lease, *(shown.lease for shown in waiting)]


def test_next_ignores_what_is_no_lease(alice: Client, project: Project) -> None:
    assert alice.post(url(project, "next"), {"known": ["x", ""]}, headers=SCRIPT).status_code == 200


def test_renew_prolongs(alice: Client, project: Project) -> None:
    held = [shown.lease for shown in comparisons_in(alice.get(url(project)))]
    soon = timezone.now() + dt.timedelta(seconds=1)
    Assignment.objects.update(expires_at=soon)
    response = alice.post(url(project, "renew"), {"lease": held}, headers=SCRIPT)
    assert response.status_code == 204
    assert not Assignment.objects.filter(expires_at__lte=soon).exists()


def test_renew_of_a_lost_lease_says_what_is_held_now(alice: Client, project: Project) -> None:
    held = [shown.lease for shown in comparisons_in(alice.get(url(project)))]
    expire_all()
    queue.hold(world.annotator(project, "bob"), count=4)
    response = alice.post(url(project, "renew"), {"lease": held}, headers=SCRIPT)
    assert response.status_code == 200
    assert len(held_in(response)) == 1
    assert not set(held) & set(held_in(response))


def test_a_lease_of_another_is_not_renewed(alice: Client, project: Project) -> None:
    (lease,) = queue.hold(world.annotator(project, "bob"), count=1)
    alice.post(url(project, "renew"), {"lease": [str(lease.uid)]}, headers=SCRIPT)
    assert Assignment.objects.get(pk=lease.pk).expires_at == lease.expires_at


def test_opening_the_page_prolongs_old_leases(alice: Client, project: Project) -> None:
    alice.get(url(project))
    soon = timezone.now() + dt.timedelta(seconds=10)
    Assignment.objects.update(expires_at=soon)
    alice.get(url(project))
    assert not Assignment.objects.filter(expires_at__lte=soon).exists()


def page_token(response: Any) -> str:
    return str(response.context["page"])


def test_leaving_gives_back_what_was_preloaded(alice: Client, project: Project) -> None:
    response = alice.get(url(project))
    waiting = comparisons_in(response)[1]
    given = {"page": page_token(response), "lease": [waiting.lease]}
    for _ in range(2):
        assert alice.post(url(project, "release"), given).status_code == 204
    assert Assignment.objects.get(uid=waiting.lease).state == Assignment.State.RELEASED
    assert Comparison.objects.get(uid=waiting.comparison).taken == 0


def test_an_older_page_gives_nothing_back(alice: Client, project: Project) -> None:
    """A reload: the old page is left after the new one was made, which shows the same leases."""
    old = alice.get(url(project))
    waiting = comparisons_in(old)[1]
    alice.get(url(project))
    alice.post(url(project, "release"), {"page": page_token(old), "lease": [waiting.lease]})
    assert Assignment.objects.get(uid=waiting.lease).state == Assignment.State.LEASED


def test_a_lease_of_another_is_not_given_back(alice: Client, project: Project) -> None:
    (lease,) = queue.hold(world.annotator(project, "bob"), count=1)
    token = page_token(alice.get(url(project)))
    assert alice.post(url(project, "release"), {"page": token, "lease": [str(lease.uid)]}).status_code == 204
    assert Assignment.objects.get(pk=lease.pk).state == Assignment.State.LEASED
