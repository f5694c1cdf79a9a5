"""Hub: a ready snapshot pushed to a data set's repository on a Hugging Face Hub, by its own client.

The client is an extra of the project. The token is read from the environment when it is needed, and stands nowhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction

from annotation import log
from exports.models import Snapshot
from exports.storage import StorageError, at_hand

PUSH_TASK = "exports.push_snapshot"
TOKEN = "HF_TOKEN"  # noqa: S105  (the name of the variable, not a token)


class HubError(Exception):
    """Why a snapshot was not pushed."""


def push(snapshot: Snapshot, repository: str, *, private: bool = True, actor: str) -> str:
    """Make the repository what the snapshot holds, in one commit with a tag `vN`; return its address.

    A repository that is not there is made. Raises HubError.
    """
    check(snapshot)
    try:
        with _told(), at_hand(snapshot) as folder:
            url = _upload(_client(), folder, snapshot, repository, private=private)
    except (HubError, StorageError, FileNotFoundError) as error:
        _tell_log(snapshot, "push_failed", actor, {"repository": repository, "error": str(error)})
        raise HubError(str(error)) from error
    _tell_log(snapshot, "pushed", actor, {"repository": repository})
    return url


def check(snapshot: Snapshot) -> None:
    """Raise HubError when a snapshot has nothing to push, or nothing to push it with."""
    if snapshot.status != Snapshot.Status.READY:
        raise HubError(f"Version {snapshot.version} is {snapshot.status}, not ready.")
    if hasattr(snapshot, "removal"):
        raise HubError(f"The files of version {snapshot.version} were removed.")


def _client() -> Any:
    if not os.environ.get(TOKEN):
        raise HubError(f"There is no token: set {TOKEN} in the environment of this process.")
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415  (an extra that need not be installed)
    except ImportError:
        raise HubError("The Hub's client is not installed: uv sync --extra hub.") from None
    return HfApi(endpoint=settings.HUB_ENDPOINT or None, token=os.environ[TOKEN])


def _upload(client: Any, folder: Any, snapshot: Snapshot, repository: str, *, private: bool) -> str:
    client.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
    commit = client.upload_folder(
        repo_id=repository,
        repo_type="dataset",
        folder_path=str(folder),
        commit_message=f"{snapshot.project.slug} version {snapshot.version}",
        allow_patterns=list(snapshot.files.values_list("path", flat=True)),
        delete_patterns=["*"],  # what an earlier version had and this one has not
    )
    tag = f"v{snapshot.version}"
    client.create_tag(repository, tag=tag, revision=commit.oid, repo_type="dataset", exist_ok=True)
    return str(commit.repo_url)


@contextmanager
def _told() -> Iterator[None]:
    """The Hub's errors in words of our own, which hold nothing of the request."""
    try:
        yield
    except (HubError, StorageError, FileNotFoundError):
        raise
    except Exception as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        said = f"it answered {status}" if status else type(error).__name__
        raise HubError(f"The Hub did not take it: {said}.") from error


def _tell_log(snapshot: Snapshot, what: str, actor: str, told: dict[str, Any]) -> None:
    payload = {"version": snapshot.version, **told}
    with transaction.atomic():
        log.append(snapshot.project, [log.NewEvent(f"snapshot.{what}", actor, f"snapshot:{snapshot.version}", payload)])
