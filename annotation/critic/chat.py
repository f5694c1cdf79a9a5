"""A chat completions endpoint as OpenAI's API has it: asking with patience, at a limited rate, counting what it costs.

Knows nothing of comparisons or the database. Safe to use from many threads.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Self

import httpx
from django.utils import timezone

from annotation.canonical import Json

# A model may think for long before its first byte.
TIMEOUT = httpx.Timeout(180.0, connect=10.0)
# Seconds before each further try of one request, about; longer when the endpoint says so.
PAUSES = (1, 2, 4, 8, 16, 32, 60)
LONGEST_PAUSE = 600
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
# Of this one request, and not of all: too long, an image that it cannot take, a text that it must not see.
OF_THE_REQUEST = {400, 413, 422}
MOST_SHOWN = 200
MOST_TOKENS = 1_000_000_000


class EndpointError(Exception):
    """The endpoint cannot be worked with: what it said. Never holds the key."""


class DeclinedError(Exception):
    """The endpoint or its model will not answer this one question: why."""


class StoppedError(Exception):
    """Nobody wants the answer any more."""


@dataclass(frozen=True)
class Spent:
    """What asking took."""

    requests: int = 0
    retries: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.retries + other.retries,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )


@dataclass(frozen=True)
class Answer:
    """What a model said, and under which name it says it did."""

    text: str
    model: str


@dataclass
class Pace:
    """When the next request may go: at a limited rate, and not before the endpoint wants one again."""

    per_minute: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    _next: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self) -> None:
        """Return when it is this request's turn. Raises StoppedError."""
        with self._lock:
            turn = max(self._next, time.monotonic())
            self._next = turn + (60 / self.per_minute if self.per_minute else 0)
        self.sleep(turn - time.monotonic())

    def hold_all(self, seconds: float) -> None:
        """Let no new request go for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Sleep so long. Raises StoppedError."""
        if self.stopping.wait(max(seconds, 0)):
            raise StoppedError


class Endpoint:
    """An endpoint, the model to ask there, and the parameters of every request."""

    def __init__(
        self, base: str, model: str, parameters: dict[str, Json], *, key: str = "", pace: Pace | None = None
    ) -> None:
        self.pace = pace or Pace()
        self._url = f"{base.rstrip('/')}/chat/completions"
        self._body = {**parameters, "model": model}
        self._key = key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(timeout=TIMEOUT, headers=headers)
        self._spent = Spent()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def take_spent(self) -> Spent:
        """What was spent since this was last asked."""
        with self._lock:
            spent, self._spent = self._spent, Spent()
        return spent

    def ask(self, messages: Sequence[dict[str, Any]]) -> Answer:
        """What the model says, after as many tries as it takes.

        Raises DeclinedError, StoppedError, and EndpointError when even the last try failed.
        """
        failures: Counter[str] = Counter()
        for pause in (*PAUSES, None):
            self.pace.wait()
            self._count(Spent(requests=1))
            reply, failure = self._post(messages)
            if failure is None and reply is not None:
                return self._read(reply)
            failures[str(failure)] += 1
            if pause is None:
                raise EndpointError(_told(failures))
            self._count(Spent(retries=1))
            wanted = _wanted_pause(reply)
            if wanted is not None:
                self.pace.hold_all(wanted)
            # Threads that failed together do not come back together.
            self.pace.sleep(max(wanted or 0, pause * random.uniform(0.5, 1)))  # noqa: S311
        raise AssertionError("the last try ends it")

    def _post(self, messages: Sequence[dict[str, Any]]) -> tuple[httpx.Response | None, str | None]:
        """The reply and what is wrong with it for now. Raises DeclinedError and EndpointError."""
        try:
            reply = self._client.post(self._url, json={**self._body, "messages": list(messages)})
        except httpx.TransportError as error:
            return None, f"the endpoint does not answer ({type(error).__name__})"
        except (httpx.InvalidURL, httpx.HTTPError) as error:
            raise EndpointError(f"the endpoint cannot be asked ({type(error).__name__})") from None
        if reply.is_success:
            # A proxy or a server that starts writes a page of its own: nothing that the model said.
            return reply, None if _is_json(reply) else f"the endpoint answered {reply.status_code} without JSON"
        failure = f"the endpoint answered {reply.status_code}"
        if reply.status_code in PASSING:
            return reply, failure
        said = f"{failure}: {self._shown(reply.text)}"
        raise DeclinedError(said) if reply.status_code in OF_THE_REQUEST else EndpointError(said)

    def _read(self, reply: httpx.Response) -> Answer:
        try:
            body = reply.json()
            choice = body["choices"][0]
            message, finish = choice["message"], choice.get("finish_reason")
            refusal, text = message.get("refusal"), _text(message.get("content"))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise DeclinedError("the endpoint’s answer is no chat completion") from None
        usage = body.get("usage") if isinstance(body.get("usage"), dict) else {}
        self._count(
            Spent(tokens_in=_tokens(usage.get("prompt_tokens")), tokens_out=_tokens(usage.get("completion_tokens")))
        )
        if isinstance(refusal, str) and refusal:
            raise DeclinedError(f"the model refused: {self._shown(refusal)}")
        if finish == "content_filter":
            raise DeclinedError("the endpoint’s filter kept the answer back")
        if finish == "length":
            raise DeclinedError("the answer was cut off at the limit of tokens")
        model = body.get("model")
        return Answer(text, self._shown(model) if isinstance(model, str) else "")

    def _count(self, spent: Spent) -> None:
        with self._lock:
            self._spent += spent

    def _shown(self, text: str) -> str:
        """What the endpoint wrote, without the key and without what could steer a terminal or not be stored."""
        plain = text.replace(self._key, "…") if self._key else text
        return "".join(letter if letter.isprintable() else " " for letter in plain[:MOST_SHOWN])


def _told(failures: Counter[str]) -> str:
    """What failed, each with how often."""
    if len(failures) == 1:
        return f"{next(iter(failures))}, {failures.total()} times in a row"
    each = ", ".join(f"{failure} ({count} of them)" for failure, count in failures.items())
    return f"{failures.total()} tries failed in a row: {each}"


def _is_json(reply: httpx.Response) -> bool:
    try:
        reply.json()
    except ValueError:
        return False
    return True


def _text(content: Json) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part.get("type") == "text")
    return content if isinstance(content, str) else ""


def _tokens(value: Json) -> int:
    return value if type(value) is int and 0 <= value < MOST_TOKENS else 0


def _wanted_pause(reply: httpx.Response | None) -> float | None:
    """The seconds that the endpoint wants to be left alone, by its Retry-After: a number, or a date."""
    given = reply.headers.get("Retry-After") if reply is not None else None
    if given is None:
        return None
    try:
        seconds = float(given)
    except ValueError:
        try:
            moment = parsedate_to_datetime(given)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or dt.UTC) - timezone.now()).total_seconds()
    return min(max(seconds, 0.0), LONGEST_PAUSE) if seconds == seconds else None
