"""Celery tasks: build snapshots, by schedule too, pick up what died, tell webhooks, remove what is old.

All are safe to run twice.
"""

import logging

from celery import shared_task

from exports import hub, retention, schedules, webhooks
from exports.models import Snapshot
from exports.pipeline import publish, shards, tables
from exports.pipeline.build import build, help_build

logger = logging.getLogger(__name__)


@shared_task(name=publish.BUILD_TASK, acks_late=True, ignore_result=True)
def build_snapshot(pk: int) -> None:
    build(pk)


@shared_task(name=shards.SHARD_TASK, acks_late=True, ignore_result=True)
def build_shard(pk: int) -> None:
    help_build(pk)


@shared_task(name="exports.resume_snapshots", ignore_result=True)
def resume_snapshots() -> None:
    publish.requeue_stale()
    shards.requeue_stale()
    tables.drop_leftovers()


@shared_task(name=webhooks.DELIVER_TASK, ignore_result=True)
def deliver_webhooks() -> None:
    webhooks.deliver_due()


@shared_task(name=schedules.BUILD_TASK, ignore_result=True)
def build_scheduled(pk: int) -> None:
    schedules.run(pk)


@shared_task(name="exports.apply_retention", ignore_result=True)
def apply_retention() -> None:
    retention.apply_rules()


@shared_task(name=hub.PUSH_TASK, ignore_result=True)
def push_snapshot(pk: int, repository: str, private: bool, actor: str) -> None:
    try:
        hub.push(Snapshot.objects.select_related("project").get(pk=pk), repository, private=private, actor=actor)
    except hub.HubError as error:
        logger.warning("snapshot %d was not pushed to %s: %s", pk, repository, error)
