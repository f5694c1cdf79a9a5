"""Doing again what lost against somebody else."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import IntegrityError, OperationalError
from psycopg import errors

Result = TypeVar("Result")

# A deadlock was broken, or another transaction wrote the same id first: the second try finds what stands then.
LOST = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)
PAUSES = (0.02, 0.1, 0.5)


def until_settled(work: Callable[[], Result]) -> Result:
    """What `work` returns, a transaction of its own, done again when it was rolled back on account of another."""
    for pause in PAUSES:
        try:
            return work()
        except (OperationalError, IntegrityError) as error:
            if not isinstance(error.__cause__, LOST):
                raise
        time.sleep(pause * random.random())  # noqa: S311 (so that two that met do not meet again)
    return work()
