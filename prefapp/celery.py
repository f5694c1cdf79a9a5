"""The Celery application; workers and beat start with `celery -A prefapp`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prefapp.settings")

app = Celery("prefapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
