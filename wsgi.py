"""The one place that knows both the service and its commands."""

import sys

import cli
from app import create_app
from app.config import ConfigurationError

try:
    app = create_app()
except ConfigurationError as error:
    sys.exit(f"Error: {error}")
cli.register(app)
