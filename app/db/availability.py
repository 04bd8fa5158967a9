"""Which failures mean that the database is unavailable, not that it was asked something wrong."""

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError


def is_unavailable(error: DBAPIError) -> bool:
    """Whether the same request may succeed once the database is back."""
    # A connection that breaks in the middle of a statement is reported as no particular kind of error.
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated
