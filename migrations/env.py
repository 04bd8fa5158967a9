"""Runs migrations: each in its own transaction, as the owner of the tables, or as SQL to read (`--sql`)."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, event

from app.config import Settings
from app.db.server import embedded, revision, roles

config = context.config
db = current_app.extensions["migrate"].db
settings: Settings = current_app.config["SETTINGS"]
# A step that waits for a table keeps everybody who comes after it waiting too: it gives up, and can be run again.
# Another limit: `flask db upgrade -x lock_timeout=30s`.
LOCK_TIMEOUT = context.get_x_argument(as_dictionary=True).get("lock_timeout", "5s")
GRANTS = roles.grants(settings.database_url, settings.database_owner_url)
config.set_main_option("sqlalchemy.url", str(db.engine.url).replace("%", "%%"))


def run() -> None:
    """Do what the command asks for, on the database the service would use."""
    with (
        embedded.running(settings.embedded_dir),
        roles.owner_engine(db.engine, settings.database_owner_url) as engine,
        engine.connect() as connection,
    ):
        revision.require_known_revision(connection, current_app.extensions["migrate"].directory, settings.embedded_dir)
        # Each migration begins a transaction of its own.
        connection.rollback()
        # For the transaction only: behind PgBouncer the next may be another client's.
        event.listen(connection, "begin", _give_up_waiting_soon)
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        if GRANTS is not None and revision.present_revision(connection) is not None:
            connection.execution_options(no_parameters=True).exec_driver_sql(GRANTS)
        connection.commit()
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
    if GRANTS is not None:
        context.execute(GRANTS)


if context.is_offline_mode():
    write()
else:
    run()
