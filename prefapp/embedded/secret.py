"""The key that signs sessions when nobody gives SECRET_KEY."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from prefapp.embedded.errors import EmbeddedError


def secret_key(data_dir: Path) -> str:
    """Returns the data directory's own random key, made on first use and readable by its owner alone."""
    path = data_dir / "secret_key"
    try:
        with suppress(FileNotFoundError):
            return path.read_text()
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix="secret_key.", dir=data_dir)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        # Of several processes that start at once, the first to link its draft decides the key for all.
        with suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
        return path.read_text()
    except OSError as error:
        raise EmbeddedError(
            f"The data directory cannot be used: {error}; set PREFAPP_DATA_DIR or SECRET_KEY."
        ) from error
