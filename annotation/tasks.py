"""Celery tasks: sealing the logs and taking back expired leases. Both are safe to run twice."""

from celery import shared_task

from annotation import log, queue


@shared_task(name="annotation.seal_logs")
def seal_logs() -> None:
    log.seal_all()


@shared_task(name="annotation.expire_leases")
def expire_leases() -> None:
    queue.expire()
