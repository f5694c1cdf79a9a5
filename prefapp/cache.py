"""Redis as a cache that may go away: then nothing is found, nothing is kept, and whoever asked goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from django.utils.functional import cached_property
from redis import RedisError

AWAY_SECONDS = 5.0  # for which a cache that did not answer is not asked again
logger = logging.getLogger(__name__)

# What a cache that holds nothing says to each question of Django's client.
WITHOUT: dict[str, Callable[..., Any]] = {
    "add": lambda key, value, timeout: True,  # whoever means it as a lock would otherwise wait in vain
    "get": lambda key, default: default,
    "set": lambda key, value, timeout: None,
    "touch": lambda key, timeout: False,
    "delete": lambda key: False,
    "get_many": lambda keys: {},
    "has_key": lambda key: False,
    "incr": lambda key, delta: delta,
    "set_many": lambda data, timeout: None,
    "delete_many": lambda keys: None,
    "clear": lambda: False,
}


class KeptClient(RedisCacheClient):
    """Django's client, with one Redis client for each server: making one takes longer than a question to it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._kept: dict[bool, Any] = {}

    def get_client(self, key: Any = None, *, write: bool = False) -> Any:
        if write not in self._kept:
            self._kept[write] = super().get_client(key, write=write)
        return self._kept[write]


class ForgivingClient:
    """Hands questions on to Redis and, while it does not answer, answers them by WITHOUT."""

    def __init__(self, client: RedisCacheClient) -> None:
        self._client = client
        self._away_until = 0.0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        without = WITHOUT[name]

        def ask(*given: Any) -> Any:
            if time.monotonic() < self._away_until:
                return without(*given)
            try:
                return getattr(self._client, name)(*given)
            except RedisError as error:
                self._away_until = time.monotonic() + AWAY_SECONDS
                logger.warning("The cache does not answer and is done without for %.0f s: %s", AWAY_SECONDS, error)
                return without(*given)

        return ask


class ForgivingCache(RedisCache):
    """The cache backend of the settings."""

    @cached_property
    def _cache(self) -> Any:
        return ForgivingClient(KeptClient(self._servers, **self._options))  # type: ignore[attr-defined]  # not in the stubs
