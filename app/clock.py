"""The one clock. Everything that needs the present asks here, so tests can stop it."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
