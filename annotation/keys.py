"""API keys: made, found, revoked. The key itself is shown once and never stored."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from annotation import canonical, log
from annotation.models import ApiKey, Project

USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)


@transaction.atomic
def create_key(project: Project, *, name: str, scopes: Sequence[str], actor: str) -> tuple[ApiKey, str]:
    """Make a key with those scopes; return its row and the secret, which cannot be had again."""
    secret = f"pref_{secrets.token_urlsafe(32)}"
    key = ApiKey.objects.create(project=project, name=name, scopes=list(scopes), hash=canonical.secret_hash(secret))
    payload = {"name": name, "scopes": list(scopes)}
    log.append(project, [log.NewEvent("key.created", actor, f"key:{key.uid}", payload)])
    return key, secret


@transaction.atomic
def revoke_key(key: ApiKey, *, actor: str) -> None:
    """End a key at once. Doing it again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        log.append(key.project, [log.NewEvent("key.revoked", actor, f"key:{key.uid}")])


def find_key(secret: str) -> ApiKey | None:
    """The living key of that secret, its use noted (to the minute); None when there is none."""
    hash_ = canonical.secret_hash(secret)
    key = ApiKey.objects.select_related("project").filter(hash=hash_, revoked_at=None).first()
    if key:
        now = timezone.now()
        if key.last_used_at is None or now - key.last_used_at > USE_IS_NOTED_EVERY:
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key
