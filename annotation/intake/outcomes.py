"""What became of a record, and how writers of the same ids take turns."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from django.db import connection

from annotation.intake.soundness import Problem
from annotation.models import Project

Result = Literal["created", "duplicate", "refused", "conflict"]
# Feedback is joined to its inference, waits for it, did not fit it when it came, or was left out by the project's
# sampling of implicit signals.
State = Literal["joined", "waiting", "mismatched", "sampled_out"]

CONFLICT = Problem("", "another record has this id already")
ERASED = Problem("", "the record with this id was erased; the id cannot be used again")
BUCKETS = 64


class LoggedOutput(NamedTuple):
    """An output as the client knows it afterwards."""

    output_id: str
    digest: str


class Outcome(NamedTuple):
    """What became of one record. `id` is its request_id or feedback_id, None when it has none that can be read.

    `problems` tell why it was refused or conflicts; `outputs` are those of an inference.
    """

    id: str | None
    result: Result
    problems: tuple[Problem, ...] = ()
    outputs: tuple[LoggedOutput, ...] = ()
    judgments: int = 0
    comparisons: int = 0
    state: State | None = None


def refused(id_: object, problems: Iterable[Problem]) -> Outcome:
    """The outcome of a record that cannot be taken; its id as far as it is one."""
    return Outcome(id_ if isinstance(id_, str) and len(id_) <= 200 else None, "refused", tuple(problems))


def take_turns(project: Project, ids: Iterable[str]) -> None:
    """Wait until no other transaction writes any of these ids, and keep others waiting until this one ends.

    What is read of them afterwards holds until the commit, and so do the project's settings, which are read again.
    Call it once in a transaction with every id that it will write: buckets are taken in one order everywhere, so that
    two writers never wait for each other.
    """
    _take(project, sorted({zlib.crc32(id_.encode()) % BUCKETS for id_ in ids}))


def take_every_turn(project: Project) -> None:
    """The same for a transaction that learns its ids as it goes."""
    _take(project, list(range(BUCKETS)))


def _take(project: Project, buckets: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s::int, bucket) FROM unnest(%s::int[]) bucket", [project.pk, list(buckets)]
        )
        # Whoever changes the settings locks this row against sharing, and so comes before or after all of this.
        cursor.execute("SELECT FROM annotation_project WHERE id = %s FOR SHARE", [project.pk])
    project.refresh_from_db(fields=["overlap", "pairing", "pairing_n", "pairing_models", "implicit_rate", "heuristics"])
