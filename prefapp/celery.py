"""The Celery application; workers and beat start with `celery -A prefapp`."""

import os
import time
from typing import Any

from celery import Celery
from celery.signals import beat_init, celeryd_init, task_success
from django.conf import settings
from redis import Redis

from prefapp import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prefapp.settings")

# Where Redis keeps when each periodic task last succeeded, for monitoring.
SUCCESSES = "prefapp:task-successes"

app = Celery("prefapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Without this, a thread that did not import this module would send its tasks to Celery's built-in default broker.
app.set_default()


@celeryd_init.connect
@beat_init.connect
def hold_servers(**_: Any) -> None:
    """A worker or beat is a user of the embedded servers; a web process that only imports the app is none by this."""
    embedded.hold_or_exit()


@task_success.connect
def note_success(sender: Any, **_: Any) -> None:
    """A worker finished a periodic task: beat, broker and worker all do their part."""
    if any(sender.name == entry["task"] for entry in app.conf.beat_schedule.values()):
        with Redis.from_url(settings.REDIS_URL) as broker:
            broker.hset(SUCCESSES, sender.name, str(time.time()))
