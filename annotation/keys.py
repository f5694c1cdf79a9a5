"""API keys: made, found, changed, rotated, revoked. The key itself is shown once and never stored."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import Truncator

from annotation import canonical, log
from annotation.models import ApiKey, Project
from annotation.models.key import MOST_REQUESTS

Kind = ApiKey.Kind

# Who sees a secret, in a log or in a repository, knows what it is and which kind.
PREFIXES = {Kind.SERVER: "pref_", Kind.BROWSER: "prefb_"}
# What may be changed of a living key; what it opens may not.
CHANGEABLE = ("rate_limit", "expires_at", "origins")
# Anybody who opens the page has a browser key, so there is always a limit.
BROWSER_RATE_LIMIT = 600
MOST_ORIGINS = 50
LONGEST_ORIGIN = 300
# What browsers send as Origin: no path, other letters as punycode, the port only where it is not the scheme's own.
ORIGIN = re.compile(r"(https?)://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?")
DEFAULT_PORTS = {"http": "80", "https": "443"}
ROTATION_OVERLAP = dt.timedelta(days=1)
LONGEST_OVERLAP = dt.timedelta(days=365)
USE_IS_NOTED_EVERY = dt.timedelta(minutes=1)


class KeySettingError(Exception):
    """A setting that a key cannot have: which, and why."""

    def __init__(self, setting: str, reason: str) -> None:
        super().__init__(f"{setting}: {reason}")
        self.setting = setting
        self.reason = reason


class KeyEndedError(Exception):
    """The key does not live any more, or was rotated already."""


def living(now: dt.datetime) -> Q:
    """The keys that open something at that time."""
    return Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=now))


@transaction.atomic
def create_key(
    project: Project,
    *,
    name: str,
    scopes: Sequence[str] = (),
    kind: str = Kind.SERVER,
    origins: Sequence[str] = (),
    rate_limit: int | None = None,
    expires_at: dt.datetime | None = None,
    actor: str,
) -> tuple[ApiKey, str]:
    """Make a key; return its row and the secret, which cannot be had again.

    A server key has scopes; a browser key has origins and, unless another is given, BROWSER_RATE_LIMIT requests a
    minute. Raises KeySettingError.
    """
    key = ApiKey(
        project=project,
        name=name,
        kind=kind,
        scopes=list(scopes),
        origins=list(origins),
        rate_limit=rate_limit,
        expires_at=expires_at,
    )
    _set_terms(key)
    secret = _issue(key)
    payload = {"name": key.name, "kind": str(key.kind), "scopes": key.scopes, **_terms(key)}
    log.append(project, [log.NewEvent("key.created", actor, f"key:{key.uid}", payload)])
    return key, secret


@transaction.atomic
def rotate_key(key: ApiKey, *, overlap: dt.timedelta = ROTATION_OVERLAP, actor: str) -> tuple[ApiKey, str]:
    """Make a key of the same name and settings; the old one stays valid for `overlap`, so that programs can change.

    A key that was made to expire gets as long again as it had. Raises KeyEndedError for a key that does not live or was
    rotated already, KeySettingError for an overlap of less than nothing or more than a year.
    """
    if not dt.timedelta() <= overlap <= LONGEST_OVERLAP:
        raise KeySettingError("overlap", f"must be from 0 to {LONGEST_OVERLAP.days} days")
    old = _locked(key)
    if ApiKey.objects.filter(replaces=old).exists():
        raise KeyEndedError("This key was rotated already; rotate the one that replaced it.")
    now = timezone.now()
    new = ApiKey(
        project=old.project,
        name=old.name,
        kind=old.kind,
        scopes=old.scopes,
        origins=old.origins,
        rate_limit=old.rate_limit,
        expires_at=old.expires_at and now + (old.expires_at - old.created_at),
        replaces=old,
    )
    secret = _issue(new)
    old.expires_at = min(now + overlap, old.expires_at) if old.expires_at else now + overlap
    old.save(update_fields=["expires_at"])
    payload = {"new": f"key:{new.uid}", "old_expires_at": _moment(old.expires_at), **_terms(new)}
    log.append(old.project, [log.NewEvent("key.rotated", actor, f"key:{old.uid}", payload)])
    return new, secret


@transaction.atomic
def change_key(key: ApiKey, settings: Mapping[str, Any], *, actor: str) -> None:
    """Set some of CHANGEABLE of a living key, all or nothing. Raises KeySettingError and KeyEndedError."""
    unknown = set(settings) - set(CHANGEABLE)
    if unknown:
        raise KeySettingError(min(unknown), f"cannot be changed; what can is {', '.join(CHANGEABLE)}")
    stored = _locked(key)
    before = _terms(stored)
    for name, value in settings.items():
        setattr(stored, name, value)
    _set_terms(stored)
    stored.save(update_fields=CHANGEABLE)
    changed = {name: value for name, value in _terms(stored).items() if value != before[name]}
    if changed:
        log.append(stored.project, [log.NewEvent("key.changed", actor, f"key:{stored.uid}", changed)])


@transaction.atomic
def revoke_key(key: ApiKey, *, actor: str) -> None:
    """End a key at once. Doing it again changes nothing."""
    if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()):
        log.append(key.project, [log.NewEvent("key.revoked", actor, f"key:{key.uid}")])


def find_key(secret: str) -> ApiKey | None:
    """The living key of that secret, its use noted (to the minute); None when there is none.

    It is looked up by its SHA-256: how long that takes tells nothing that helps to guess a key.
    """
    now = timezone.now()
    hash_ = canonical.secret_hash(secret)
    key = ApiKey.objects.select_related("project").filter(living(now), hash=hash_).first()
    if key and (key.last_used_at is None or now - key.last_used_at > USE_IS_NOTED_EVERY):
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def pages_may_call(slug: str, origin: str) -> bool:
    """Whether a living browser key of that project lists the origin."""
    if not ORIGIN.fullmatch(origin):
        return False
    keys = ApiKey.objects.filter(living(timezone.now()), project__slug=slug, kind=Kind.BROWSER)
    return keys.filter(origins__contains=[origin]).exists()


def _locked(key: ApiKey) -> ApiKey:
    """The stored key, locked; KeyEndedError when it does not live."""
    stored = ApiKey.objects.select_for_update(of=("self",)).select_related("project").get(pk=key.pk)
    if stored.revoked_at is not None:
        raise KeyEndedError("This key was revoked.")
    if stored.expires_at is not None and stored.expires_at <= timezone.now():
        raise KeyEndedError("This key has expired.")
    return stored


def _issue(key: ApiKey) -> str:
    """Store a key under a new secret, which is returned."""
    secret = PREFIXES[Kind(key.kind)] + secrets.token_urlsafe(32)
    key.hash = canonical.secret_hash(secret)
    key.save(force_insert=True)
    return secret


def check_terms(key: ApiKey) -> dict[str, Any]:
    """The CHANGEABLE settings of a key as they will be stored. Raises KeySettingError for what it cannot have."""
    if key.kind == Kind.BROWSER and key.scopes:
        raise KeySettingError("scopes", "a browser key has none: it sends feedback and nothing else")
    if key.kind == Kind.SERVER and not key.scopes:
        raise KeySettingError("scopes", "a server key needs at least one")
    if key.kind == Kind.SERVER and key.origins:
        raise KeySettingError("origins", "only a browser key has them")
    limit = BROWSER_RATE_LIMIT if key.rate_limit is None and key.kind == Kind.BROWSER else key.rate_limit
    if limit is not None and not 1 <= limit <= MOST_REQUESTS:
        raise KeySettingError("rate_limit", f"must be from 1 to {MOST_REQUESTS} requests a minute")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise KeySettingError("expires_at", "must lie in the future; to end a key now, revoke it")
    origins = _clean_origins(key.origins) if key.kind == Kind.BROWSER else []
    return {"rate_limit": limit, "expires_at": key.expires_at, "origins": origins}


def _set_terms(key: ApiKey) -> None:
    for name, value in check_terms(key).items():
        setattr(key, name, value)


def _clean_origins(origins: Iterable[str]) -> list[str]:
    cleaned = list(dict.fromkeys(_clean_origin(origin) for origin in origins))
    if not 1 <= len(cleaned) <= MOST_ORIGINS:
        raise KeySettingError("origins", f"a browser key needs 1 to {MOST_ORIGINS}, such as https://app.example.org")
    return cleaned


def _clean_origin(text: str) -> str:
    """The origin as browsers send it; KeySettingError for what none would send."""
    found = ORIGIN.fullmatch(text.strip().lower()) if len(text) <= LONGEST_ORIGIN else None
    if found is None:
        shown = Truncator(" ".join(text.split())).chars(60)
        reason = f"“{shown}” is none: write scheme://host[:port], such as https://app.example.org, without path or “*”"
        raise KeySettingError("origins", reason)
    scheme, host, _, port = found.groups()
    return f"{scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[scheme] else "")


def _terms(key: ApiKey) -> dict[str, Any]:
    """What may change of a key, as its events tell it."""
    return {"rate_limit": key.rate_limit, "expires_at": _moment(key.expires_at), "origins": key.origins}


def _moment(moment: dt.datetime | None) -> str | None:
    return moment.astimezone(dt.UTC).isoformat() if moment else None
