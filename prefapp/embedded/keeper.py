"""Waits until nobody uses a data directory's servers and then stops them: `python -m prefapp.embedded.keeper DIR`."""

import fcntl
import os
import sys
from contextlib import suppress
from pathlib import Path

from prefapp.embedded import postgres, valkey
from prefapp.embedded.addresses import socket_dir
from prefapp.embedded.sharing import USERS, lock


def main(data_dir: Path) -> None:
    """Returns when the servers have stopped. The caller passes the keeper's own lock in an inherited descriptor."""
    alone = lock(data_dir / USERS, fcntl.LOCK_EX)
    with suppress(FileNotFoundError):
        if not os.path.sameopenfile(alone, os.open(data_dir / USERS, os.O_RDONLY)):
            return  # somebody threw the data directory away; what runs there now is another keeper's
    valkey.stop(data_dir)
    postgres.stop(data_dir)
    with suppress(OSError):
        socket_dir(data_dir).rmdir()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
