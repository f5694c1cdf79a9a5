"""A critic at work: takes comparisons from the queue, asks about each in both orders, and records what it said.

Threads wait for the endpoint, and do nothing else; the database is the main thread's alone.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from annotation import queue
from annotation.canonical import Json
from annotation.critic import runs
from annotation.critic.asking import (
    PROMPT_VERSION,
    Agreed,
    Opinion,
    Principles,
    UnreadableError,
    agree,
    question,
    read_answer,
)
from annotation.critic.chat import DeclinedError, Endpoint, EndpointError, Pace, StoppedError
from annotation.critic.runs import Came
from annotation.intake.answering import answer_lease
from annotation.intake.retrying import until_settled
from annotation.models import Assignment, CriticRun

# So long a worker stays with one run, so that each gets on and a worker can be ended.
TURN_SECONDS = 60.0
BEAT_SECONDS = 2.0
READS = 2
GIVEN_UP = f"{runs.SKIPS_IN_A_ROW} comparisons in a row could not be judged; their leases, which are skipped, say why."
NO_GUIDELINES = "The project has no guidelines any more to judge by."


def work(pk: int, *, turn: float | None = TURN_SECONDS, tell: Callable[[], None] = lambda: None) -> None:
    """Do a turn of a queued run, and queue it again when that was not all; with `turn` None go on to the end.

    Nothing happens when it is not queued. `tell` is called now and then.
    """
    run = runs.claim(pk)
    if run is None:
        return
    key = os.environ.get(run.key_variable, "").strip() if run.key_variable else ""
    if run.key_variable and not (key and key.isascii() and key.isprintable()):
        runs.fail(run, f"The environment of the worker holds no key in {run.key_variable}.")
        return
    endpoint = Endpoint(run.endpoint, run.model, run.parameters, key=key, pace=Pace(run.per_minute))
    with endpoint, ThreadPoolExecutor(run.parallel, thread_name_prefix="critic") as pool:
        _Turn(run, endpoint, pool, turn, tell).go()


@dataclass(frozen=True)
class _Said:
    """What a critic said of a comparison in both orders, what it was asked by, and who says to have answered."""

    agreed: Agreed
    orders: tuple[Opinion, Opinion]
    principles: Principles
    model: str
    duration_ms: int


class _Turn:
    """One attempt at a run, for so many seconds or to its end."""

    def __init__(
        self,
        run: CriticRun,
        endpoint: Endpoint,
        pool: ThreadPoolExecutor,
        seconds: float | None,
        tell: Callable[[], None],
    ) -> None:
        self._run = run
        self._endpoint = endpoint
        self._pool = pool
        self._ends = None if seconds is None else time.monotonic() + seconds
        self._tell = tell
        self._annotator = runs.annotator_of(run)
        self._asked: dict[Future[_Said], Assignment] = {}
        self._taken = run.taken

    def go(self) -> None:
        """Work until nothing is left, the turn is over, or somebody stops the run."""
        try:
            while self._is_ours() and (self._take() or self._asked):
                self._settle_some()
            if self._is_over():
                runs.put_off(self._run)
            else:
                runs.finish(self._run)
        except EndpointError as error:
            runs.fail(self._run, str(error))
        finally:
            self._wind_up()

    def _is_ours(self) -> bool:
        """Beat, keep what is held, and see whether the run is still this attempt's."""
        queue.keep(self._annotator)
        self._tell()
        return runs.beat(self._run, self._endpoint.take_spent())

    def _is_over(self) -> bool:
        return self._ends is not None and time.monotonic() >= self._ends

    def _take(self) -> bool:
        """Begin with as many comparisons as there is room for; whether any was begun."""
        room = self._run.parallel
        if self._run.most is not None:
            room = min(room, self._run.most - self._taken)
        if self._is_over() or room <= len(self._asked):
            return False
        held = until_settled(partial(queue.hold, self._annotator, count=room))
        asked = {lease.pk for lease in self._asked.values()}
        fresh = [lease for lease in held if lease.pk not in asked][: room - len(asked)]
        if not fresh:
            return False
        principles = runs.principles_of(self._run)
        if principles is None:
            raise EndpointError(NO_GUIDELINES)
        for lease in fresh:
            self._asked[self._pool.submit(_ask, self._endpoint, lease, principles, self._wants_strength)] = lease
        return True

    @property
    def _wants_strength(self) -> bool:
        return any(choice.strength for choice in self._annotator.project.answer_scale.choices)

    def _settle_some(self) -> None:
        """Wait a moment for answers, and settle those that came."""
        patience = min(BEAT_SECONDS, self._annotator.project.lease_seconds / 4)
        done, _ = wait(self._asked, timeout=patience, return_when=FIRST_COMPLETED)
        for future in done:
            self._settle(future)

    def _settle(self, future: Future[_Said]) -> None:
        """Record what was said, or skip. Raises EndpointError."""
        lease = self._asked.pop(future)
        try:
            said = future.result()
        except StoppedError:
            return
        except DeclinedError as error:
            self._end(lease, Came(skipped=1), partial(queue.skip, self._annotator, lease.uid, reason=str(error)))
            if runs.skips_too_much(self._run):
                raise EndpointError(GIVEN_UP) from None
            return
        came = Came(judged=1, disagreed=int(said.agreed.disagreed))
        body = _record(self._run, lease, said)
        self._end(lease, came, lambda: answer_lease(lease, body, now=timezone.now()))

    def _end(self, lease: Assignment, came: Came, end: Callable[[], object]) -> None:
        """End a lease and count it, both or neither."""

        @transaction.atomic
        def end_and_count() -> None:
            end()
            runs.count(self._run, came)

        try:
            until_settled(end_and_count)
        except queue.LeaseLostError:
            # It was released by a lead, answered by an attempt that took over, or erased.
            runs.count(self._run, Came(lost=1))
        self._taken += 1

    def _wind_up(self) -> None:
        """Take in what is still being answered, and give back what is not."""
        self._endpoint.pace.stopping.set()
        wait(self._asked)
        for future in list(self._asked):
            with suppress(EndpointError):
                self._settle(future)
        runs.add_spent(self._run, self._endpoint.take_spent())
        runs.release_if_ended(self._run)
        self._tell()


def _ask(endpoint: Endpoint, lease: Assignment, principles: Principles, with_strength: bool) -> _Said:
    """Ask about a lease in both orders. Raises DeclinedError, EndpointError and StoppedError."""
    began = time.monotonic()
    opinions = []
    for a, b in ((lease.left, lease.right), (lease.right, lease.left)):
        opinion, model = _opinion(endpoint, lease, a.content, b.content, principles, with_strength)
        opinions.append(opinion)
    first, swapped = opinions
    duration_ms = int(1_000 * (time.monotonic() - began))
    return _Said(agree(first, swapped), (first, swapped), principles, model, duration_ms)


def _opinion(
    endpoint: Endpoint, lease: Assignment, a: Json, b: Json, principles: Principles, with_strength: bool
) -> tuple[Opinion, str]:
    prompt, wrong = lease.comparison.prompt, []
    for _ in range(READS):
        messages = question(principles, prompt.content, prompt.tools, a, b, with_strength=with_strength)
        answer = endpoint.ask(messages)
        try:
            return read_answer(answer.text, principles, with_strength=with_strength), answer.model
        except UnreadableError as error:
            wrong.append(str(error))
    if len(set(wrong)) == 1:
        raise DeclinedError(f"The answer {wrong[0]}, {READS} times.")
    raise DeclinedError(f"The answer {'; asked again, it '.join(wrong)}.")


def _record(run: CriticRun, lease: Assignment, said: _Said) -> dict[str, Any]:
    """The feedback record of what a critic said of a lease."""
    agreed, (first, swapped) = said.agreed, said.orders
    chosen = {"a": lease.left, "b": lease.right}.get(agreed.verdict)
    rejected = {"a": lease.right, "b": lease.left}.get(agreed.verdict)
    return {
        "feedback_id": str(uuid.uuid4()),
        "kind": "preference",
        "source": {"type": "ai_critic", "id": run.name, "version": runs.version_of(run, said.principles)},
        "presented": [lease.left.output_id, lease.right.output_id],
        "digests": {output.output_id: output.digest for output in (lease.left, lease.right)},
        "outcome": "chosen" if chosen else agreed.verdict,
        **({"chosen": chosen.output_id} if chosen else {}),
        **({"rejected": rejected.output_id} if rejected else {}),
        **({"strength": agreed.strength} if agreed.strength else {}),
        **({"principle": agreed.principle} if agreed.principle else {}),
        "critique": agreed.critique,
        "duration_ms": said.duration_ms,
        "metadata": {
            "run": str(run.uid),
            "model": run.model,
            "answered_as": said.model,
            "parameters": run.parameters,
            "prompt_version": PROMPT_VERSION,
            "verdicts": [first.verdict, swapped.verdict],
            "swapped_critique": swapped.critique,
        },
    }
