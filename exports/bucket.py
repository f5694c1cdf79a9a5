"""Bucket: snapshots' files in a bucket of an S3-compatible storage."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from exports.storage import BLOCK_BYTES, StorageError

logger = logging.getLogger(__name__)

MISSING = ("404", "NoSuchKey", "NotFound")


class Bucket:
    """A store, as django-storages is set up for it."""

    def __init__(self, storage: Any) -> None:
        self._client = storage.connection.meta.client
        self._transfer = storage.transfer_config
        self._name = storage.bucket_name
        self._prefix = f"{storage.location.strip('/')}/" if storage.location.strip("/") else ""

    def stage(self, draft: Path, folder: str) -> None:
        for path in sorted(draft.rglob("*")):
            if path.is_file():
                key = self._key(f"{folder}/{path.relative_to(draft).as_posix()}")
                with path.open("rb") as file, self._told("write to"):
                    self._client.upload_fileobj(file, self._name, key, Config=self._transfer)

    def settle(self, draft: Path, folder: str) -> None:
        """Nothing: the files are there, and the draft goes with its build."""

    def sizes(self, folder: str) -> dict[str, int]:
        top = self._key(f"{folder}/")
        with self._told("list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=top)
            return {one["Key"].removeprefix(top): one["Size"] for page in pages for one in page.get("Contents", ())}

    def read(self, name: str, start: int, length: int) -> Iterator[bytes]:
        wanted = f"bytes={start}-{start + length - 1}"
        with self._told("read from"):
            options = {"Range": wanted} if length else {}
            body = self._client.get_object(Bucket=self._name, Key=self._key(name), **options)["Body"]
        return self._blocks(body, length)

    def _blocks(self, body: Any, length: int) -> Iterator[bytes]:
        with closing(body):
            if length:
                yield from body.iter_chunks(BLOCK_BYTES)

    def fetch(self, folder: str, paths: Iterable[str], to: Path) -> None:
        for path in paths:
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            with self._told("read from"):
                key = self._key(f"{folder}/{path}")
                self._client.download_file(self._name, key, str(to / path), Config=self._transfer)

    def remove(self, folder: str, *, keep: Sequence[str] = ()) -> None:
        for path in self.sizes(folder).keys() - set(keep):
            with self._told("remove from"):
                self._client.delete_object(Bucket=self._name, Key=self._key(f"{folder}/{path}"))

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Errors of the storage in words that hold nothing secret."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "error"))
            if code in MISSING and doing != "write to":
                raise FileNotFoundError(f"{self._name} does not have it") from error
            raise StorageError(f"The storage refused to {doing} the bucket {self._name}: {code}.") from error
        except (BotoCoreError, Boto3Error) as error:
            logger.warning("bucket %s: %s", self._name, error)
            raise StorageError(
                f"The storage failed to {doing} the bucket {self._name}: {type(error).__name__}."
            ) from error
