"""The oldest PostgreSQL the service works with."""

from sqlalchemy import Connection, text

REQUIRED = 18


class UnsupportedServerError(Exception):
    """The database server is too old; the text says what is needed."""


def require_supported_server(connection: Connection) -> None:
    """Raise UnsupportedServerError unless the server can run the service's SQL."""
    major = major_version(connection)
    if major < REQUIRED:
        raise UnsupportedServerError(f"PostgreSQL {REQUIRED} or newer is needed; this server is version {major}.")


def major_version(connection: Connection) -> int:
    """The server's major version."""
    return int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
