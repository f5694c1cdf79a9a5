"""What a demo finds in its database: four people, the project `demo` with comparisons, and API keys."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User

from annotation import keys, projects
from annotation.intake.importing import import_files
from annotation.models import ApiKey, Member, Project

SLUG = "demo"
ACTOR = "command:demo"
COMPARISONS = Path(__file__).with_name("comparisons.jsonl")
USERS: dict[str, dict[str, bool]] = {
    "admin": {"is_staff": True, "is_superuser": True},
    "lead": {"is_staff": True},
    "annotator": {},
    "annotator2": {},
}
GUIDELINES = """\
Read the prompt, then both responses to the end. Choose the one you would rather have received.

1. **Correct** comes first: a wrong claim, a broken program or a missed condition weighs more than anything else.
2. **To the point** comes second: it answers what was asked, at the length the question deserves.
3. **Pleasant to read** comes last.

*Tie* means that you would not care which one you get. *Both are bad* means that you would want neither.
"""


def seed(known: Mapping[str, Any]) -> dict[str, Any]:
    """Makes what is missing and returns `users` and `api_keys` for demo.json; known is what that said before."""
    passwords = {name: _ensure_user(name, known.get("users", {}).get(name)) for name in USERS}
    project = Project.objects.filter(slug=SLUG).first() or _make_project()
    # Again is nothing new, and completes what was interrupted.
    import_files(project, [str(COMPARISONS)], actor=ACTOR, tell=lambda _step: None)
    stored = known.get("api_keys", {}).get(SLUG, {})
    secrets_ = {scope: _ensure_key(project, scope, stored.get(scope)) for scope in ApiKey.Scope.values}
    return {"users": passwords, "api_keys": {SLUG: secrets_}}


def read_known(path: Path) -> dict[str, Any]:
    """What an earlier run wrote to demo.json; nothing when there was none or it is no longer readable."""
    try:
        known = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write_known(path: Path, known: Mapping[str, Any]) -> None:
    """Writes demo.json, which holds passwords and keys, for its owner alone."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(known, indent=1) + "\n")
    os.replace(draft, path)


def _ensure_user(name: str, password: str | None) -> str:
    user = User.objects.filter(username=name).first()
    if user is None or password is None:
        password = password or secrets.token_urlsafe(9)
        User.objects.update_or_create(username=name, defaults={"password": make_password(password), **USERS[name]})
    return password


def _make_project() -> Project:
    settings = {"name": "Demo: which answer is better?", "guidelines": GUIDELINES}
    project = projects.create_project(SLUG, settings=settings, actor=ACTOR)
    projects.add_member(project, User.objects.get(username="lead"), Member.Role.LEAD, actor=ACTOR)
    return project


def _ensure_key(project: Project, scope: str, secret: str | None) -> str:
    if secret is None or keys.find_key(secret) is None:
        _, secret = keys.create_key(project, name=f"demo {scope}", scopes=[scope], actor=ACTOR)
    return secret
