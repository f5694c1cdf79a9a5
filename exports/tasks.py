"""Celery tasks: build snapshots, by schedule too, pick up what died, tell webhooks, remove what is old.

All are safe to run twice.
"""

from celery import shared_task

from exports import retention, schedules, webhooks
from exports.pipeline import publish
from exports.pipeline.build import build


@shared_task(name=publish.BUILD_TASK, acks_late=True, ignore_result=True)
def build_snapshot(pk: int) -> None:
    build(pk)


@shared_task(name="exports.resume_snapshots", ignore_result=True)
def resume_snapshots() -> None:
    publish.requeue_stale()


@shared_task(name=webhooks.DELIVER_TASK, ignore_result=True)
def deliver_webhooks() -> None:
    webhooks.deliver_due()


@shared_task(name=schedules.BUILD_TASK, ignore_result=True)
def build_scheduled(pk: int) -> None:
    schedules.run(pk)


@shared_task(name="exports.apply_retention", ignore_result=True)
def apply_retention() -> None:
    retention.apply_rules()
