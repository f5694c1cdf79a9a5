"""Where the servers of a data directory are found, and URLs in the spelling of each library."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from psycopg.conninfo import conninfo_to_dict

NAME = "prefapp"
PORT = 5432
POSTGRES_SOCKET = f".s.PGSQL.{PORT}"
VALKEY_SOCKET = "valkey.sock"
# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, a final NUL included.
LONGEST_SOCKET_PATH = 103


def socket_dir(data_dir: Path) -> Path:
    """The folder of the Unix sockets: in the data directory, or under /tmp where that path cannot be a socket's."""
    inside = data_dir.resolve() / "run"
    longest = max(POSTGRES_SOCKET, VALKEY_SOCKET, key=len)
    if len(str(inside / longest).encode()) <= LONGEST_SOCKET_PATH and re.fullmatch(r"[\w./+-]+", str(inside), re.ASCII):
        return inside
    # Not the temp dir of the environment: every process must come to the same answer.
    return Path("/tmp") / f"prefapp-{hashlib.sha256(str(inside).encode()).hexdigest()[:24]}"  # noqa: S108


def database_url(data_dir: Path, database: str = NAME) -> str:
    """The libpq URL of the embedded PostgreSQL."""
    return f"postgresql://{NAME}@/{database}?host={quote(str(socket_dir(data_dir)), safe='')}&port={PORT}"


def redis_url(data_dir: Path, database: int = 0) -> str:
    """The URL of the embedded Valkey, as redis-py reads it."""
    return f"unix://{socket_dir(data_dir) / VALKEY_SOCKET}?db={database}"


# A server that is gone without a word is given up after a minute; else it is waited for by the hour.
WATCHED = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}


def django_database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL; libpq's own parser reads it, so every libpq option can stand in it."""
    given = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    return {
        "ENGINE": "prefapp.database",
        "NAME": given.pop("dbname", ""),
        "USER": given.pop("user", ""),
        "PASSWORD": given.pop("password", ""),
        "HOST": given.pop("host", ""),
        "PORT": str(given.pop("port", "")),
        "OPTIONS": {**WATCHED, **given},
    }


def celery_broker_url(url: str) -> str:
    """The same address as Celery's transport spells it; only Unix sockets differ."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.netloc}{parts.path}?virtual_host={database}"
