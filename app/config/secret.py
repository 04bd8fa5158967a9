"""The generated secret that signs tokens if none is configured, stored in a file that only its owner can read."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from app.config.declaration import ConfigurationError

MIN_SECRET_BYTES = 32


def kept_secret(path: Path) -> str:
    """The secret in `path`, which is generated if it does not exist. Raises ConfigurationError."""
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The generated secret cannot be stored in VAR_DIR: {error}.") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigurationError(f"{path} is damaged; remove it to generate a new secret.")
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    # A link is atomic and never replaces a file: two processes that start together use the same secret.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
