"""Feedback in the admin: what waits, for what, and why something does not fit."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone

from annotation.intake import joining
from annotation.models import Feedback, WaitingFeedback
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import browse, list_path, page_path
from tests.annotation.intake.records import inference, preference, retraction
from tests.api import Caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene():
    """One record that waits, one that has waited for long, one that does not fit, one retraction of nothing yet."""
    made = scenery.build()
    program = Caller(made.project, "ingest")
    program("POST", "feedback/", preference("lost", "never logged"))
    WaitingFeedback.objects.update(since=timezone.now() - dt.timedelta(days=30))
    joining.report_orphans()
    program("POST", "feedback/", preference("wrong", "late", chosen="<b>unknown</b>"))
    program("POST", "inferences/", inference("late"))
    program("POST", "feedback/", preference("early", "later"))
    program("POST", "feedback/", retraction("undo", "unheard of"))
    return made


def shown(client, **query):
    rows = client.get(list_path("annotation_feedback", **query)).context["cl"].result_list
    return {row.feedback_id for row in rows}


def test_the_list_tells_what_waits_what_is_orphaned_and_what_does_not_fit(scene):
    lena = browse(scene.lena)
    assert shown(lena, show="waiting") == {"early", "undo"}
    assert shown(lena, show="orphaned") == {"lost"}
    assert shown(lena, show="mismatched") == {"wrong"}
    html = lena.get(list_path("annotation_feedback")).content.decode()
    for state in ("Waiting", "Orphaned", "Mismatched", "Joined", "Retracted"):
        assert f">{state}</span>" in html, state


@pytest.mark.parametrize(
    ("feedback_id", "awaited"), [("lost", "never logged"), ("early", "later"), ("undo", "unheard of")]
)
def test_the_page_of_a_record_says_what_it_waits_for(scene, feedback_id, awaited):
    html = browse(scene.lena).get(page_path(Feedback.objects.get(feedback_id=feedback_id))).content.decode()
    assert f"<bdi>{awaited}</bdi>, since" in html
    assert "None yet: it waits." in html


def test_the_page_of_a_record_that_does_not_fit_says_why(scene):
    html = browse(scene.lena).get(page_path(Feedback.objects.get(feedback_id="wrong"))).content.decode()
    assert "Why it does not fit" in html
    assert "/chosen" in html
    assert "is not an output of this request" in html
    assert "<b>unknown" not in html


def test_the_start_page_names_feedback_that_nothing_came_for(scene):
    html = browse(scene.lena).get("/admin/").content.decode()
    assert "1 feedback record without an inference" in html
    assert "1 feedback record that did not fit what came" in html
    assert list_path("annotation_feedback", show="orphaned", project="summaries").replace("&", "&amp;") in html


def test_another_lead_sees_nothing_of_it(scene):
    omar = browse(scenery.build("poems", lead="omar").lena)
    assert shown(omar, show="orphaned") == shown(omar, show="mismatched") == set()
    assert "without an inference" not in omar.get("/admin/").content.decode()
