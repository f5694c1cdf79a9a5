"""Celery tasks: sealing the logs, expired leases, waiting feedback, counts for pairing. All are safe to run twice."""

from celery import shared_task
from django.utils import timezone

from annotation import log, queue
from annotation.intake import joining
from annotation.pairing import tally


@shared_task(name="annotation.seal_logs")
def seal_logs() -> None:
    log.seal_all()


@shared_task(name="annotation.expire_leases")
def expire_leases() -> None:
    queue.expire()


@shared_task(name="annotation.watch_waiting_feedback")
def watch_waiting_feedback() -> None:
    joining.join_missed(now=timezone.now())
    joining.report_orphans()


@shared_task(name="annotation.tally_pairs")
def tally_pairs() -> None:
    tally.catch_up_all()
