"""One comparison that somebody names, and what can be changed of one."""

from __future__ import annotations

import pytest
from django.utils import timezone

from annotation import erasure, queue
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.models import Comparison, Event
from annotation.pairing import RuleError, Terms, naming
from tests import world
from tests.annotation.intake.records import edit
from tests.annotation.pairing.prompts import log_prompt
from tests.annotation.person import OTHER, USER, give_feedback, log_inferences
from tests.annotation.person import edit as edit_of_person
from tests.annotation.person import inference as inference_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    made = world.project(overlap=2)
    log_prompt(made, ["aurora", "basalt", "coral"], "r1")
    log_prompt(made, ["aurora", "basalt"], "r2")
    return made


def name(project, *outputs, request_id="r1", **terms):
    return naming.name_pair(project, request_id, outputs, Terms("lena", **terms))


def test_a_named_pair_is_made_once_whichever_of_it_comes_first(project):
    made, is_new = name(project, "r1-02", "r1-00", priority=3, overlap=4)
    again, is_new_again = name(project, "r1-00", "r1-02", priority=9)
    assert (is_new, is_new_again) == (True, False)
    comparison = Comparison.objects.get()
    assert made.uid == again.uid == comparison.uid
    assert (comparison.a.output_id, comparison.b.output_id) == ("r1-00", "r1-02")
    assert (comparison.priority, comparison.overlap, comparison.propensity) == (3, 4, 1)
    assert Event.objects.get(kind="comparisons.created").payload == {
        "comparisons": [{"id": str(made.uid), "outputs": ["r1-00", "r1-02"]}]
    }


def test_what_was_erased_is_no_pair_any_more(project):
    log_inferences(project, inference_of("p0"), inference_of("o0", user=OTHER, text="rhinoceros"))
    give_feedback(project, edit_of_person("f-edit", "o0"))
    edited = project.prompts.get(request_id="o0").candidates.exclude(edit_event=None).get().output_id
    erasure.erase(project, USER, actor="test")
    with pytest.raises(RuleError, match="was erased"):
        name(project, "p0-0", "p0-1", request_id="p0")
    with pytest.raises(RuleError, match="is no output of this request"):
        name(project, "o0-0", edited, request_id="o0")
    closed = Comparison.objects.get(closed=True)
    with pytest.raises(naming.ClosedError):
        naming.change_comparison(closed, overlap=5, actor="test")


def test_an_edit_can_be_compared_with_what_it_was_made_of(project):
    now = timezone.now()
    body = {**edit("f1", "r1"), "output": "r1-00"}
    accept_feedback(project, [check_feedback(body, now=now)], actor="test", now=now)
    edited = project.prompts.get(request_id="r1").candidates.exclude(edit_event=None).get()
    _, is_new = name(project, "r1-00", edited.output_id)
    assert is_new


@pytest.mark.parametrize(
    ("request_id", "outputs", "parameter"),
    [
        *(("r9", ["r1-00", "r1-01"], "request_id"), ("r1", ["r1-00", "r1-00"], "outputs")),
        *(("r1", ["r1-00", "r2-00"], "outputs"), ("r1", ["r1-00", ""], "outputs")),
    ],
)
def test_what_is_not_there_is_named_and_nothing_is_made(project, request_id, outputs, parameter):
    with pytest.raises(RuleError) as caught:
        name(project, *outputs, request_id=request_id)
    assert caught.value.parameter == parameter
    assert not Comparison.objects.exists()


def test_what_changes_is_told_and_opens_what_was_done(project):
    name(project, "r1-00", "r1-01", overlap=1)
    alice, bob = world.annotator(project, "alice"), world.annotator(project, "bob")
    world.judge_next(alice)
    assert queue.hold(bob, count=1) == []
    comparison = Comparison.objects.get()
    for _ in range(2):
        changed = naming.change_comparison(comparison, priority=5, overlap=2, actor="lena")
        assert (changed.priority, changed.overlap) == (5, 2)
    event = Event.objects.get(kind="comparison.changed")
    assert (event.actor, event.subject) == ("lena", f"comparison:{comparison.uid}")
    assert event.payload == {"priority": 5, "overlap": 2}
    assert len(queue.hold(bob, count=1)) == 1


def test_an_overlap_below_what_is_taken_is_refused(project):
    name(project, "r1-00", "r1-01")
    for person in ("alice", "bob"):
        queue.hold(world.annotator(project, person), count=1)
    with pytest.raises(naming.OverlapTakenError, match="2 of its judgments"):
        naming.change_comparison(Comparison.objects.get(), priority=1, overlap=1, actor="lena")
    assert Comparison.objects.get().priority == 0
