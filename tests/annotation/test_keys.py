"""API keys: what each kind may have, rotation with an overlap, expiry, changes, and the log of it all."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from annotation import canonical, keys
from annotation.models import ApiKey, Event
from tests import world

pytestmark = pytest.mark.django_db

PAGE = "https://app.example.org"


@pytest.fixture
def project(db):
    return world.project()


def make(project, **settings):
    return keys.create_key(project, **{"name": "nightly", "scopes": ["read"], "actor": "test"} | settings)


def make_browser(project, *origins, **settings):
    return make(project, scopes=[], kind="browser", origins=origins or [PAGE], **settings)


def told():
    """What the log has on keys, oldest first."""
    return list(Event.objects.filter(kind__startswith="key.").order_by("pk").values_list("kind", "subject", "payload"))


def in_hours(hours):
    return timezone.now() + dt.timedelta(hours=hours)


def end(key, *, hours_ago=1):
    ApiKey.objects.filter(pk=key.pk).update(expires_at=in_hours(-hours_ago))


def test_the_prefix_tells_the_kind(project):
    assert make(project)[1].startswith("pref_")
    assert make_browser(project)[1].startswith("prefb_")


def test_only_the_hash_is_stored(project):
    _, secret = make_browser(project)
    stored = str(ApiKey.objects.values().get())
    assert secret not in stored
    assert secret[6:] not in stored
    assert canonical.secret_hash(secret) in stored
    assert secret not in str(told())


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("https://app.example.org", "https://app.example.org"),
        (" HTTPS://App.Example.ORG ", "https://app.example.org"),
        ("https://app.example.org:443", "https://app.example.org"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://app.example.org:80", "http://app.example.org"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_is_stored_as_browsers_send_it(project, given, stored):
    assert make_browser(project, given)[0].origins == [stored]


@pytest.mark.parametrize(
    "origin",
    ["", "*", "null", "app.example.org", "https://", "https://*.example.org", "https://app.example.org/", "https://a/b",
     "https://a?b", "https://a#b", "https://u@a", "https://a b", "https://a:port", "https://a:", "https://bücher.example",
     "ftp://a", "file:///a", "javascript://a", "https://a\nhttps://b", "https://" + "a" * 300],
)  # fmt: skip
def test_what_is_no_origin_is_refused(project, origin):
    with pytest.raises(keys.KeySettingError, match=r"origins: .*such as https://app\.example\.org") as refused:
        make_browser(project, PAGE, origin)
    assert len(str(refused.value)) < 250
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"scopes": []}, "scopes"),
        ({"origins": [PAGE]}, "origins"),
        ({"kind": "browser", "origins": [PAGE]}, "scopes"),
        ({"kind": "browser", "scopes": []}, "origins"),
        ({"kind": "browser", "scopes": [], "origins": [f"https://a{n}.example" for n in range(51)]}, "origins"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": 1_000_001}, "rate_limit"),
        ({"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}, "expires_at"),
    ],
)
def test_what_a_key_cannot_have_is_refused_and_named(project, settings, setting):
    with pytest.raises(keys.KeySettingError) as refused:
        make(project, **settings)
    assert refused.value.setting == setting
    assert not ApiKey.objects.exists()
    assert told() == []


def test_the_database_keeps_browser_keys_narrow(project):
    key, _ = make_browser(project)
    for wider in ({"scopes": ["read"]}, {"origins": []}, {"rate_limit": None}, {"kind": "server"}):
        with pytest.raises(IntegrityError, match="apikey_"), transaction.atomic():
            ApiKey.objects.filter(pk=key.pk).update(**wider)


def test_a_browser_key_has_a_limit_unless_another_is_given(project):
    assert make_browser(project)[0].rate_limit == keys.BROWSER_RATE_LIMIT
    assert make_browser(project, rate_limit=5)[0].rate_limit == 5
    assert make(project)[0].rate_limit is None


def test_an_expired_key_opens_nothing(project):
    key, secret = make(project, expires_at=in_hours(1))
    assert keys.find_key(secret) == key
    end(key)
    assert keys.find_key(secret) is None


def test_making_a_key_tells_the_log_its_settings(project):
    ends = in_hours(24)
    key, _ = make_browser(project, expires_at=ends)
    payload = {"name": "nightly", "kind": "browser", "scopes": [], "origins": [PAGE], "rate_limit": 600}
    assert told() == [("key.created", f"key:{key.uid}", payload | {"expires_at": ends.isoformat()})]


class TestRotation:
    def test_both_secrets_work_until_the_overlap_ends(self, project):
        old, old_secret = make(project, scopes=["ingest", "read"], rate_limit=7)
        new, new_secret = keys.rotate_key(old, overlap=dt.timedelta(hours=2), actor="test")
        assert keys.find_key(old_secret) == old
        assert keys.find_key(new_secret) == new
        assert (new.name, new.kind, new.scopes, new.rate_limit, new.project) == (
            "nightly", "server", ["ingest", "read"], 7, project,
        )  # fmt: skip
        end(old)
        assert keys.find_key(old_secret) is None
        assert keys.find_key(new_secret) == new

    def test_without_an_overlap_the_old_one_ends_at_once(self, project):
        old, secret = make(project)
        keys.rotate_key(old, overlap=dt.timedelta(), actor="test")
        assert keys.find_key(secret) is None

    def test_a_browser_key_keeps_its_kind_and_origins(self, project):
        new, secret = keys.rotate_key(make_browser(project)[0], actor="test")
        assert (new.kind, new.origins, new.rate_limit) == ("browser", [PAGE], 600)
        assert secret.startswith("prefb_")

    def test_the_new_key_lives_as_long_as_the_old_one_was_made_for(self, project):
        old, _ = make(project, expires_at=in_hours(10))
        ApiKey.objects.filter(pk=old.pk).update(created_at=in_hours(-80))
        new, _ = keys.rotate_key(old, overlap=dt.timedelta(hours=20), actor="test")
        assert abs(new.expires_at - in_hours(90)) < dt.timedelta(minutes=1)
        kept = ApiKey.objects.get(pk=old.pk).expires_at
        assert abs(kept - in_hours(10)) < dt.timedelta(minutes=1), "an overlap lengthens no life"

    def test_the_log_names_both_keys_and_when_the_old_one_ends(self, project):
        old, _ = make(project)
        new, secret = keys.rotate_key(old, actor="test")
        kind, subject, payload = told()[-1]
        assert (kind, subject, payload["new"]) == ("key.rotated", f"key:{old.uid}", f"key:{new.uid}")
        assert payload["old_expires_at"] == ApiKey.objects.get(pk=old.pk).expires_at.isoformat()
        assert secret not in str(payload)

    def test_a_key_is_rotated_once_and_only_while_it_lives(self, project):
        old, _ = make(project)
        new, _ = keys.rotate_key(old, actor="test")
        with pytest.raises(keys.KeyEndedError, match="rotated already"):
            keys.rotate_key(old, actor="test")
        end(old)
        with pytest.raises(keys.KeyEndedError, match="expired"):
            keys.rotate_key(old, actor="test")
        keys.revoke_key(new, actor="test")
        with pytest.raises(keys.KeyEndedError, match="revoked"):
            keys.rotate_key(new, actor="test")
        assert ApiKey.objects.count() == 2

    @pytest.mark.parametrize("overlap", [dt.timedelta(seconds=-1), dt.timedelta(days=366)])
    def test_an_overlap_has_bounds(self, project, overlap):
        with pytest.raises(keys.KeySettingError, match="overlap"):
            keys.rotate_key(make(project)[0], overlap=overlap, actor="test")


@pytest.mark.django_db(transaction=True)
def test_two_who_rotate_at_once_make_one_new_key():
    key, _ = make(world.project())

    def rotate(_):
        try:
            return keys.rotate_key(key, actor="test")
        except keys.KeyEndedError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = [result for result in pool.map(rotate, range(4)) if result]
    assert len(made) == 1
    assert [kind for kind, _, _ in told()] == ["key.created", "key.rotated"]


class TestChanging:
    def test_limits_change_with_an_event_of_what_changed(self, project):
        key, secret = make_browser(project)
        keys.change_key(key, {"rate_limit": 30, "origins": [PAGE, "https://b.example"]}, actor="test")
        found = keys.find_key(secret)
        assert (found.rate_limit, found.origins) == (30, [PAGE, "https://b.example"])
        payload = {"rate_limit": 30, "origins": [PAGE, "https://b.example"]}
        assert told()[-1] == ("key.changed", f"key:{key.uid}", payload)

    def test_the_same_settings_again_are_no_change(self, project):
        key, _ = make(project, rate_limit=3)
        keys.change_key(key, {"rate_limit": 3, "expires_at": None}, actor="test")
        assert [kind for kind, _, _ in told()] == ["key.created"]

    @pytest.mark.parametrize(
        "settings",
        [{"scopes": ["manage"]}, {"kind": "browser"}, {"name": "x"}, {"rate_limit": -1}, {"origins": [PAGE]}],
    )
    def test_what_a_key_opens_stays(self, project, settings):
        key, _ = make(project)
        with pytest.raises(keys.KeySettingError):
            keys.change_key(key, settings, actor="test")
        assert [kind for kind, _, _ in told()] == ["key.created"]

    def test_a_key_that_has_ended_stays_so(self, project):
        key, secret = make(project, expires_at=in_hours(1))
        end(key)
        with pytest.raises(keys.KeyEndedError):
            keys.change_key(key, {"expires_at": None}, actor="test")
        assert keys.find_key(secret) is None
