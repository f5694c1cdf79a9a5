"""The page when a comparison is erased that an annotator is looking at, has preloaded, or has judged."""

from __future__ import annotations

import pytest
from django.test import Client

from annotation import erasure
from annotation.models import Flag, Judgment, Project
from tests import world
from tests.annotation.person import OTHER, SECRET, USER, inference, log_inferences
from tests.annotation.views.page import SCRIPT, Shown, answer, comparisons_in, held_in, sign_in, url

pytestmark = pytest.mark.django_db

SAID = "was erased at the wish of the person"


@pytest.fixture
def project() -> Project:
    """The person's comparison comes first, then two of somebody else."""
    made = world.project()
    others = (inference(f"o{n}", user=OTHER, text="rhinoceros") for n in range(2))
    log_inferences(made, inference("p0"), *others)
    return made


@pytest.fixture
def alice(client: Client, project: Project) -> Client:
    return sign_in(client, "alice")


def open_and_erase(alice: Client, project: Project) -> list[Shown]:
    response = alice.get(url(project))
    assert SECRET in response.content.decode()
    erasure.erase(project, USER, actor="test")
    return comparisons_in(response)


def test_an_answer_to_it_is_not_kept_and_the_page_says_why(alice: Client, project: Project) -> None:
    shown, *others = open_and_erase(alice, project)
    response = alice.post(url(project, "judge"), answer(shown), headers=SCRIPT)
    assert response.status_code == 409
    assert SAID in response.content.decode()
    assert held_in(response) == [other.lease for other in others]
    assert not Judgment.objects.exists()


def test_without_scripts_it_is_said_as_well(alice: Client, project: Project) -> None:
    shown, *_ = open_and_erase(alice, project)
    html = alice.post(url(project, "judge"), answer(shown), follow=True).content.decode()
    assert SAID in html
    assert SECRET not in html


@pytest.mark.parametrize("action", ["skip", "flag"])
def test_so_are_a_skip_and_a_flag(alice: Client, project: Project, action: str) -> None:
    shown, *_ = open_and_erase(alice, project)
    form = {"lease": shown.lease, "reason": "It shows personal data"}
    response = alice.post(url(project, action), form, headers=SCRIPT)
    assert (response.status_code, SAID in response.content.decode()) == (409, True)
    assert not Flag.objects.exists()


def test_the_page_hears_of_it_when_it_prolongs_its_leases(alice: Client, project: Project) -> None:
    shown = open_and_erase(alice, project)
    leases = [one.lease for one in shown]
    response = alice.post(url(project, "renew"), {"lease": leases}, headers=SCRIPT)
    assert SAID in response.content.decode()
    assert held_in(response) == leases[1:]
    assert alice.post(url(project, "renew"), {"lease": leases[1:]}, headers=SCRIPT).status_code == 204


def test_a_preloaded_one_is_dropped_with_the_next_answer(alice: Client, project: Project) -> None:
    log_inferences(project, inference("p1"))
    first, second, third = comparisons_in(alice.get(url(project)))
    alice.post(url(project, "judge"), answer(first), headers=SCRIPT)
    (fourth,) = comparisons_in(alice.post(url(project, "next"), {"known": [second.lease, third.lease]}, headers=SCRIPT))
    erasure.erase(project, USER, actor="test")
    response = alice.post(url(project, "judge"), answer(second, known=[third.lease, fourth.lease]), headers=SCRIPT)
    assert response.status_code == 200
    assert held_in(response) == [third.lease]


def test_what_was_judged_and_erased_cannot_be_taken_back(alice: Client, project: Project) -> None:
    shown, *_ = comparisons_in(alice.get(url(project)))
    alice.post(url(project, "judge"), answer(shown), headers=SCRIPT)
    erasure.erase(project, USER, actor="test")
    response = alice.post(url(project, "undo"), {"last": shown.lease}, headers=SCRIPT)
    assert response.status_code == 409
    assert "Nothing was taken back" in response.content.decode()
    assert SECRET not in alice.get(url(project)).content.decode()
