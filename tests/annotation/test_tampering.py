"""Whatever is changed in any column of any fact, `verify` finds, and names a position; or a list here says why not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.db.models import ForeignKey
from django.utils import timezone

from annotation import answers, erasure, log, mixing, projects
from annotation.intake.feedback import accept_feedback, check_feedback
from annotation.models import Annotator, Project
from annotation.verification import BrokenLogError, verify
from tests import world
from tests.annotation.facts import FACTS
from tests.annotation.person import USER, live

pytestmark = pytest.mark.django_db

TABLES = sorted(
    {table for table in FACTS if table.startswith("annotation_")} | {"annotation_chain", "annotation_comparison"}
)
INTERNAL = "an internal key; where something refers to the row, that is found"
QUEUE = "the queue's business, not a fact"
NOT_COVERED = {
    "annotation_chain.id": INTERNAL,
    "annotation_comparison.id": INTERNAL,
    "annotation_guidelineversion.id": INTERNAL,
    "annotation_judgment.id": INTERNAL,
    "annotation_retraction.id": INTERNAL,
    "annotation_comparison.overlap": QUEUE,
    "annotation_comparison.own_overlap": QUEUE,
    "annotation_comparison.priority": QUEUE,
    "annotation_comparison.shuffle": QUEUE,
    "annotation_comparison.taken": QUEUE,
    "annotation_comparison.judged": QUEUE,
    "annotation_comparison.lefts": QUEUE,
    "annotation_comparison.opened": QUEUE,
    "annotation_comparison.closed": QUEUE,
    "annotation_comparison.withheld": QUEUE,
    "annotation_comparison.requires": QUEUE,
    "annotation_comparison.reserved_for_id": QUEUE,
    "annotation_comparison.created_at": "its event has the time",
}
# What makes another value of one, by type.
OTHERWISE = {
    "bigint": ["{} + 1000"],
    "boolean": ["NOT {}"],
    "character varying[]": ["{} || 'x'::varchar"],
    "character varying": ["CASE left({0}, 1) WHEN '0' THEN '1' ELSE '0' END || substr({0}, 2)"],
    "double precision": ["{} + 0.125"],
    "integer": ["{} + 1000"],
    "jsonb": ["CASE jsonb_typeof({0}) WHEN 'object' THEN {0} || '{{\"x\": 1}}' ELSE jsonb_build_array({0}) END"],
    "smallint": ["{} + 1000"],
    "text": ["'x' || {}"],
    "timestamp with time zone": ["{} + interval '1 microsecond'"],
    "uuid": ["gen_random_uuid()"],
}
# What comes in place of NULL.
SOMETHING = {
    "bigint": "1000", "character varying[]": "'{x}'", "double precision": "0.125", "integer": "1000", "jsonb": "'{}'",
    "smallint": "2", "timestamp with time zone": "now()",
}  # fmt: skip


class Column(NamedTuple):
    """A column as the database has it: its type, and the table that it refers to, if any."""

    table: str
    name: str
    kind: str
    may_be_null: bool
    refers_to: str | None
    key: str

    def __str__(self) -> str:
        return f"{self.table}.{self.name}"


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with facts of every kind, sealed, and another one beside it."""
    world.project("other", comparisons=1, guidelines="Something else.")
    made = world.project(
        comparisons=6, guidelines="Prefer the truthful one.", scale="strength7", heuristics="copied_over_not"
    )
    projects.change_project(made, {"guidelines": "Prefer the truthful and kind one."}, actor="test")
    alice = world.annotator(made, "alice")
    for value in ("a3", "b1", "tie"):
        world.judge_next(alice, value)
    answers.undo(alice)
    world.add_gold(made, "r5")
    repeat_one(made, alice, monkeypatch)
    add_feedback(made)
    log.seal_all()
    # All of it is rolled back in the end, and one transaction as it is.
    monkeypatch.setattr("annotation.verification.chain.ONE_VIEW", "SELECT")
    drop_checks()
    return made


def repeat_one(project: Project, annotator: Annotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the annotator is given after what was taken back is a repeat."""
    projects.change_project(project, {"repeat_rate": 0.5}, actor="test")
    monkeypatch.setattr(mixing, "APART", 0)
    monkeypatch.setattr(mixing.chance, "random", lambda: 0.4)
    for _ in range(2):
        world.judge_next(annotator, "a2")
    assert project.comparisons.filter(kind="repeat").exists()


def add_feedback(project: Project) -> None:
    """What the page does not ask for: scores, criteria, confidence, texts."""
    common = {"request_id": "r0", "source": {"type": "reward_model", "id": "rm", "version": "3"}, "confidence": 0.5}
    criteria = {"kindness": {"outcome": "chosen", "chosen": "r0-0"}}
    pair = {"outcome": "chosen", "chosen": "r0-0", "rejected": "r0-1"}
    late = {"request_id": "r6", "source": {"type": "end_user", "id": "u"}}
    records = [
        {**common, "feedback_id": "f0", "kind": "score", "scores": {"r0-0": 0.5, "r0-1": 0.25}},
        {**common, "feedback_id": "f1", "kind": "preference", **pair, "critique": "Shorter.", "criteria": criteria},
        # These wait for their inference and are joined when it comes.
        {**late, "feedback_id": "f2", "kind": "rating", "output": "r6-0", "value": 0.5},
        {**late, "feedback_id": "f3", "kind": "edit", "output": "r6-0", "edited": "Better."},
        {**late, "feedback_id": "f4", "kind": "implicit", "signals": {"copied": ["r6-0"]}},
        {"source": late["source"], "feedback_id": "f5", "kind": "retraction", "retracts": "f2"},
    ]
    now = timezone.now()
    outcomes = accept_feedback(project, [check_feedback(record, now=now) for record in records], actor="test", now=now)
    assert {outcome.result for outcome in outcomes} == {"created"}, outcomes
    world.add_comparisons(project, 1)


def query(statement: str, *parameters: object) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def drop_checks() -> None:
    """Takes the CHECK constraints away, as somebody with full rights on the database would do first."""
    find = (
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c' AND conrelid::regclass::text "
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, name in query(find + "= ANY (%s)", TABLES):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def columns(table: str) -> list[Column]:
    """Every column of a table, asked of the database, so that a new one cannot be forgotten.

    Save those that the database computes anew from the others whenever a row is written.
    """
    (model,) = (model for model in apps.get_models() if model._meta.db_table == table)
    references = {
        field.column: field.related_model._meta.db_table
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey)
    }
    key = model._meta.pk.column
    found = query(
        "SELECT attname, atttypid::regtype::text, NOT attnotnull FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        table,
    )
    return [Column(table, name, kind, null, references.get(name), key) for name, kind, null in found]


def changes(project: Project, column: Column, *, of: str = "true") -> Iterator[str]:
    """Statements that give a column another value in one row of the project each, of those for which `of` holds."""
    mine = f"project_id = {project.pk}"
    if column.table == "annotation_retraction":
        mine = f"event_id IN (SELECT id FROM annotation_event WHERE {mine})"
    mine = f"{mine} AND {of}"
    one = "ctid = (SELECT ctid FROM {0.table} WHERE {mine} AND {0.name} IS {test} ORDER BY {0.key} LIMIT 1)"
    values = [value.format(column.name) for value in OTHERWISE[column.kind]]
    if column.refers_to:
        values.append(f"(SELECT min(r.id) FROM {column.refers_to} r WHERE r.id <> {column.table}.{column.name})")
    if column.may_be_null:
        values.append("NULL")
    for value in values:
        where = one.format(column, mine=mine, test="NOT NULL")
        yield f"UPDATE {column.table} SET {column.name} = {value} WHERE {where}"
    if column.may_be_null:
        where = one.format(column, mine=mine, test="NULL")
        yield f"UPDATE {column.table} SET {column.name} = {SOMETHING[column.kind]} WHERE {where}"


def verify_after(project: Project, statement: str) -> tuple[bool, BrokenLogError | None]:
    """Whether a statement, behind the triggers, changed something, and what `verify` says then; all is rolled back."""
    defect = None
    with transaction.atomic():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL session_replication_role = replica")
                cursor.execute(statement)
                changed = cursor.rowcount == 1
        except IntegrityError:  # somebody else has that value, and it must be unique
            changed = False
        try:
            verify(project)
        except BrokenLogError as error:
            defect = error
        transaction.set_rollback(True)
    return changed, defect


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_covered(project: Project, table: str) -> None:
    verify(project)
    for column in columns(table):
        tried = 0
        for statement in changes(project, column):
            changed, defect = verify_after(project, statement)
            tried += changed
            if not changed:
                assert defect is None, f"{statement}: {defect}"
            elif NOT_COVERED.get(str(column)) == INTERNAL:
                continue  # as it happens: whether something refers to that row
            elif str(column) in NOT_COVERED:
                assert defect is None, f"{column} is covered: strike it off the list"
            else:
                assert defect is not None, f"not found: {statement}"
                assert defect.position is not None, f"{statement}: {defect}"
        assert tried, f"nothing was tried on {column}"


ERASED = ["annotation_candidate", "annotation_feedback", "annotation_judgment", "annotation_prompt"]


@pytest.mark.parametrize("table", ERASED)
def test_every_column_of_an_erased_row_is_covered(project: Project, table: str) -> None:
    live(project)
    erasure.erase(project, USER, actor="test")
    verify(project)
    for column in columns(table):
        for statement in changes(project, column, of="erasure_id IS NOT NULL"):
            changed, defect = verify_after(project, statement)
            if not changed:
                assert defect is None, f"{statement}: {defect}"
            elif str(column) not in NOT_COVERED:
                assert defect is not None, f"not found: {statement}"
                assert defect.position is not None, f"{statement}: {defect}"


@pytest.mark.parametrize("table", ERASED)
def test_a_row_that_is_blanked_without_an_erasure_is_found(project: Project, table: str) -> None:
    live(project)
    erasure.erase(project, USER, actor="test")
    to_blank = "erasure_id IS NULL AND project_id = {0.pk}"
    if table == "annotation_judgment":
        to_blank += " AND source_type = 'end_user'"
    one = f"ctid = (SELECT min(ctid) FROM {table} WHERE {to_blank.format(project)})"
    last = "(SELECT max(id) FROM annotation_event WHERE kind = 'records.erased')"
    for event in ("NULL", last):
        blank = {
            "annotation_candidate": "content = 'null', digest = '', salt = '', model = '{}', parameters = '{}', "
            "metadata = '{}', generated_at = NULL",
            "annotation_feedback": "body = '{}', record_digest = '', salt = ''",
            "annotation_judgment": "source_id = ''",
            "annotation_prompt": "content = 'null', tools = '[]', metadata = '{}', digest = '', record_digest = '', "
            "salt = '', occurred_at = NULL",
        }[table]
        changed, defect = verify_after(project, f"UPDATE {table} SET erasure_id = {event}, {blank} WHERE {one}")
        assert changed
        assert defect is not None
        assert defect.position is not None


def test_the_list_of_what_is_not_covered_names_columns_that_are_there() -> None:
    assert set(NOT_COVERED) <= {str(column) for table in TABLES for column in columns(table)}
