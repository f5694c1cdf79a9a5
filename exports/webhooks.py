"""Webhooks: telling other services that a snapshot is ready or has failed, by the Standard Webhooks specification.

A message is a row, written in the transaction of what it tells; a task sends what is due and tries again what was not
taken. It may arrive twice, under the same `webhook-id`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import ipaddress
import json
import logging
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
from celery import current_app
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError
from standardwebhooks import Webhook as Signer

from annotation import log
from annotation.models import Project
from exports.models import Delivery, Webhook

logger = logging.getLogger(__name__)

DELIVER_TASK = "exports.deliver_webhooks"
MOST = 20  # webhooks of a project
TIMEOUT = 15.0
# An address that does not answer holds up no more than one task for about so long.
SECONDS_AT_ONCE = 20.0
# A message that is being sent is not taken by anybody else; should the process die, another tries it after that.
TAKEN_SECONDS = 60
# Seconds between attempts, as the specification recommends; after the last one a message is given up.
PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
GONE = 410


class WebhookError(Exception):
    """An address that cannot be taken, and why."""


def add(project: Project, url: str, *, actor: str) -> Webhook:
    """Tell that address of the project's snapshots from now on. Raises WebhookError."""
    try:
        with transaction.atomic():
            Project.objects.select_for_update(no_key=True).get(pk=project.pk)
            check(project, url)
            webhook = Webhook.objects.create(project=project, url=url, created_by=actor)
            log.append(project, [_event("webhook.added", webhook, actor)])
    except IntegrityError:
        raise WebhookError("the project has this webhook already") from None
    return webhook


def check(project: Project, url: str) -> None:
    """Raise WebhookError when that address cannot be added."""
    _check(url)
    if project.webhooks.count() >= MOST:
        raise WebhookError(f"the project has {MOST} webhooks already")
    if project.webhooks.filter(url=url).exists():
        raise WebhookError("the project has this webhook already")


@transaction.atomic
def remove(webhook: Webhook, *, actor: str) -> None:
    """Tell that address nothing more; what was not delivered is dropped."""
    log.append(webhook.project, [_event("webhook.removed", webhook, actor)])
    webhook.delete()


def secret(webhook: Webhook) -> str:
    """What a webhook's messages are signed with. It is made of the server's secret key and stands nowhere."""
    key = hmac.digest(settings.SECRET_KEY.encode(), f"exports.webhooks {webhook.uid}".encode(), hashlib.sha256)
    return f"whsec_{base64.b64encode(key).decode()}"


def announce(project: Project, kind: str, data: dict[str, Any]) -> None:
    """Write a message to each of the project's webhooks; they are sent after commit."""
    body = {"type": kind, "timestamp": timezone.now().isoformat(), "data": {"project": project.slug, **data}}
    due = [Delivery(webhook=webhook, body=body) for webhook in project.webhooks.filter(active=True)]
    if due:
        Delivery.objects.bulk_create(due)
        transaction.on_commit(_tell_worker)


def send_again(delivery: Delivery) -> bool:
    """Send a message once more, delivered or not, as if it were new; False when its webhook is told nothing more."""
    if not delivery.webhook.active:
        return False
    with transaction.atomic():
        again = Delivery.objects.filter(pk=delivery.pk)
        again.update(attempts=0, next_at=Now(), delivered_at=None, error="")
        transaction.on_commit(_tell_worker)
    return True


def deliver_due() -> int:
    """Send messages that are due, one after the other for SECONDS_AT_ONCE at most; return how many were taken."""
    ends = time.monotonic() + SECONDS_AT_ONCE
    taken = 0
    while time.monotonic() < ends and (delivery := _take_due()):
        taken += _send(delivery)
    return taken


@transaction.atomic
def _take_due() -> Delivery | None:
    """The message that is due the longest, put off for as long as sending it may take."""
    due = Delivery.objects.filter(next_at__lte=Now(), webhook__active=True).select_related("webhook")
    delivery = due.select_for_update(of=("self",), skip_locked=True).order_by("next_at").first()
    if delivery:
        delivery.attempts += 1
        later = Now() + dt.timedelta(seconds=TAKEN_SECONDS)
        Delivery.objects.filter(pk=delivery.pk).update(attempts=delivery.attempts, next_at=later)
    return delivery


def _send(delivery: Delivery) -> bool:
    status, error = _post(delivery)
    mine = Delivery.objects.filter(pk=delivery.pk)
    if error is None:
        mine.update(delivered_at=Now(), next_at=None, error="")
        return True
    given_up = status == GONE or delivery.attempts > len(PAUSES)
    later = None if given_up else Now() + dt.timedelta(seconds=PAUSES[delivery.attempts - 1])
    mine.update(error=error[:300], next_at=later)
    if status == GONE:
        Webhook.objects.filter(pk=delivery.webhook_id).update(active=False)
    logger.warning("webhook %s: message %s was not taken: %s", delivery.webhook.uid, delivery.uid, error)
    return False


def _post(delivery: Delivery) -> tuple[int | None, str | None]:
    """The status and, unless the message was taken, what went wrong."""
    try:
        url = httpx.URL(delivery.webhook.url)
    except httpx.InvalidURL as error:
        return None, str(error)
    now = timezone.now()
    body = json.dumps(delivery.body, separators=(",", ":"))
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "webhook-id": str(delivery.uid),
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Signer(secret(delivery.webhook)).sign(str(delivery.uid), now, body),
    }
    try:
        # The very address that was checked: a name could lead elsewhere when it is asked for again.
        there = url.copy_with(host=_address(url.host, url.port or (443 if url.scheme == "https" else 80)))
        sni = {"sni_hostname": url.host}
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as client:
            answer = client.post(there, content=body, headers=headers, extensions=sni)
    except (httpx.HTTPError, WebhookError, OSError, UnicodeError) as error:
        return None, str(error) or type(error).__name__
    return answer.status_code, None if answer.is_success else f"it answered {answer.status_code}"


def _check(url: str) -> None:
    try:
        parts, port = urlsplit(url), urlsplit(url).port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise WebhookError("is no URL") from None
    schemes = ("https", "http") if settings.WEBHOOKS_TO_PRIVATE_ADDRESSES else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise WebhookError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if parts.username or parts.password:
        raise WebhookError("must not hold a name or a password")
    try:
        # A number, however it is written, is never another one; where a name leads is looked up when it is sent to.
        _address(parts.hostname, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    except UnicodeError:
        raise WebhookError("holds no name that there can be") from None


def _address(host: str, port: int | None, flags: int = 0) -> str:
    """An address of a host that may be spoken to."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)]
    if not settings.WEBHOOKS_TO_PRIVATE_ADDRESSES:
        private = [one for one in found if not ipaddress.ip_address(one).is_global]
        if private:
            raise WebhookError(f"leads to {private[0]}, which is no public address")
    return found[0]


def _event(kind: str, webhook: Webhook, actor: str) -> log.NewEvent:
    # The rest of an address is often a secret, and whoever may read the log would know it.
    return log.NewEvent(kind, actor, f"webhook:{webhook.uid}", {"host": urlsplit(webhook.url).hostname})


def _tell_worker() -> None:
    try:
        current_app.send_task(DELIVER_TASK, retry=False)
    except BrokerError:
        logger.warning("webhooks wait for the next beat: the broker does not answer")
