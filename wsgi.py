"""The one place that knows both the service and its commands."""

import cli
from app import create_app

app = create_app()
cli.register(app)
