"""Verifying and replaying the log: whatever is changed behind the application's back is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from annotation import answers, log
from annotation.models import Event, Project
from annotation.replay import replay
from annotation.verification import BrokenLogError, verify
from tests import world

# Committed for real: what is torn out leaves broken references, which a rolled-back test would be checked for.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project(transactional_db) -> Project:
    made = world.project(comparisons=4, guidelines="Prefer the truthful one.")
    alice = world.annotator(made, "alice")
    for value in ("a", "b", "tie"):
        world.judge_next(alice, value)
    answers.undo(alice)
    log.seal(made)
    return made


@contextmanager
def behind_the_triggers() -> Iterator[None]:
    """As somebody with full rights on the database would do it."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = origin")


def tamper(statement: str) -> None:
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0


def test_an_untouched_log_holds(project):
    head = verify(project)
    assert head == log.head(project)
    assert verify(project, expect=head) == head
    assert replay(project).differences == []
    assert replay(project).judgments == 3


ONE = "(SELECT min(id) FROM annotation_{})"
TAMPERINGS = {
    "event kind": "UPDATE annotation_event SET kind = 'x' WHERE id = " + ONE.format("event"),
    "event payload": "UPDATE annotation_event SET payload = payload || '{\"x\": 1}' WHERE id = " + ONE.format("event"),
    "event time": "UPDATE annotation_event SET at = at + interval '1 us' WHERE id = " + ONE.format("event"),
    "prompt text": "UPDATE annotation_prompt SET content = '\"x\"' WHERE id = " + ONE.format("prompt"),
    "prompt metadata": "UPDATE annotation_prompt SET metadata = '{\"x\": 1}' WHERE id = " + ONE.format("prompt"),
    "prompt digest": "UPDATE annotation_prompt SET digest = 'x' WHERE id = " + ONE.format("prompt"),
    "output text": "UPDATE annotation_candidate SET content = '\"x\"' WHERE id = " + ONE.format("candidate"),
    "model": "UPDATE annotation_candidate SET model_name = 'x' WHERE id = " + ONE.format("candidate"),
    "parameters": "UPDATE annotation_candidate SET parameters = '{\"x\": 1}' WHERE id = " + ONE.format("candidate"),
    "feedback body": "UPDATE annotation_feedback SET body = body || '{\"x\": 1}' WHERE id = " + ONE.format("feedback"),
    "outcome": "UPDATE annotation_judgment SET outcome = 'tie', chosen_id = NULL, rejected_id = NULL WHERE id = "
    + ONE.format("judgment"),
    "winner": "UPDATE annotation_judgment SET chosen_id = rejected_id, rejected_id = chosen_id WHERE id = "
    + ONE.format("judgment"),
    "duration": "UPDATE annotation_judgment SET duration_ms = 1 WHERE id = " + ONE.format("judgment"),
    "source": "UPDATE annotation_judgment SET source_type = 'end_user' WHERE id = " + ONE.format("judgment"),
    "a judgment gone": "DELETE FROM annotation_judgment WHERE id = " + ONE.format("judgment"),
    "an output gone": "DELETE FROM annotation_candidate WHERE id = " + ONE.format("candidate"),
    "a retraction gone": "DELETE FROM annotation_retraction",
    "a seal gone": "DELETE FROM annotation_seal WHERE position = 3",
    "an event gone": "DELETE FROM annotation_event WHERE id = " + ONE.format("event"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_every_change_is_found(project, what):
    tamper(TAMPERINGS[what])
    with pytest.raises(BrokenLogError):
        verify(project)


def test_the_position_of_a_change_is_named(project):
    tamper("UPDATE annotation_judgment SET duration_ms = 1 WHERE id = " + ONE.format("judgment"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT position FROM annotation_seal JOIN annotation_judgment USING (event_id) ORDER BY id LIMIT 1"
        )
        (position,) = cursor.fetchone()
    with pytest.raises(BrokenLogError, match=f"position {position}: "):
        verify(project)


def test_a_fact_without_an_event_is_found(project):
    tamper("UPDATE annotation_prompt SET event_id = 999999 WHERE id = " + ONE.format("prompt"))
    with pytest.raises(BrokenLogError):
        verify(project)


def test_a_cut_off_tail_is_found_by_a_head_noted_earlier(project):
    noted = verify(project)
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM annotation_retraction")
        cursor.execute("SELECT event_id, position FROM annotation_seal ORDER BY position DESC LIMIT 1")
        event, position = cursor.fetchone()
        cursor.execute("DELETE FROM annotation_seal WHERE event_id = %s", [event])
        cursor.execute("DELETE FROM annotation_feedback WHERE event_id = %s", [event])
        cursor.execute("DELETE FROM annotation_event WHERE id = %s", [event])
        cursor.execute(
            "UPDATE annotation_chain SET position = %s, hash = (SELECT hash FROM annotation_seal WHERE position = %s)",
            [position - 1, position - 1],
        )
    verify(project)
    with pytest.raises(BrokenLogError, match="the log ends here"):
        verify(project, expect=noted)


@pytest.mark.parametrize(
    "what", ["outcome", "winner", "duration", "a judgment gone", "a retraction gone"], ids=lambda what: what
)
def test_replay_finds_what_the_tables_say_otherwise(project, what):
    tamper(TAMPERINGS[what])
    assert replay(project).differences


def test_memory_does_not_grow_with_the_log_because_batches_are_read(project, monkeypatch):
    monkeypatch.setattr("annotation.verification.chain.BATCH", 2)
    monkeypatch.setattr("annotation.replay.BATCH", 2)
    assert verify(project) == log.head(project)
    assert replay(project).judgments == 3


def test_what_is_written_after_sealing_is_no_defect(project, monkeypatch):
    seal = log.seal

    def seal_and_go_on(sealed: Project) -> log.Head:
        head = seal(sealed)
        world.judge_next(project.annotators.get())
        return head

    monkeypatch.setattr(log, "seal", seal_and_go_on)
    head = verify(project)
    assert head.position < Event.objects.filter(project=project).count()
    monkeypatch.setattr(log, "seal", seal)
    assert verify(project).position > head.position
