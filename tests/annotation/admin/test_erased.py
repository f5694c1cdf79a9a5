"""The admin says of what was erased when it was, instead of showing nothing."""

from __future__ import annotations

import pytest

from annotation import answers, erasure, log, queue
from annotation.models import Candidate, Comparison, Event, Feedback, Judgment, Prompt
from annotation.scales import CHOICES
from tests import world
from tests.annotation.admin.scenery import browse, list_path, page_path
from tests.annotation.person import SPOKEN, USER, live

pytestmark = pytest.mark.django_db


@pytest.fixture
def lena():
    """A lead of a project in which the person is erased, after alice judged all of theirs."""
    project = world.project()
    live(project)
    alice = world.annotator(project, "alice")
    for lease in queue.hold(alice, count=5):
        answers.judge(alice, lease.uid, CHOICES["a"], feedback_id=str(lease.uid))
    erasure.erase(project, USER, actor="test", reason="ticket 7")
    log.seal(project)
    return browse(world.lead("lena", project))


def test_every_page_of_an_erased_row_says_when_it_was_erased(lena):
    for model in (Prompt, Candidate, Feedback):
        for row in model.objects.filter(erasure__isnull=False):
            html = lena.get(page_path(row)).content.decode()
            event = f'"{page_path(row.erasure)}"'
            assert event in html, "it leads to the event"
            assert f"on {row.erasure.at:%B %-d, %Y}" in html


@pytest.mark.parametrize(
    ("model", "erased"), [(Comparison, {"closed": True}), (Judgment, {"prompt__erasure__isnull": False})]
)
def test_pages_that_show_the_texts_say_so_in_their_place(lena, model, erased):
    row = model.objects.filter(**erased).first()
    html = lena.get(page_path(row)).content.decode()
    assert html.count("Erased on ") == 3
    assert "(empty)" not in html


def test_lists_say_so_too_and_ask_for_them(lena):
    for name, show, count in (
        ("prompt", "erased", 3), ("judgment", "erased", 9), ("feedback", "erased", 12), ("comparison", "closed", 3),
        ("event", "erasures", Event.objects.filter(kind="records.erased").count()),
    ):  # fmt: skip
        response = lena.get(list_path(f"annotation_{name}", show=show))
        assert len(response.context["cl"].result_list) == count, name
        if name != "event":
            assert "Erased" in response.content.decode()


def test_the_event_leads_to_the_prompts(lena):
    event = Prompt.objects.get(request_id="p0").erasure
    html = lena.get(page_path(event)).content.decode()
    assert "ticket 7" in html
    path = list_path("annotation_prompt", erasure__id__exact=event.pk)
    assert path in html
    assert {row.request_id for row in lena.get(path).context["cl"].result_list} == {"p0", "p1", "p2"}


def test_nothing_of_the_person_is_shown_anywhere(lena):
    erased = [model.objects.filter(erasure__isnull=False) for model in (Prompt, Candidate, Feedback, Judgment)]
    told = Event.objects.filter(kind__in=["records.erased", "feedback.joined"])
    for rows in (*erased, Comparison.objects.filter(closed=True), told):
        for page in (list_path(f"annotation_{rows.model._meta.model_name}"), *map(page_path, rows[:3])):
            response = lena.get(page)
            assert response.status_code == 200
            assert not [word for word in SPOKEN if word in response.content.decode()], page
