"""The one place that knows both the service and its commands."""

import gc
import sys

# What importing makes stays until the end: looking for garbage in it would be a sixth of every start.
gc.disable()

from app import create_app  # noqa: E402
from app.config import ConfigurationError  # noqa: E402

try:
    app = create_app()
except ConfigurationError as error:
    sys.exit(f"Error: {error}")

# Only now: gunicorn reads the environment when it is imported, before anybody has checked it.
import cli  # noqa: E402

cli.register(app)

# Forked workers then share it.
gc.freeze()
gc.enable()
