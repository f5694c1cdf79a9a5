"""The walk over a chain: every event hashed again, and its facts checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson
from django.db import connection, transaction

from annotation import canonical, log
from annotation.facts import utc_in_sql
from annotation.models import Project
from annotation.verification.checks import defects
from annotation.verification.defects import BrokenLogError
from annotation.verification.ends import check_ends
from annotation.verification.rows import Rows, SealedEvent

BATCH = 1_000

# Of everything: what is written meanwhile is not mistaken for a defect.
ONE_VIEW = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
SEALS = """
SELECT s.position, s.hash, e.id, e.project_id, e.uid::text, e.kind, {at}, e.actor, e.subject, e.payload::text
FROM annotation_seal s LEFT JOIN annotation_event e ON e.id = s.event_id
WHERE s.project_id {is_project} AND s.position > %(after)s ORDER BY s.position LIMIT %(limit)s
"""


class Sealed(NamedTuple):
    """An entry as it was sealed, and its event when that is still there."""

    position: int
    hash: str
    event: SealedEvent | None


def verify(project: Project | None, *, expect: log.Head | None = None) -> log.Head:
    """Seal a chain, then compute all of it again; return its head. Raises BrokenLogError at the first defect.

    `expect` is a head noted earlier (in a manifest, say): with it a cut-off tail is found as well.
    """
    log.seal(project)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_VIEW)
        head = _walk(project, expect)
        check_ends(project, head, expect)
        return head


def _walk(project: Project | None, expect: log.Head | None) -> log.Head:
    head = log.Head(0, canonical.genesis(log.chain_name(project)))
    for seals in _batches(project):
        good, broken = [], None
        try:
            for seal in seals:
                head = _follow(head, seal, project, expect)
                good.append(seal)
        except BrokenLogError as error:
            broken = error
        # The facts of the events before first, so that it is the first defect that is told.
        _check_facts(project, good)
        if broken:
            raise broken
    return head


def _follow(head: log.Head, seal: Sealed, project: Project | None, expect: log.Head | None) -> log.Head:
    """The head after one more event."""
    position, event = head.position + 1, seal.event
    if seal.position != position:
        raise BrokenLogError(f"the next entry has position {seal.position}", position)
    if event is None:
        raise BrokenLogError("its event is gone", position)
    entry = log.entry(position, event.uid, event.kind, event.at, event.actor, event.subject, event.payload)
    hash_ = canonical.chain_hash(head.hash, entry)
    if seal.hash != hash_ or event.project != (project.pk if project else None):
        raise BrokenLogError("the event is not the one that was sealed", position)
    if expect and position == expect.position and hash_ != expect.hash:
        raise BrokenLogError(f"expected hash {expect.hash}, found {hash_}", position)
    return log.Head(position, hash_)


def _check_facts(project: Project | None, seals: Sequence[Sealed]) -> None:
    if project is None:
        return  # The instance's chain tells of people, who have accounts, but no facts.
    try:
        rows = Rows(project.pk, [seal.event for seal in seals if seal.event])
    except (AttributeError, KeyError, TypeError, ValueError):
        if len(seals) == 1:
            raise BrokenLogError("it does not tell what an event of its kind tells", seals[0].position) from None
        for seal in seals:
            _check_facts(project, [seal])
        return
    for seal in seals:
        for defect in defects(seal.event, rows) if seal.event else ():
            raise BrokenLogError(defect, seal.position)


def _batches(project: Project | None) -> Iterator[list[Sealed]]:
    query = SEALS.format(is_project="= %(project)s" if project else "IS NULL", at=utc_in_sql("e.at"))
    parameters = {"project": project.pk if project else None, "after": 0, "limit": BATCH}
    with connection.cursor() as cursor:
        while True:
            cursor.execute(query, parameters)
            seals = [Sealed(position, hash_, _event(*told)) for position, hash_, *told in cursor.fetchall()]
            if not seals:
                return
            yield seals
            parameters["after"] = seals[-1].position


def _event(pk: int | None, project: int, uid: str, kind: str, at: str, actor: str, subject: str,
           payload: str) -> SealedEvent | None:  # fmt: skip
    return None if pk is None else SealedEvent(pk, project, uid, kind, at, actor, subject, orjson.loads(payload))
