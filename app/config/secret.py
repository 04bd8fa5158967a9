"""The secret that signs tokens where none is configured: made once, kept in a file of the owner's."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from app.config.declaration import ConfigurationError

MIN_SECRET_BYTES = 32


def kept_secret(path: Path) -> str:
    """The secret in `path`, which is made if needed. Raises ConfigurationError."""
    try:
        if not path.exists():
            _make_secret(path)
        secret = path.read_text().strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"VAR_DIR cannot hold the generated secret: {error}.") from None
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigurationError(f"{path} is damaged: remove it, and a new secret is made.")
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(48))
    # A link is atomic and never replaces: of two processes starting together, both read the winner's.
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
