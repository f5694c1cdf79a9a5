"""Webhooks: who is told what, signed how, how often; and where messages never go."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db.models.functions import Now
from django.test import override_settings
from standardwebhooks import Webhook as Signer
from standardwebhooks import WebhookVerificationError

from annotation.models import Event
from exports import webhooks
from exports.models import Delivery, Webhook
from exports.pipeline import publish
from tests import world
from tests.api import Caller, pointers
from tests.exports.dataset import ask, published

pytestmark = pytest.mark.django_db


class Receiver:
    """A web server that notes what it is sent and answers as it is told."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}/hook?a=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver():
    running = Receiver()
    with override_settings(WEBHOOKS_TO_PRIVATE_ADDRESSES=True):
        yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def project():
    return world.project()


@pytest.fixture
def webhook(project, receiver):
    return webhooks.add(project, receiver.url, actor="test")


def make_due():
    Delivery.objects.filter(next_at__isnull=False).update(next_at=Now())


def test_a_ready_snapshot_is_told_and_signed(project, webhook, receiver):
    published(project)
    assert webhooks.deliver_due() == 1
    ((headers, body),) = receiver.got
    told = Signer(webhooks.secret(webhook)).verify(body, headers)
    assert told["type"] == "snapshot.ready"
    assert (told["data"]["project"], told["data"]["version"]) == ("summaries", 1)
    assert headers["Host"].startswith("localhost:")
    assert webhooks.deliver_due() == 0, "once"
    with pytest.raises(WebhookVerificationError):
        Signer(webhooks.secret(webhook)).verify(body.replace(b"ready", b"rotten"), headers)


def test_a_failed_snapshot_is_told_with_its_reason(project, webhook, receiver):
    publish.fail(publish.claim(ask(project).pk), "The disk is full.")
    webhooks.deliver_due()
    told = json.loads(receiver.got[0][1])
    assert (told["type"], told["data"]["error"]) == ("snapshot.failed", "The disk is full.")


def test_what_is_not_taken_is_tried_again_with_pauses_under_one_id(project, webhook, receiver):
    receiver.answers = [500, 302, 200]
    published(project)
    taken = []
    for _ in range(4):
        taken.append(webhooks.deliver_due())
        assert webhooks.deliver_due() == 0, "not before its time"
        make_due()
    assert taken == [0, 0, 1, 0]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    delivery = Delivery.objects.get()
    assert (delivery.attempts, delivery.error, delivery.next_at) == (3, "", None)


def test_a_message_is_given_up_after_the_last_attempt(project, webhook, receiver):
    receiver.answers = [500] * 20
    published(project)
    for _ in range(15):
        webhooks.deliver_due()
        make_due()
    assert len(receiver.got) == len(webhooks.PAUSES) + 1
    assert Delivery.objects.get().error == "it answered 500"


def test_a_message_that_is_being_sent_is_not_sent_by_another(project, webhook, receiver, monkeypatch):
    published(project)
    meanwhile = []
    monkeypatch.setattr(webhooks, "_post", lambda _: (meanwhile.append(webhooks.deliver_due()) or 200, None))
    assert webhooks.deliver_due() == 1
    assert meanwhile == [0]


def test_what_was_being_sent_by_a_process_that_died_is_sent_by_another(project, webhook, receiver, monkeypatch):
    published(project)
    with monkeypatch.context() as dying:
        dying.setattr(webhooks, "_post", lambda _: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            webhooks.deliver_due()
    assert webhooks.deliver_due() == 0
    make_due()
    assert webhooks.deliver_due() == 1


def test_an_address_that_is_gone_is_told_nothing_more(project, webhook, receiver):
    receiver.answers = [410]
    published(project)
    webhooks.deliver_due()
    assert not Webhook.objects.get().active
    published(project)
    assert Delivery.objects.count() == 1


def test_messages_go_to_no_private_address(project, webhook, receiver):
    published(project)
    with override_settings(WEBHOOKS_TO_PRIVATE_ADDRESSES=False):
        assert webhooks.deliver_due() == 0
    assert receiver.got == []
    assert "is no public address" in Delivery.objects.get().error


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("10.0.0.8:8443", "leads to 10.0.0.8, which is no public address"), ("[::1]", "leads to ::1"),
        ("169.254.169.254", "169.254.169.254"), ("0x7f.1", "leads to 127.0.0.1"), ("[::ffff:10.0.0.1]", "no public"),
        ("[::1", "is no URL"), ("train.example:99999", "is no URL"), ("a\x01b.example", "is no URL"),
        (f"{'a' * 64}.example", "no name that there can be"),
    ],
)  # fmt: skip
def test_an_address_that_nothing_could_be_sent_to_is_refused_as_it_is_set(project, host, says):
    answer = Caller(project, "manage")("POST", "webhooks/", {"url": f"https://{host}/hook"})
    assert pointers(answer) == ["/url"]
    assert says in answer.json()["errors"][0]["detail"]
    with override_settings(WEBHOOKS_TO_PRIVATE_ADDRESSES=True):
        assert webhooks.add(project, "http://127.0.0.1:8000/", actor="test").active


def test_a_projects_webhooks_over_the_api(project):
    manager = Caller(project, "manage")
    added = manager("POST", "webhooks/", {"url": "https://train.example/hook"})
    assert added.status_code == 201
    assert added.json()["secret"].startswith("whsec_")
    published(project)
    (listed,) = manager.get("webhooks/")["results"]
    assert [one["type"] for one in listed["deliveries"]] == ["snapshot.ready"]
    for url in ("http://train.example/", "https://me:pw@train.example/", "ftp://x", "nonsense", added.json()["url"]):
        assert pointers(manager("POST", "webhooks/", {"url": url})) == ["/url"]
    other = Caller(world.project("other"), "manage")
    assert other("DELETE", f"webhooks/{listed['id']}/").status_code == 404
    assert manager("DELETE", f"webhooks/{listed['id']}/").status_code == 204
    assert manager.get("webhooks/")["results"] == []
    told = Event.objects.filter(kind__startswith="webhook.").order_by("pk").values_list("kind", "payload")
    assert list(told) == [("webhook.added", {"host": "train.example"}), ("webhook.removed", {"host": "train.example"})]


@pytest.mark.parametrize("scope", ["read", "ingest", "annotate"])
def test_only_a_manager_sees_them(project, scope):
    caller = Caller(project, scope)
    assert [caller(method, "webhooks/").status_code for method in ("GET", "POST")] == [403, 403]
