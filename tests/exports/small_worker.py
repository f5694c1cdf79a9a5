"""A Celery application whose builds have tiny shards and take their time: `celery -A tests.exports.small_worker`."""

from __future__ import annotations

import time
from typing import Any

from celery.signals import worker_process_init

from prefapp.celery import app

__all__ = ["app"]


@worker_process_init.connect
def make_small(**_: Any) -> None:
    """Cut what is built by this process into shards of four pairs, a third of a second each."""
    shrink()
    from exports.pipeline import configs  # noqa: PLC0415 - Django is set up by now

    add = configs.Texts.add

    def slowly(texts: Any, batch: Any) -> None:
        time.sleep(0.3)
        add(texts, batch)

    configs.Texts.add = slowly  # type: ignore[method-assign]


def shrink() -> None:
    """The same cuts in another process."""
    from exports.pipeline import configs, split  # noqa: PLC0415

    split.CHUNK_ROWS, configs.SHARD_CHUNKS = 2, 2
