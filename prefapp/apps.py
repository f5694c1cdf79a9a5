"""The frame as a Django app."""

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
