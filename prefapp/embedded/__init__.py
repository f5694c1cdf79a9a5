"""PostgreSQL and Valkey without an installation: the servers that stand in for an unset DATABASE_URL or REDIS_URL.

The addresses are pure functions of the data directory, so settings can be read without starting anything. `hold` starts
what does not run yet and keeps it running until the last process that holds the data directory has ended.
"""

from prefapp.embedded.addresses import celery_broker_url, database_url, django_database, redis_url
from prefapp.embedded.errors import EmbeddedError
from prefapp.embedded.secret import secret_key
from prefapp.embedded.sharing import configured_servers, erase, hold, hold_configured, hold_or_exit, lock

__all__ = [
    "EmbeddedError",
    "celery_broker_url",
    "configured_servers",
    "database_url",
    "django_database",
    "erase",
    "hold",
    "hold_configured",
    "hold_or_exit",
    "lock",
    "redis_url",
    "secret_key",
]
