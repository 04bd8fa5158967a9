"""After a failover: connections that lead to a server which no longer takes writes."""

from sqlalchemy import Engine, ExceptionContext, event

_READ_ONLY_SQL_TRANSACTION = "25006"


def leave_read_only_servers(engine: Engine) -> None:
    """Count a refusal to write as a broken connection: all that lead there are closed, and new ones looked for.

    The caller is answered that the database is unavailable (see `app.db.availability`), and served once a primary is
    reached.
    """
    event.listen(engine, "handle_error", _break_connection)


def _break_connection(context: ExceptionContext) -> None:
    if getattr(context.original_exception, "pgcode", None) == _READ_ONLY_SQL_TRANSACTION:
        context.is_disconnect = True
