"""What the instance's log tells of people: accounts that are made and changed, log-ins, log-outs, failed log-ins.

By signals, which the house avoids elsewhere: accounts are changed by Django's and allauth's own pages and commands,
which offer no other hook. Who is changing an account stands in the object's `changed_by`, where somebody set it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_save, pre_save

from annotation import log

# Told with their values; of what else changes, only the name is told.
TOLD = ("username", "is_active", "is_staff", "is_superuser")
NAMED = ("password", "email", "first_name", "last_name")
SYSTEM = "system"


def connect() -> None:
    """Let the log hear of people; once, when the app is ready."""
    pre_save.connect(_remember, sender=User)
    post_save.connect(_tell_account, sender=User)
    user_logged_in.connect(_tell_login)
    user_logged_out.connect(_tell_logout)
    user_login_failed.connect(_tell_failure)


def _remember(instance: User, update_fields: Any = None, **_: Any) -> None:
    # A log-in writes its time alone; it has an event of its own.
    matters = update_fields is None or set(update_fields) & {*TOLD, *NAMED}
    before = User.objects.filter(pk=instance.pk).values(*TOLD, *NAMED).first() if matters and instance.pk else None
    instance._before = before if matters else _now(instance)  # type: ignore[attr-defined]


def _tell_account(instance: User, created: bool, **_: Any) -> None:
    before, now = instance._before or {}, _now(instance)  # type: ignore[attr-defined]
    changed = [name for name in now if now[name] != before.get(name)]
    if not changed:
        return
    told: dict[str, Any] = {name: now[name] for name in TOLD if name in changed}
    if others := [name for name in NAMED if name in changed and not created]:
        told["changed"] = others
    actor = getattr(instance, "changed_by", SYSTEM)
    _tell("user.created" if created else "user.changed", actor, instance.get_username(), told)


def _now(user: User) -> dict[str, Any]:
    return {name: getattr(user, name) for name in (*TOLD, *NAMED)}


def _tell_login(user: User, **_: Any) -> None:
    _tell("user.logged_in", _actor(user), user.get_username())


def _tell_logout(user: User | None, **_: Any) -> None:
    if user is not None:  # a session that had ended already
        _tell("user.logged_out", _actor(user), user.get_username())


def _tell_failure(credentials: dict[str, Any], **_: Any) -> None:
    # What is typed there by mistake may be a password: only names that exist are told.
    name = str(credentials.get("username") or "")
    known = User.objects.filter(username=name).exists()
    _tell("user.login_failed", "anonymous", name if known else "")


def _actor(user: User) -> str:
    return f"user:{user.get_username()}"


def _tell(kind: str, actor: str, name: str, payload: dict[str, Any] | None = None) -> None:
    with transaction.atomic():
        log.append(None, [log.NewEvent(kind, actor, f"user:{name}", payload or {})])
