"""Which judgments count, and what a snapshot has seen of the log."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from annotation import answers, log, queue
from annotation.models import Assignment
from annotation.scales import CHOICES
from exports.pipeline.build import build
from tests import world
from tests.exports.dataset import EVERYTHING, ask, built, give_feedback, log_inference, rows, vote

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(db):
    return world.project()


def judges(snapshot):
    return sorted(row["source_id"] for row in rows(snapshot, "judgments"))


def selected(project, **recipe):
    return judges(built(project, formats=["judgments"], **recipe))


def test_everything_acknowledged_before_is_in_and_nothing_after(project):
    log_inference(project, "r", "One.", "Two.")
    vote(project, "r", 0, by="alice")
    snapshot = ask(project, **EVERYTHING, formats=["judgments", "preference"])
    vote(project, "r", 1, by="bob")
    build(snapshot.pk)
    snapshot.refresh_from_db()
    assert judges(snapshot) == ["alice"]
    assert rows(snapshot, "preference")[0]["meta_last_position"] <= snapshot.watermark
    assert selected(project) == ["alice", "bob"]


def test_a_retraction_takes_its_judgments_out_from_its_own_position_on(project):
    world.add_comparisons(project, 1)
    alice = world.annotator(project, "alice")
    world.judge_next(alice)
    before = ask(project, **EVERYTHING, formats=["judgments"])
    answers.undo(alice)
    build(before.pk)
    before.refresh_from_db()
    assert judges(before) == ["alice"]
    assert selected(project) == []


def test_surplus_is_left_out_unless_asked_for(project):
    world.add_comparisons(project, 1)
    alice, bob = (world.annotator(project, name) for name in ("alice", "bob"))
    (late,) = queue.hold(alice, count=1)
    Assignment.objects.filter(pk=late.pk).update(expires_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    queue.expire()
    world.judge_next(bob)
    choice = CHOICES["a"]
    answers.judge(alice, late.uid, choice, feedback_id=str(uuid.uuid4()), duration_ms=1, active_ms=1)
    assert selected(project) == ["bob"]
    assert selected(project, surplus=True) == ["alice", "bob"]


def test_filters(project):
    for request_id, metadata in {
        "en": {"language": "en", "tags": ["code", "short"], "user_id": "u1"},
        "de": {"language": "de", "tags": ["prose"], "user_id": "u2"},
        "none": {},
    }.items():
        log_inference(project, request_id, "One.", "Two.", "Three.", metadata=metadata)
        vote(project, request_id, 0, by=f"alice-{request_id}", occurred_at="2026-05-01T10:00:00Z")
        vote(project, request_id, 1, pair=(1, 2), by=f"bob-{request_id}", occurred_at="2026-06-01T10:00:00Z")
    everyone = [f"{name}-{request_id}" for name in ("alice", "bob") for request_id in ("de", "en", "none")]
    assert selected(project) == everyone
    assert selected(project, languages=["en"]) == ["alice-en", "bob-en"]
    assert selected(project, languages=["en", "de"], tags=["prose", "code"], user_id="u2") == ["alice-de", "bob-de"]
    assert selected(project, tags=["long"]) == []
    assert selected(project, models=["aurora", "basalt 1"]) == ["alice-de", "alice-en", "alice-none"]
    assert selected(project, models=["aurora"]) == []
    assert selected(project, annotators_exclude=everyone[1:]) == ["alice-de"]
    early, late = {"until": "2026-06-01T10:00:00Z"}, {"since": "2026-06-01T12:00:00+02:00"}
    assert selected(project, **early) == everyone[:3]
    assert selected(project, **late) == everyone[3:]
    assert selected(project, sources=["end_user"]) == []


def test_a_value_with_quotes_is_a_value(project):
    log_inference(project, "r", "One.", "Two.", metadata={"user_id": "x'; DROP TABLE vote; --"})
    vote(project, "r", 0)
    assert selected(project, user_id="x'; DROP TABLE vote; --") == ["alice"]
    assert selected(project, user_id="' OR true --") == []


def test_another_projects_judgments_are_never_in(project):
    other = world.project("other")
    for each in (project, other):
        log_inference(each, f"r-{each.slug}", "One.", "Two.")
        vote(each, f"r-{each.slug}", 0, by=each.slug)
    assert selected(project) == ["summaries"]


def test_the_audit_table_tells_where_a_judgment_comes_from(project):
    world.add_comparisons(project, 1)
    world.judge_next(world.annotator(project, "alice"), duration_ms=1_500, active_ms=1_200)
    give_feedback(
        project, "r0", "score", by="critic", source="ai_critic", scores={"r0-0": 0.5, "r0-1": 0.125},
        critique="Too long.", principle="Be brief.", rationale="Counted.",
    )  # fmt: skip
    log.seal(project)
    snapshot = built(project, sources=["human", "ai_critic"], formats=["judgments", "preference"])
    human, critic = sorted(rows(snapshot, "judgments"), key=lambda row: row["source_type"], reverse=True)
    assert all(human[name] for name in ("lease_id", "comparison_id", "feedback_id"))
    assert (human["duration_ms"], human["active_ms"], human["outcome"]) == (1_500, 1_200, "chosen")
    assert human["chosen"] == human["presented"][0]
    assert set(human["outputs"]) == set(human["presented"]) == {"r0-0", "r0-1"}
    assert human["models"] == ["aurora 1", "basalt 1"]
    assert critic["scores"] == '{"r0-0": 0.5, "r0-1": 0.125}'
    assert (critic["critique"], critic["principle"], critic["rationale"]) == ("Too long.", "Be brief.", "Counted.")
    assert (critic["presented"], critic["lease_id"], critic["surplus"]) == (None, None, False)
    assert len({row["pair_id"] for row in (human, critic)}) == 1


def test_the_audit_table_tells_numbers_as_doubles_as_the_api_does(project):
    log_inference(project, "r", "One.", "Two.")
    give_feedback(project, "r", "score", by="critic", source="ai_critic", scores={"r-0": 1e308, "r-1": 10**30})
    give_feedback(project, "r", "score", by="other", source="ai_critic", scores={"r-0": 2, "r-1": 1})
    exact = {"r-0": 0.8123456789012345, "r-1": 0.00001}
    give_feedback(project, "r", "score", by="third", source="ai_critic", scores=exact)
    told = rows(built(project, sources=["ai_critic"], formats=["judgments"]), "judgments")
    assert [row["scores"] for row in told] == [
        '{"r-0": 1e+308, "r-1": 1e+30}',
        '{"r-0": 2.0, "r-1": 1.0}',
        '{"r-0": 0.8123456789012345, "r-1": 0.00001}',
    ], "what is written beside a row changes nothing of it"
