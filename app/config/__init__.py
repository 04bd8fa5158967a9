"""Settings from the environment, read once, typed and validated."""

from app.config.declaration import ConfigurationError
from app.config.groups import Limiting, Serving, SignIn
from app.config.settings import DEFAULT_WORKERS, ROOT, Settings

__all__ = ["DEFAULT_WORKERS", "ROOT", "ConfigurationError", "Limiting", "Serving", "Settings", "SignIn"]
