"""What the dashboard tells of judgments, in sentences and tables."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import world
from tests.annotation.views.page import SCRIPT, sign_in
from tests.exports.dataset import log_inference, vote

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("always_anew")]


@pytest.fixture
def project(db):
    return world.project("summaries")


@pytest.fixture
def look(client: Client, project):
    client.force_login(world.lead("lena", project))
    return lambda **more: " ".join(client.get("/projects/summaries/quality/", **more).content.decode().split())


def test_an_empty_project_says_what_would_be_there(look):
    page = look()
    for sentence in ("No pair has been judged by two people yet.", "No person has judged anything yet.",
                     "People have compared no two models yet.",
                     "There are no judgments of people to look at yet."):  # fmt: skip
        assert sentence in page


def test_sentences_tell_what_the_figures_say(project, look):
    for n in range(40):
        log_inference(
            project, f"r{n}", "A longer answer, in many words.", "Short.", metadata={"language": ("en", "fr")[n % 2]}
        )
        vote(project, f"r{n}", 0, by="alice", duration_ms=900)
        vote(project, f"r{n}", 0 if n < 30 else 1, by="<b>bob")
    page = look()
    assert "say the same <strong>75 %</strong> of the time" in page
    assert "Seen on 40 pairs that 2 people judged." in page
    assert "<td><bdi>fr</bdi></td><td>20</td>" in page
    assert "<strong>1</strong> annotator stands out" in page
    assert '<strong class="remarks">leans to a side, prefers longer answers, very fast</strong>' in page
    assert "&lt;b&gt;bob" in page
    assert "<b>bob" not in page
    assert "<strong><bdi>aurora 1</bdi></strong> leads with" in page
    assert "surely ahead of all others" in page
    assert "the longer output wins <strong>88 %</strong> of the time" in page


def test_models_that_may_be_as_good_are_told(project, look):
    for n in range(40):
        log_inference(project, f"r{n}", "One", "Two")
        vote(project, f"r{n}", n % 2)
    page = look()
    assert "1 other may be as good" in page
    assert "Nothing stands out." in page
    assert "Nobody stands out." in page


def test_the_script_of_the_dashboard_gets_the_figures_alone(project, look, client):
    assert look(headers=SCRIPT).startswith('<div id="analysis">')
    assert 'hx-get="/projects/summaries/quality/"' in client.get("/projects/summaries/").content.decode()


def test_too_many_judgments_are_said_to_be(look, monkeypatch):
    monkeypatch.setattr("annotation.votes.WORK", "SELECT pg_sleep(9)")
    monkeypatch.setattr("annotation.votes.MOST_SECONDS", 0.05)
    assert "too many judgments to count while you wait" in look()


def test_is_for_leads_of_the_project_only(client: Client, project):
    assert client.get("/projects/summaries/quality/").status_code == 302
    sign_in(client, "alice")
    assert client.get("/projects/summaries/quality/").status_code == 404
    client.force_login(world.lead("otto", world.project("other")))
    assert client.get("/projects/summaries/quality/").status_code == 404
