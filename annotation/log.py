"""The log: append, seal, read. The only writer of events.

An event is written in the transaction of what it tells. Sealing runs single-file after commit and gives committed
events dense positions and chained hashes, so that a late commit is only sealed later, never lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction

from annotation import canonical
from annotation.bulk import copy_rows, new_uids, write_rows
from annotation.facts import utc, utc_in_sql
from annotation.models import Chain, Event, Project, Seal, UnsealedEvent

SEAL_BATCH = 5_000

# For a statement that makes the facts itself; a SELECT of these columns follows.
APPEND = "INSERT INTO annotation_event (uid, project_id, kind, actor, subject, payload)"


class NewEvent(NamedTuple):
    """An event to be written: what happened (`kind`), to what (`subject`), by whom (`actor`)."""

    kind: str
    actor: str
    subject: str
    payload: dict[str, Any] = {}


@dataclass(frozen=True)
class Head:
    """The last position of a chain (0 when empty) and its hash."""

    position: int
    hash: str


def append(project: Project | None, events: Sequence[NewEvent]) -> list[int]:
    """Write events to a project's chain (None: the instance's) and return their ids, in order.

    Must run in the transaction of the facts that the events tell.
    """
    return write_rows(Event, EVENT_FIELDS, rows(project, events))


EVENT_FIELDS = ("uid", "project", "kind", "actor", "subject", "payload")


def rows(project: Project | None, events: Sequence[NewEvent]) -> list[tuple[Any, ...]]:
    """Events as rows of EVENT_FIELDS, for whoever writes them in one statement with what they tell."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("An event belongs into the transaction of what it tells.")
    project_id = project.pk if project else None
    return [
        (uid, project_id, event.kind, event.actor, event.subject, event.payload)
        for uid, event in zip(new_uids(len(events)), events, strict=True)
    ]


def seal(project: Project | None) -> Head:
    """Give every committed event of a chain its position and hash; return the new head.

    Everything that was committed before the call is sealed when it returns.
    """
    while True:
        with transaction.atomic():
            head, sealed = _seal_batch(project)
        if sealed < SEAL_BATCH:
            return head


# Not through the models, here and in annotation.verification: a row object costs more than all the hashing. In two
# steps, since a plan for both together can go wrong: it may walk over every event.
WAITING = (
    "SELECT event_id FROM annotation_unsealedevent WHERE project_id {is_project} ORDER BY event_id LIMIT %(limit)s"
)
EVENTS = """
SELECT id, uid::text, kind, {at}, actor, subject, payload::text FROM annotation_event WHERE id = ANY (%s) ORDER BY id
""".format(at=utc_in_sql("at"))
SEALED = "DELETE FROM annotation_unsealedevent WHERE event_id = ANY (%s)"


def _seal_batch(project: Project | None) -> tuple[Head, int]:
    chain = _locked_chain(project)
    is_project = "= %(project)s" if project else "IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(WAITING.format(is_project=is_project), {"project": chain.project_id, "limit": SEAL_BATCH})
        waiting = [pk for (pk,) in cursor.fetchall()]
        if waiting:
            cursor.execute(EVENTS, [waiting])
            copy_rows(Seal, ["event", "project", "position", "hash"], [_seal(chain, *row) for row in cursor.fetchall()])
            cursor.execute(SEALED, [waiting])
            chain.save(update_fields=["position", "hash"])
    return Head(chain.position, chain.hash), len(waiting)


def _seal(
    chain: Chain, pk: int, uid: str, kind: str, at: str, actor: str, subject: str, payload: str
) -> tuple[int, int | None, int, str]:
    """Move the head of a chain on to one more event; return the seal of it."""
    chain.position += 1
    told = entry(chain.position, uid, kind, at, actor, subject, orjson.loads(payload))
    chain.hash = canonical.chain_hash(chain.hash, told)
    return pk, chain.project_id, chain.position, chain.hash


def _locked_chain(project: Project | None) -> Chain:
    Chain.objects.bulk_create(
        [Chain(project=project, hash=canonical.genesis(chain_name(project)))], ignore_conflicts=True
    )
    return Chain.objects.select_for_update().get(project=project)


def chain_name(project: Project | None) -> str:
    """What the hash of a chain begins with: the project's public id, or `instance`."""
    return str(project.uid) if project else "instance"


def head(project: Project | None) -> Head:
    """The head of a chain as stored; nothing is sealed."""
    chain = Chain.objects.filter(project=project).first()
    return Head(chain.position, chain.hash) if chain else Head(0, canonical.genesis(chain_name(project)))


def seal_all() -> int:
    """Seal every chain that has something waiting; return how many there were."""
    waiting = UnsealedEvent.objects.order_by().values_list("project", flat=True).distinct()
    projects: list[Project | None] = list(Project.objects.filter(pk__in=[pk for pk in waiting if pk is not None]))
    if None in waiting:
        projects.append(None)
    for project in projects:
        seal(project)
    return len(projects)


def describe(event: Event, position: int) -> dict[str, Any]:
    """The event as the API shows it, without `hash`: exactly what is hashed."""
    return entry(position, str(event.uid), event.kind, utc(event.at), event.actor, event.subject, event.payload)


def entry(
    position: int, uid: str, kind: str, at: str, actor: str, subject: str, payload: canonical.Json
) -> dict[str, Any]:
    """What is hashed of an event, of its parts."""
    return {
        "position": position,
        "id": uid,
        "kind": kind,
        "at": at,
        "actor": actor,
        "subject": subject,
        "payload": payload,
    }
