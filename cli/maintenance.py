"""`flask maintenance`: work that keeps the database small."""

import click
from flask.cli import AppGroup

from app.web import idempotency
from cli.database import with_database

maintenance = AppGroup("maintenance", help="Keep the database small.", epilog="Example: flask maintenance prune")


@maintenance.command(epilog="Example: flask maintenance prune")
@with_database
def prune() -> None:
    """Delete idempotency keys that have expired, a few thousand at a time, while the service runs."""
    click.echo(f"{idempotency.prune():,} expired idempotency keys deleted.")
