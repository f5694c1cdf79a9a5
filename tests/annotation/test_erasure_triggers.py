"""The database lets an erasure through, and nothing that is not exactly one."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from annotation import erasure, log
from annotation.models import Event, Prompt
from tests import world
from tests.annotation.person import USER, live

pytestmark = pytest.mark.django_db(transaction=True)

# What an erasure does to one row of a table.
ERASES = {
    "prompt": "content = 'null', tools = '[]', metadata = '{}', digest = '', record_digest = '', salt = '', "
    "occurred_at = NULL",
    "candidate": "content = 'null', digest = '', salt = '', model = '{}', parameters = '{}', metadata = '{}', "
    "generated_at = NULL",
    "feedback": "body = '{}', record_digest = '', salt = ''",
    "judgment": "source_id = ''",
}
# The same with something more, less or else.
NOT_QUITE = {
    "prompt": ["content = '\"x\"'", "request_id = 'x'", "salt = salt", "digest = 'x'", "received_at = now()"],
    "candidate": ["content = '\"\"'", "model_name = ''", "output_id = 'x'", "index = NULL", "parameters = parameters"],
    "feedback": ["body = body", "kind = 'edit'", "source_id = 'x'", "propensity = 0.5", "request_id = ''"],
    "judgment": ["outcome = 'tie'", "source_id = 'x'", "chosen_id = NULL", "duration_ms = 1", "surplus = true"],
}
tables = pytest.mark.parametrize("table", ERASES)


@pytest.fixture
def project(transactional_db):
    made = world.project()
    live(made)
    return made


def event(project, kind="records.erased"):
    (pk,) = log.append(project, [log.NewEvent(kind, "test", "x", {"requests": [], "feedback": []})])
    return pk


def update(table, changes, *, erasure, setting):
    """Change the first row of a table as an erasure does; how many rows were changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('prefapp.erasure', %s, true)", [str(setting)])
        cursor.execute(
            f"UPDATE annotation_{table} SET {changes}, erasure_id = {erasure} "
            f"WHERE id = (SELECT min(id) FROM annotation_{table})"
        )
        return cursor.rowcount


@transaction.atomic
def erase_first(project, table, changes=None, *, named=None, setting=None, event_of=event):
    """The same, with an event of its transaction; named and set may be another one."""
    pk = event_of(project)
    named, setting = pk if named is None else named, pk if setting is None else setting
    return update(table, changes or ERASES[table], erasure=named, setting=setting)


@transaction.atomic
def run(project, statement):
    """Carry out a statement while an erasure is at work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('prefapp.erasure', %s, true)", [str(event(project))])
        cursor.execute(statement)


@tables
def test_exactly_an_erasure_is_let_through_and_only_once(project, table):
    assert erase_first(project, table) == 1
    with pytest.raises(IntegrityError, match="append-only"):
        erase_first(project, table)


@pytest.mark.parametrize(("table", "other"), [(table, other) for table in NOT_QUITE for other in NOT_QUITE[table]])
def test_a_change_of_anything_else_is_refused(project, table, other):
    name = other.split(" = ")[0]
    kept = [part for part in ERASES[table].split(", ") if part.split(" = ")[0] != name]
    with pytest.raises(IntegrityError):
        erase_first(project, table, ", ".join([*kept, other]))


@tables
def test_without_the_setting_it_is_refused(project, table):
    with pytest.raises(IntegrityError, match="append-only"):
        erase_first(project, table, setting="")


@tables
def test_without_an_erasure_of_this_transaction_it_is_refused(project, table):
    other = world.project("other")
    with transaction.atomic():
        earlier = event(project)
    for options in (
        {"named": 10**9, "setting": 10**9},
        {"named": earlier, "setting": earlier},
        {"named": "NULL"},
        {"event_of": lambda _: event(project, "x")},
        {"event_of": lambda _: event(other)},
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            erase_first(project, table, **options)


def test_a_setting_that_is_no_event_is_refused(project):
    with pytest.raises(DatabaseError), transaction.atomic():
        update("prompt", ERASES["prompt"], erasure=1, setting="on")


@tables
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_deleting_is_refused_whatever_is_set(project, table, statement):
    with pytest.raises(IntegrityError, match="append-only"):
        run(project, statement.format(f"annotation_{table}"))


@pytest.mark.parametrize("table", ["event", "seal", "retraction", "guidelineversion"])
def test_other_facts_are_never_changed_whatever_is_set(project, table):
    with pytest.raises(IntegrityError, match="append-only"):
        run(project, f"UPDATE annotation_{table} SET {'position' if table == 'seal' else 'id'} = 1")


@transaction.atomic
def erase_and_change(project):
    erasure.erase(project, USER, actor="test")
    assert Event.objects.filter(kind="records.erased").exists()
    Prompt.objects.filter(erasure=None).update(salt="")


def test_after_an_erasure_its_transaction_may_change_nothing_more(project):
    with pytest.raises(IntegrityError, match="append-only"):
        erase_and_change(project)
