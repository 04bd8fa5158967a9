"""The one place that knows both the service and its commands."""

import sys

from app import create_app
from app.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    sys.exit(f"Error: {error}")

# Only now: gunicorn reads the environment when it is imported, before anybody has checked it.
import cli

cli.register(app)
