"""Rate limits of keys: counted in Redis, for all processes together, over a sliding minute."""

from __future__ import annotations

import logging
import time
from functools import cache
from math import ceil
from typing import Any

from django.conf import settings
from limits import RateLimitItemPerMinute
from limits.storage import RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from annotation.api.problems import Problem
from annotation.models import ApiKey

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 1.0
# How long nobody is counted after Redis has not answered, so that calls do not wait for it one by one.
PAUSE_SECONDS = 5.0


class KeyThrottle(BaseThrottle):
    """Problem 429 when a key has had its `rate_limit` of calls in the last minute.

    Without Redis nobody can be counted, and everybody may call.
    """

    away_until = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        key = request.auth
        if not isinstance(key, ApiKey) or key.rate_limit is None or time.monotonic() < KeyThrottle.away_until:
            return True
        try:
            wait = _count(str(key.uid), key.rate_limit)
        except RedisError as error:
            KeyThrottle.away_until = time.monotonic() + PAUSE_SECONDS
            logger.warning("Rate limits of keys are not kept for %d s: %s", PAUSE_SECONDS, error)
            return True
        if wait:
            detail = f"This key may call {key.rate_limit} times a minute; try again in {wait} s."
            raise Problem(429, detail, headers={"Retry-After": str(wait)})
        return True


def _count(caller: str, rate_limit: int) -> int:
    """Count a call; 0 when it is within the limit, otherwise the seconds until the next one may be."""
    limiter, limit = _limiter(settings.REDIS_URL), RateLimitItemPerMinute(rate_limit)
    if limiter.hit(limit, caller):
        return 0
    return max(1, ceil(limiter.get_window_stats(limit, caller).reset_time - time.time()))


@cache
def _limiter(url: str) -> SlidingWindowCounterRateLimiter:
    # The pool reads every spelling of the address that redis-py knows; the library itself does not. One more try is
    # for connections that have grown stale.
    pool = ConnectionPool.from_url(
        url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS, retry=Retry(NoBackoff(), 1)
    )
    return SlidingWindowCounterRateLimiter(RedisStorage("redis://", connection_pool=pool, key_prefix="rate"))
