"""The frame as a Django app."""

import gc
from importlib import import_module

from django.apps import AppConfig

# Imported so that every Django process, and not only the worker, knows the broker that its tasks go to.
from prefapp.celery import app as celery_app

__all__ = ["PrefappConfig", "celery_app"]


class PrefappConfig(AppConfig):
    name = "prefapp"
    verbose_name = "Prefapp"

    def ready(self) -> None:
        """Connects what hears of people; models can be imported only now."""
        import_module("prefapp.people").connect()
        # What is loaded by now stays; bulk work would have it looked through over and over again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(10_000, 10, 10)
