"""A broker that takes connections and never answers: a snapshot is asked for all the same, and told of later."""

from __future__ import annotations

import socket

import pytest
from celery import Celery

from exports.pipeline import publish
from exports.pipeline.recipe import parse_recipe
from tests import world

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_snapshot_is_asked_for_while_the_broker_hangs(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as broker:
        app = Celery("hanging", set_as_current=False)
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.conf.broker_url = f"redis://127.0.0.1:{broker.getsockname()[1]}/0"
        monkeypatch.setattr(publish, "current_app", app)
        snapshot = publish.request(world.project(), publish.Request(parse_recipe({}), "test"))
    assert snapshot.status == "queued"
