"""Celery tasks: seals, leases, waiting feedback, counts, AI critics. All are safe to run twice."""

from celery import shared_task
from django.utils import timezone

from annotation import log, projects, queue
from annotation.critic import runs
from annotation.critic.work import work
from annotation.intake import joining
from annotation.pairing import tally


@shared_task(name="annotation.seal_logs")
def seal_logs() -> None:
    log.seal_all()


@shared_task(name="annotation.expire_leases")
def expire_leases() -> None:
    queue.expire()


@shared_task(name="annotation.fit_leases")
def fit_leases() -> None:
    projects.fit_leases()


@shared_task(name="annotation.watch_waiting_feedback")
def watch_waiting_feedback() -> None:
    joining.join_missed(now=timezone.now())
    joining.report_orphans()


@shared_task(name="annotation.tally_pairs")
def tally_pairs() -> None:
    tally.catch_up_all()


@shared_task(name=runs.TASK)
def ask_critic(pk: int) -> None:
    work(pk)


@shared_task(name="annotation.resume_critics")
def resume_critics() -> None:
    runs.requeue_stale()
