"""What runs in the parts of a demo, each in its process."""

from __future__ import annotations

from django.conf import settings
from django.urls import get_resolver
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from prefapp.celery import app as celery_app
from prefapp.demo.address import Address


def web_server(address: Address) -> None:
    """Serves until told to end, with four processes of four threads."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, address.host]
    get_resolver().url_patterns  # noqa: B018 (loads every view once, before the server forks)
    Granian(
        "prefapp.wsgi:application",
        address=address.ip,
        port=address.port,
        interface=Interfaces.WSGI,
        workers=4,
        blocking_threads=4,
        websockets=False,
        log_level=LogLevels.warning,
    ).serve()


def worker() -> None:
    """Works off the short tasks, such as sealing, two at a time, until told to end."""
    _work_off("celery")


def builder() -> None:
    """Builds snapshots and asks critics, two at a time, until told to end. Nothing else waits for these."""
    _work_off("builds", "critics")


def _work_off(*queues: str) -> None:
    options = ["--concurrency", "2", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    celery_app.worker_main(["worker", "--queues", ",".join(queues), "--hostname", f"{queues[0]}@%h", *options])


def beat() -> None:
    """Queues the regular tasks until told to end."""
    celery_app.start(["beat", "--loglevel", "INFO"])
