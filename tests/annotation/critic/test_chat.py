"""Asking a chat API: patience with what passes, an end to what does not, and a count of all."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from annotation.critic import chat
from annotation.critic.chat import DeclinedError, Endpoint, EndpointError, Pace, Spent, StoppedError
from tests.annotation.critic.endpoint import Reply, completion, serving

MESSAGES = [{"role": "user", "content": "?"}]
KEY = "sk-secret-of-the-test"


class RecordedPace(Pace):
    """Sleeps at once, and remembers for how long it should have."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)


def ask(*replies, key=KEY):
    """Ask a server that gives these replies, the last again and again; what came of it, and the endpoint."""
    given = list(replies)
    with (
        serving(lambda _: given.pop(0) if len(given) > 1 else given[0]) as model,
        Endpoint(model.url, "judge", {"temperature": 0}, key=key, pace=RecordedPace()) as endpoint,
    ):
        try:
            return endpoint.ask(MESSAGES), endpoint, model
        except (DeclinedError, EndpointError) as error:
            return error, endpoint, model


def test_a_question_goes_with_model_parameters_and_key():
    answer, endpoint, model = ask(completion("Yes."))
    assert (answer.text, answer.model) == ("Yes.", "judge-2026")
    (asked,) = model.asked
    assert asked.body == {"model": "judge", "temperature": 0, "messages": MESSAGES}
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert endpoint.take_spent() == Spent(requests=1, tokens_in=100, tokens_out=20)
    assert endpoint.take_spent() == Spent()


def test_without_a_key_none_is_sent():
    _, _, model = ask(completion("Yes."), key="")
    assert "Authorization" not in model.asked[0].headers


@pytest.mark.parametrize("status", sorted(chat.PASSING))
def test_what_passes_is_asked_again(status):
    answer, endpoint, _ = ask(Reply(status, {}), Reply(status, b"<html>"), completion("Yes."))
    assert answer.text == "Yes."
    assert endpoint.take_spent() == Spent(requests=3, retries=2, tokens_in=100, tokens_out=20)
    first, second = endpoint.pace.slept
    assert 0.5 <= first <= 1 <= second <= 2


def test_retry_after_is_honoured_in_seconds_and_as_a_date():
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    replies = [Reply(429, {}, {"Retry-After": value}) for value in ("7", at, "999999", "nan", "soon")]
    _, endpoint, _ = ask(*replies, completion("Yes."))
    # The pause of this one, and then what is left of it for all.
    seven, _, forty, _, longest, _, *rest = endpoint.pace.slept
    assert (seven, longest) == (7, chat.LONGEST_PAUSE)
    assert 30 < forty <= 40
    assert all(pause <= chat.LONGEST_PAUSE for pause in rest)


def test_one_that_is_told_to_wait_makes_all_wait():
    pace = Pace()
    pace.hold_all(0.2)
    began = time.monotonic()
    pace.wait()
    assert time.monotonic() - began >= 0.19


def test_requests_keep_to_the_rate():
    pace = RecordedPace()
    pace.per_minute = 60
    for _ in range(4):
        pace.wait()
    assert [round(seconds) for seconds in pace.slept] == [1, 2, 3]


def test_patience_ends():
    error, endpoint, model = ask(Reply(503, {}))
    assert isinstance(error, EndpointError)
    assert str(error) == "the endpoint answered 503, 8 times in a row"
    assert len(model.asked) == 8 == endpoint.take_spent().requests


@pytest.mark.parametrize("page", [b"<html>", b"", b"\xff", b'{"choices": ['])
def test_an_answer_that_is_no_json_is_asked_again(page):
    answer, endpoint, _ = ask(Reply(200, page), Reply(200, page), completion("Yes."))
    assert answer.text == "Yes."
    assert (spent := endpoint.take_spent()).requests == 3
    assert spent.retries == 2


def test_each_kind_of_failure_is_counted_by_itself():
    error, _, _ = ask(Reply(503, {}), Reply(200, b"<html>"), Reply(503, {}), Reply(429, {}, {"Retry-After": "0"}))
    assert str(error) == (
        "8 tries failed in a row: the endpoint answered 503 (2 of them), the endpoint answered 200 without JSON (1 of "
        "them), the endpoint answered 429 (5 of them)"
    )


def test_nobody_there_is_told():
    with serving(lambda _: completion("")) as model:
        pass
    endpoint = Endpoint(model.url, "judge", {}, pace=RecordedPace())
    with endpoint, pytest.raises(EndpointError, match="does not answer \\(ConnectError\\), 8 times"):
        endpoint.ask(MESSAGES)


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_what_does_not_pass_ends_it_without_telling_the_key(status):
    error, endpoint, _ = ask(Reply(status, {"error": f"bad key {KEY}"}))
    assert isinstance(error, EndpointError)
    assert str(status) in str(error)
    assert KEY not in str(error)
    assert endpoint.take_spent().requests == 1


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply(400, {"error": "context_length_exceeded"}), "context_length_exceeded"),
        (Reply(413, b"\0\xff"), "413"),
        (completion("", refusal="I will not."), "refused: I will not."),
        (Reply(200, []), "no chat completion"),
        (Reply(200, {"choices": []}), "no chat completion"),
        (Reply(200, {"choices": [{"message": None}]}), "no chat completion"),
        (Reply(200, {"choices": [{"message": {"content": [7]}}]}), "no chat completion"),
        (Reply(200, {"choices": [{"message": {"content": "{"}, "finish_reason": "length"}]}), "cut off"),
        (Reply(200, {"choices": [{"message": {}, "finish_reason": "content_filter"}]}), "filter"),
    ],
)
def test_what_is_no_answer_is_declined(reply, says):
    error, _, _ = ask(reply)
    assert isinstance(error, DeclinedError)
    assert says in str(error)
    assert "\0" not in str(error)


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": -1}, {"prompt_tokens": "9", "completion_tokens": 1e99}])
def test_a_usage_that_is_none_counts_nothing(usage):
    reply = completion("Yes.")
    reply.body["usage"] = usage
    _, endpoint, _ = ask(reply)
    assert endpoint.take_spent() == Spent(requests=1)


def test_content_in_parts_is_read():
    answer, _, _ = ask(completion([{"type": "text", "text": "Ye"}, {"type": "text", "text": "s."}]))
    assert answer.text == "Yes."


def test_whoever_is_stopped_does_not_wait():
    pace = Pace()
    pace.hold_all(60)
    with Endpoint("http://127.0.0.1:9/v1", "judge", {}, pace=pace) as endpoint:
        threading.Timer(0.05, pace.stopping.set).start()
        with pytest.raises(StoppedError):
            endpoint.ask(MESSAGES)
