"""URLs in the spelling of each library, and the key of a data directory."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prefapp import embedded
from prefapp.embedded.addresses import LONGEST_SOCKET_PATH, VALKEY_SOCKET, WATCHED, socket_dir


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://cache:6379/2", "redis://cache:6379/2"),
        ("rediss://:secret@cache:6380/0", "rediss://:secret@cache:6380/0"),
        ("unix:///run/valkey.sock?db=3", "redis+socket:///run/valkey.sock?virtual_host=3"),
        ("unix:///run/valkey.sock", "redis+socket:///run/valkey.sock?virtual_host=0"),
    ],
)
def test_celery_broker_url(url: str, expected: str) -> None:
    assert embedded.celery_broker_url(url) == expected


def test_django_database_keeps_every_part_of_the_url() -> None:
    database = embedded.django_database(
        "postgresql://lena:p%40ss@db.example:6432/prefs?sslmode=require&keepalives_idle=5"
    )
    assert database == {
        "ENGINE": "prefapp.database",
        "NAME": "prefs",
        "USER": "lena",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {**WATCHED, "sslmode": "require", "keepalives_idle": "5"},
    }


@pytest.mark.parametrize("name", ["data", "d" * 200, "with space", "with'quote,comma", "päth"])
def test_socket_paths_fit_and_differ(name: str) -> None:
    data_dir, other = Path("/srv") / name, Path("/srv") / f"{name}2"
    path = socket_dir(data_dir) / VALKEY_SOCKET
    assert len(str(path).encode()) <= LONGEST_SOCKET_PATH
    assert socket_dir(other) != socket_dir(data_dir)
    assert embedded.django_database(embedded.database_url(data_dir))["HOST"] == str(socket_dir(data_dir))


def test_secret_key_is_private_and_the_same_for_all(tmp_path: Path) -> None:
    data_dir = tmp_path / "new"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(embedded.secret_key, [data_dir] * 8))
    assert len(keys) == 1
    assert len(keys.pop()) >= 50
    assert [path.name for path in data_dir.iterdir()] == ["secret_key"]
    assert (data_dir / "secret_key").stat().st_mode & 0o777 == 0o600


def test_secret_key_says_what_hinders_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(embedded.EmbeddedError, match="PREFAPP_DATA_DIR"):
        embedded.secret_key(tmp_path / "file" / "data")
