"""Links: addresses that open one snapshot for a while without a key, for tools that cannot send one."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core import signing
from django.utils import timezone

from exports.models import Snapshot

SALT = "exports.links"
LONGEST_SECONDS = 7 * 24 * 3600


class LinkError(Exception):
    """The link is not one of ours, is over, or is for something else."""


def make_token(snapshot: Snapshot, *, seconds: int) -> tuple[str, dt.datetime]:
    """A token that opens the files of the snapshot until the returned time."""
    expires_at = (timezone.now() + dt.timedelta(seconds=seconds)).replace(microsecond=0)
    opens = [str(snapshot.project.uid), snapshot.version, int(expires_at.timestamp())]
    return signing.dumps(opens, salt=SALT), expires_at


def opened_by(token: str) -> tuple[str, int]:
    """The project's uid and the version that a token opens now. Raises LinkError."""
    try:
        opens: list[Any] = signing.loads(token, salt=SALT)
        project, version, expires = opens
    except (signing.BadSignature, ValueError):
        raise LinkError("This link is not valid.") from None
    if expires <= timezone.now().timestamp():
        raise LinkError("This link is over; ask for a new one.")
    return str(project), int(version)
