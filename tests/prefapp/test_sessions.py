"""Sessions: found, over, and never an error, whatever a cookie says."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.sessions.models import Session
from django.db.models.functions import Now

from tests import world

pytestmark = pytest.mark.django_db


def home(client) -> int:
    return client.get("/").status_code


def test_who_is_signed_in_is_known_until_the_session_is_over(client):
    client.force_login(world.person("ann"))
    assert home(client) == 200
    Session.objects.update(expire_date=Now() - dt.timedelta(minutes=1))
    assert home(client) == 302


def test_who_may_not_sign_in_any_more_is_signed_out(client):
    person = world.person("ann")
    client.force_login(person)
    type(person).objects.update(is_active=False)
    assert home(client) == 302
    assert home(client) == 302


NULS = '"' + r"\000" * 9 + '"'


@pytest.mark.parametrize("key", ["x" * 32, "short", "", NULS, "ü" * 40, "x" * 4000])
def test_a_cookie_that_is_none_of_ours_is_as_good_as_none(client, key):
    client.cookies["sessionid"] = "placeholder"
    client.cookies["sessionid"].set("sessionid", key, key)
    assert home(client) == 302
