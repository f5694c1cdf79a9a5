"""API keys in the admin: shown once, changed within their kind, rotated, revoked, each with its event."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from annotation import keys
from annotation.models import ApiKey, Event
from tests.annotation.admin import scenery
from tests.annotation.admin.scenery import act, browse, list_path, page_path

pytestmark = pytest.mark.django_db

ADD = "admin:annotation_apikey_add"
TERMS = {"origins": "", "rate_limit": "", "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture
def scene() -> scenery.Scenery:
    return scenery.build()


def new(scene, **fields):
    return {"name": "nightly", "project": scene.project.pk, "kind": "server", "scopes": ["read", "ingest"]} | fields


def shown_secret(html, prefix):
    (secret,) = re.findall(rf"\b{prefix}_[\w-]{{43}}", html)
    return secret


def last_event():
    return Event.objects.order_by("-pk").values_list("kind", "actor", "subject", "payload")[0]


def test_a_key_is_made_and_shown_once(scene):
    lena = browse(scene.lena)
    html = lena.post(reverse(ADD), new(scene), follow=True).content.decode()
    secret = shown_secret(html, "pref")
    key = keys.find_key(secret)
    assert (key.name, key.project, sorted(key.scopes)) == ("nightly", scene.project, ["ingest", "read"])
    assert last_event()[:3] == ("key.created", "user:lena", f"key:{key.uid}")
    assert secret not in lena.get(page_path(key)).content.decode()
    assert not Event.objects.filter(payload__icontains=secret).exists()


def test_a_browser_key_is_made_with_its_origins(scene):
    data = new(scene, kind="browser", scopes=[], origins="https://a.example\r\nHTTP://localhost:3000\r\n")
    html = browse(scene.lena).post(reverse(ADD), data, follow=True).content.decode()
    key = keys.find_key(shown_secret(html, "prefb"))
    assert (key.kind, key.scopes, key.rate_limit) == ("browser", [], keys.BROWSER_RATE_LIMIT)
    assert key.origins == ["https://a.example", "http://localhost:3000"]


@pytest.mark.parametrize(
    ("fields", "where", "says"),
    [
        ({"scopes": []}, "scopes", "A server key needs at least one."),
        ({"kind": "browser", "origins": "https://a.example"}, "scopes", "A browser key has none"),
        ({"kind": "browser", "scopes": []}, "origins", "A browser key needs 1 to 50"),
        ({"kind": "browser", "scopes": [], "origins": "https://a.example/x"}, "origins", "without path"),
        ({"kind": "browser", "scopes": [], "origins": "https://*.example"}, "origins", "“*”"),
        ({"origins": "https://a.example"}, "origins", "Only a browser key has them."),
        ({"rate_limit": "0"}, "rate_limit", "Must be from 1 to"),
        ({"rate_limit": "-5"}, "rate_limit", "greater than or equal to 0"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "expires_at", "Must lie in the future"),
    ],
)
def test_what_a_key_cannot_have_is_said_beside_the_field(scene, fields, where, says):
    errors = browse(scene.lena).post(reverse(ADD), new(scene, **fields)).context["adminform"].form.errors
    assert set(errors) == {where}
    assert says in " ".join(errors[where])
    assert ApiKey.objects.count() == 1


def test_limits_are_changed_and_nothing_else(scene):
    lena = browse(scene.lena)
    data = TERMS | {"rate_limit": "30", "scopes": ["manage"], "name": "other", "kind": "browser"}
    assert lena.post(page_path(scene.key), data).status_code == 302
    key = ApiKey.objects.get()
    assert (key.rate_limit, key.scopes, key.name, key.kind) == (30, ["read"], scene.key.name, "server")
    assert last_event() == ("key.changed", "user:lena", f"key:{key.uid}", {"rate_limit": 30})


def test_origins_of_a_browser_key_are_changed(scene):
    key, _ = keys.create_key(scene.project, name="p", kind="browser", origins=["https://a.example"], actor="test")
    lena = browse(scene.lena)
    assert "https://a.example" in lena.get(page_path(key)).content.decode()
    errors = lena.post(page_path(key), TERMS | {"origins": "a.example"}).context["adminform"].form.errors
    assert set(errors) == {"origins"}
    assert lena.post(page_path(key), TERMS | {"origins": "https://b.example", "rate_limit": "9"}).status_code == 302
    key.refresh_from_db()
    assert (key.origins, key.rate_limit) == (["https://b.example"], 9)


def test_a_key_that_has_ended_cannot_be_changed(scene):
    lena = browse(scene.lena)
    ApiKey.objects.update(expires_at=timezone.now() - dt.timedelta(hours=1))
    assert lena.get(page_path(scene.key)).status_code == 200
    assert lena.post(page_path(scene.key), TERMS).status_code == 403
    assert keys.ApiKey.objects.get().expires_at < timezone.now()


def rotate_path(key):
    return f"/admin/annotation/apikey/{key.pk}/rotate/"


def test_a_key_is_rotated_and_the_new_one_shown_once(scene):
    lena = browse(scene.lena)
    assert rotate_path(scene.key) in lena.get(page_path(scene.key)).content.decode()
    response = lena.post(rotate_path(scene.key), {"_form_submitted": "on", "hours": "168"}, follow=True)
    key = keys.find_key(shown_secret(response.content.decode(), "pref"))
    assert (key.name, key.scopes, key.replaces) == (scene.key.name, scene.key.scopes, scene.key)
    assert response.redirect_chain[-1][0] == page_path(key)
    old = ApiKey.objects.get(pk=scene.key.pk)
    assert 167 < (old.expires_at - timezone.now()).total_seconds() / 3600 <= 168
    assert last_event()[:3] == ("key.rotated", "user:lena", f"key:{old.uid}")
    html = lena.get(page_path(old)).content.decode()
    assert f'"{page_path(key)}"' in html, "the old one leads to the new one"
    assert "Replaced by" in html
    assert rotate_path(old) not in html
    assert lena.post(rotate_path(old), {"_form_submitted": "on", "hours": "0"}).status_code == 403


@pytest.mark.parametrize("hours", ["", "-1", "2", "99999"])
def test_an_overlap_is_chosen_from_those_there_are(scene, hours):
    browse(scene.lena).post(rotate_path(scene.key), {"_form_submitted": "on", "hours": hours})
    assert ApiKey.objects.count() == 1


def test_another_projects_key_is_neither_rotated_nor_changed(scene):
    omar = browse(scenery.build("poems", lead="omar").lena)
    assert omar.post(rotate_path(scene.key), {"_form_submitted": "on", "hours": "0"}).status_code == 403
    assert omar.post(page_path(scene.key), TERMS | {"rate_limit": "1"}).status_code == 302
    key = ApiKey.objects.get(pk=scene.key.pk)
    assert (key.rate_limit, key.expires_at) == (None, None)


def test_keys_are_revoked(scene):
    for _ in range(2):
        act(browse(scene.lena), "annotation_apikey", "revoke", scene.key)
    assert ApiKey.objects.get().revoked_at is not None
    told = Event.objects.filter(kind="key.revoked").values_list("actor", "subject")
    assert list(told) == [("user:lena", f"key:{scene.key.uid}")]


def test_questions_about_keys(scene):
    page, _ = keys.create_key(scene.project, name="p", kind="browser", origins=["https://a.example"], actor="test")
    used, secret = keys.create_key(scene.project, name="u", scopes=["read"], actor="test")
    keys.find_key(secret)
    ending, _ = keys.create_key(
        scene.project, name="e", scopes=["read"], expires_at=timezone.now() + dt.timedelta(days=1), actor="test"
    )
    expired, revoked = (keys.create_key(scene.project, name="x", scopes=["read"], actor="test")[0] for _ in range(2))
    ApiKey.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - dt.timedelta(days=1))
    keys.revoke_key(revoked, actor="test")
    lena = browse(scene.lena)
    questions = {
        "living": {scene.key, page, used, ending}, "browser": {page}, "unused": {scene.key, page, ending},
        "ending": {ending}, "expired": {expired}, "revoked": {revoked},
    }  # fmt: skip
    for question, rows in questions.items():
        response = lena.get(list_path("annotation_apikey", show=question))
        assert set(response.context["cl"].result_list) == rows, question
