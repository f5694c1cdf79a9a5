"""What the instance's log tells of people."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from annotation.models import Event
from annotation.verification import verify
from tests import world

pytestmark = pytest.mark.django_db


@pytest.fixture
def root() -> Client:
    """Somebody who may make and change accounts, signed in; what the log told until then is left out."""
    client = Client()
    client.force_login(world.person("root", is_superuser=True, is_staff=True))
    return client


def told(name: str) -> list[tuple[str, str, Any]]:
    """Kind, actor and payload of the events about a person, in their order."""
    events = Event.objects.filter(project=None, subject=f"user:{name}").order_by("pk")
    return list(events.values_list("kind", "actor", "payload"))


def test_log_in_and_log_out_are_events() -> None:
    world.person("alice")
    client = Client()
    client.post(reverse("account_login"), {"login": "alice", "password": world.PASSWORD})
    client.post(reverse("account_logout"))
    assert told("alice")[1:] == [("user.logged_in", "user:alice", {}), ("user.logged_out", "user:alice", {})]


def test_a_failed_log_in_is_an_event_that_names_only_people_who_are_there() -> None:
    world.person("alice")
    for name in ("alice", "my secret password"):
        assert Client().post(reverse("account_login"), {"login": name, "password": "wrong"}).status_code == 200
    assert told("alice")[1:] == [("user.login_failed", "anonymous", {})]
    assert told("") == [("user.login_failed", "anonymous", {})]


def test_an_account_made_and_changed_in_the_admin_is_told_with_who_did_it(root: Client) -> None:
    password = {"password1": world.PASSWORD, "password2": world.PASSWORD}
    root.post(reverse("admin:auth_user_add"), {"username": "bob", "usable_password": "true", **password})
    bob = User.objects.get(username="bob")
    page = reverse("admin:auth_user_change", args=[bob.pk])
    form = {"username": "bob", "email": "bob@example.org", "date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert root.post(page, form).status_code == 302
    assert root.post(page, form).status_code == 302, "the same again is no change"
    assert root.post(reverse("admin:auth_user_password_change", args=[bob.pk]), {
        "usable_password": "true", "password1": "another long word", "password2": "another long word",
    }).status_code == 302  # fmt: skip
    assert told("bob") == [
        ("user.created", "user:root", {
            "username": "bob", "is_active": True, "is_staff": False, "is_superuser": False,
        }),
        ("user.changed", "user:root", {"is_active": False, "changed": ["email"]}),
        ("user.changed", "user:root", {"changed": ["password"]}),
    ]  # fmt: skip


def test_what_commands_and_people_themselves_change_is_told() -> None:
    call_command("createsuperuser", "--noinput", username="eve", email="eve@example.org")
    eve = User.objects.get(username="eve")
    eve.set_password(world.PASSWORD)
    eve.save()
    client = Client()
    client.force_login(eve)
    client.post(reverse("account_change_password"), {
        "oldpassword": world.PASSWORD, "password1": "another long word", "password2": "another long word",
    })  # fmt: skip
    assert [(kind, actor) for kind, actor, _ in told("eve")] == [
        *(("user.created", "system"), ("user.changed", "system"), ("user.logged_in", "user:eve")),
        ("user.changed", "user:eve"),
    ]


@pytest.mark.django_db(transaction=True)
def test_the_instances_chain_verifies() -> None:
    world.person("alice")
    assert verify(None).position == 1
