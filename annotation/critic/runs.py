"""The life of a critic's run, from asked for to done, stopped or failed. The only writer of its row.

An attempt owns the run while the row is `running` under its number. The row, not the broker, says what is to be done: a
sweeper queues again whatever has shown no sign of life.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from celery import current_app
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError

from annotation import log, queue
from annotation.canonical import Json
from annotation.critic.asking import PROMPT_VERSION, Principles
from annotation.critic.chat import Spent
from annotation.models import Annotator, Assignment, CriticRun, Project

logger = logging.getLogger(__name__)

TASK = "annotation.ask_critic"
STALE_SECONDS = 30
# Broken off so often in a row, it is no accident.
BROKEN_OFF = 5
GIVEN_UP = f"It was broken off {BROKEN_OFF} times in a row: a worker or the database went away. Order it again."
SKIPS_IN_A_ROW = 10
MOST_PARALLEL = 32
# Of a request these are not the operator's to choose.
OWN_PARAMETERS = {"model", "messages", "stream", "n"}
PARAMETERS: dict[str, Json] = {"temperature": 0, "max_tokens": 1_000}
LONGEST = {"endpoint": 500, "model": 150, "key_variable": 100, "name": 196}
State = CriticRun.State


class OrderError(Exception):
    """A run that cannot be ordered: why."""


@dataclass(frozen=True)
class Order:
    """What is wanted of a critic. Without principles it judges by the project's guidelines."""

    endpoint: str
    model: str
    name: str = ""
    key_variable: str = ""
    principles: Sequence[str] = ()
    parameters: dict[str, Json] = field(default_factory=lambda: dict(PARAMETERS))
    parallel: int = 4
    per_minute: int = 0
    most: int | None = None
    price_in: Decimal = Decimal(0)
    price_out: Decimal = Decimal(0)


@dataclass(frozen=True)
class Came:
    """What became of one comparison."""

    judged: int = 0
    disagreed: int = 0
    skipped: int = 0
    lost: int = 0


def request(project: Project, order: Order, *, actor: str, enqueue: bool = True) -> CriticRun:
    """A new queued run; a worker is told after commit. `enqueue=False` leaves the work to the caller.

    Raises OrderError, also while a run of the same name is at work in the project.
    """
    _check(project, order)
    fields = {name: getattr(order, name) for name in Order.__dataclass_fields__}
    fields |= {"name": order.name or order.model, "principles": list(order.principles)}
    try:
        with transaction.atomic():
            run = CriticRun.objects.create(project=project, created_by=actor, **fields)
            payload = {"annotator": f"api:{run.name}", "version": version_of(run, principles_of(run))}
            _tell_log(run, "requested", actor, payload)
            if enqueue:
                _tell_worker(run.pk)
    except IntegrityError:
        raise OrderError(
            f"a critic named “{fields['name']}” is at work there already; name this one otherwise"
        ) from None
    return run


def _check(project: Project, order: Order) -> None:
    parts = urlsplit(order.endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OrderError("the endpoint must begin with https:// or http://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise OrderError("the endpoint must be a plain base URL; a key has no place in it")
    limits = {"parallel": (1, MOST_PARALLEL), "per_minute": (0, 100_000), "price_in": (0, 100_000),
              "price_out": (0, 100_000), "most": (1, 2**31 - 1)}  # fmt: skip
    for name, (least, top) in limits.items():
        value = getattr(order, name)
        if value is not None and not least <= value <= top:
            raise OrderError(f"{name.replace('_', ' ')} must be from {least:,} to {top:,}")
    for name in LONGEST:
        longest, given = LONGEST[name], getattr(order, name)
        if len(given) > longest or not given.isprintable():
            raise OrderError(f"{name.replace('_', ' ')} must have at most {longest} characters, all printable")
    taken = OWN_PARAMETERS & order.parameters.keys()
    if taken:
        raise OrderError(f"the parameter {min(taken)} cannot be chosen")
    if project.status != Project.Status.OPEN:
        raise OrderError(f"the project is {project.status}: nothing is handed out")
    guidelines = project.current_guidelines()
    if not order.principles and not (guidelines and guidelines.text.strip()):
        raise OrderError("the project has no guidelines to judge by; name a file of principles")


def principles_of(run: CriticRun) -> Principles | None:
    """What a run judges by just now; None when that would be guidelines and there are none any more."""
    if run.principles:
        return Principles.of_texts(run.principles)
    guidelines = run.project.current_guidelines()
    return Principles.of_guidelines(guidelines.text, guidelines.version) if guidelines and guidelines.text else None


def version_of(run: CriticRun, principles: Principles | None) -> str:
    """The version of the source: another model, another wording of the question or other principles are another."""
    return f"{run.model} p{PROMPT_VERSION} {principles.version if principles else ''}".strip()


def claim(pk: int) -> CriticRun | None:
    """Take a queued run as a new attempt; None when it is not queued (any more)."""
    queued = CriticRun.objects.filter(pk=pk, state=State.QUEUED)
    taken = queued.update(state=State.RUNNING, attempt=F("attempt") + 1, heartbeat_at=Now())
    return CriticRun.objects.select_related("project").get(pk=pk) if taken else None


def _owned(run: CriticRun) -> Any:
    return CriticRun.objects.filter(pk=run.pk, state=State.RUNNING, attempt=run.attempt)


def beat(run: CriticRun, spent: Spent) -> bool:
    """Say that the attempt lives, and what was spent since; False when it no longer owns the run."""
    add_spent(run, spent)
    return bool(_owned(run).update(heartbeat_at=Now()))


def add_spent(run: CriticRun, spent: Spent) -> None:
    """Count what was spent, whoever owns the run now."""
    if spent != Spent():
        _add(run, spent)


def count(run: CriticRun, came: Came) -> None:
    """Count what became of a comparison, in the transaction of the judgment, whoever owns the run now."""
    in_a_row = {"skips_in_a_row": 0 if came.judged else F("skips_in_a_row") + came.skipped}
    _add(run, came, **in_a_row)


def _add(run: CriticRun, counts: Spent | Came, **more: Any) -> None:
    more |= {name: F(name) + value for name, value in vars(counts).items() if value}
    CriticRun.objects.filter(pk=run.pk).update(**more)


def skips_too_much(run: CriticRun) -> bool:
    """Whether it has skipped so many in a row that it would leave a whole queue unjudged."""
    return CriticRun.objects.filter(pk=run.pk, skips_in_a_row__gte=SKIPS_IN_A_ROW).exists()


def put_off(run: CriticRun) -> None:
    """Queue a run again that has had its turn, so that others come to theirs."""
    with transaction.atomic():
        if _owned(run).update(state=State.QUEUED, heartbeat_at=Now(), broken_off=0):
            _tell_worker(run.pk)


def finish(run: CriticRun) -> None:
    """End a run that found nothing more to do."""
    _end(run, State.DONE)


def fail(run: CriticRun, reason: str) -> None:
    """End a run for a reason that people can read."""
    _end(run, State.FAILED, reason)


def _end(run: CriticRun, state: State, reason: str = "") -> None:
    with transaction.atomic():
        if _owned(run).update(state=state, error=reason, ended_at=Now()):
            run.refresh_from_db()
            _tell_log(run, state.value, "system", _counts(run))


def stop(run: CriticRun, *, actor: str) -> bool:
    """Stop an unfinished run; False when it had ended. A living attempt notices, and takes no more."""
    with transaction.atomic():
        unfinished = CriticRun.objects.filter(pk=run.pk, state__in=CriticRun.UNFINISHED)
        stopped = bool(unfinished.update(state=State.STOPPED, ended_at=Now()))
        if stopped:
            _tell_log(run, "stopped", actor, {})
    return stopped


def requeue_stale() -> int:
    """Tell a worker again of every unfinished run without a sign of life; return how many.

    One that was broken off too often fails, and gives back what it holds.
    """
    # By the database's clock, as the heartbeats are: machines differ.
    before = Now() - dt.timedelta(seconds=STALE_SECONDS)
    stale = CriticRun.objects.filter(state__in=CriticRun.UNFINISHED, heartbeat_at__lt=before)
    requeued = 0
    for run in stale.select_related("project").order_by("pk")[:100]:
        if run.state == State.RUNNING and run.broken_off + 1 >= BROKEN_OFF:
            fail(run, GIVEN_UP)
            release_if_ended(run)
            continue
        with transaction.atomic():
            # Unless it moved since it was listed. The heartbeat spaces out further tries.
            same = stale.filter(pk=run.pk, attempt=run.attempt, state=run.state)
            more = 1 if run.state == State.RUNNING else 0
            if same.update(state=State.QUEUED, heartbeat_at=Now(), broken_off=F("broken_off") + more):
                _tell_worker(run.pk)
                requeued += 1
    return requeued


def release_if_ended(run: CriticRun) -> None:
    """Give back what the run's annotator holds, unless somebody works on."""
    if not CriticRun.objects.filter(pk=run.pk, state__in=CriticRun.UNFINISHED).exists():
        queue.release_each(Assignment.objects.filter(annotator=annotator_of(run)))


def annotator_of(run: CriticRun) -> Annotator:
    """The annotator that a run is."""
    return queue.annotator_for_program(run.project, run.name)


def _counts(run: CriticRun) -> dict[str, Any]:
    names = ("judged", "disagreed", "skipped", "lost", "requests", "tokens_in", "tokens_out")
    return {name: getattr(run, name) for name in names}


def _tell_log(run: CriticRun, what: str, actor: str, payload: dict[str, Any]) -> None:
    log.append(run.project, [log.NewEvent(f"critic.{what}", actor, f"critic:{run.uid}", payload)])


def _tell_worker(pk: int) -> None:
    transaction.on_commit(partial(_send, pk))


def _send(pk: int) -> None:
    try:
        current_app.send_task(TASK, args=[pk], retry=False)
    except BrokerError:
        # The row stands; requeue_stale tells a worker once the broker answers again.
        logger.warning("critic run %d could not be queued: the broker does not answer", pk)
