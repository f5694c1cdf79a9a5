"""The system user that runs the servers when Prefapp itself runs as root, since PostgreSQL refuses to."""

import os
import pwd
import stat
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from prefapp.embedded.errors import EmbeddedError

NAME = "prefapp-embedded"
MAKE_ATTEMPTS = 20


def as_server() -> dict[str, Any]:
    """Arguments for `subprocess` that run a server as the right user: the current one, unless that is root."""
    if os.geteuid() != 0:
        return {}
    account = _server_account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def make_private(folder: Path) -> None:
    """Makes a folder that the servers alone (and root) can enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = _server_account().pw_uid if os.geteuid() == 0 else os.geteuid()
    if os.geteuid() == 0:
        os.chown(folder, owner, -1)
        open_parents(folder)
    if folder.stat().st_uid != owner:
        raise EmbeddedError(f"{folder} belongs to another user; set PREFAPP_DATA_DIR.")
    folder.chmod(0o700)


def open_parents(path: Path) -> None:
    """As root: lets other users pass through (not list) the folders above path, so that the servers reach it."""
    if os.geteuid() == 0:
        for folder in path.resolve().parents:
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)


def _server_account() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false", NAME]
    said = ""
    for _ in range(MAKE_ATTEMPTS):
        with suppress(KeyError):
            return pwd.getpwnam(NAME)
        try:
            said = subprocess.run(command, capture_output=True, text=True).stderr.strip()
        except OSError as error:
            said = str(error)
        time.sleep(0.1)  # another process may hold the lock of the user database
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root and the system user {NAME} cannot be made ({said}): "
        "run as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )
