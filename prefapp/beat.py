"""Beat's clock: the schedule in the database, and what was last read of it while the database does not answer."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)


class Scheduler(DatabaseScheduler):
    """django-celery-beat's, which would end when it reads the schedule anew just then."""

    def all_as_schedule(self) -> dict[str, Any]:
        """Every periodic task by its name."""
        try:
            read: dict[str, Any] = super().all_as_schedule()
        except Error:
            known: dict[str, Any] | None = self._schedule
            if known is None:
                raise
            logger.warning("the database does not answer; beat goes on by what it knows")
            return known
        return read
