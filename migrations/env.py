"""Runs migrations: each in its own transaction, on the application's engine, or as SQL to read (`--sql`)."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, event

from app.db import embedded

config = context.config
db = current_app.extensions["migrate"].db
# A step that waits for a table keeps everybody who comes after it waiting too: it gives up, and can be run again.
# Another limit: `flask db upgrade -x lock_timeout=30s`.
LOCK_TIMEOUT = context.get_x_argument(as_dictionary=True).get("lock_timeout", "5s")
config.set_main_option("sqlalchemy.url", str(db.engine.url).replace("%", "%%"))


def run() -> None:
    """Do what the command asks for, on the database the service would use."""
    settings = current_app.config["SETTINGS"]
    with embedded.running(settings.embedded_dir), db.engine.connect() as connection:
        # For the transaction only: behind PgBouncer the next may be somebody else's.
        event.listen(connection, "begin", _give_up_waiting_soon)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    db.engine.dispose()


def _give_up_waiting_soon(connection: Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


def write() -> None:
    """Print the SQL that would be run."""
    context.configure(
        dialect_name="postgresql", literal_binds=True, target_metadata=db.metadata, transaction_per_migration=True
    )
    context.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    write()
else:
    run()
