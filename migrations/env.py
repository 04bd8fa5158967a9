"""Runs migrations: each in its own transaction, on the application's engine."""

from alembic import context
from flask import current_app

from app.db import embedded

config = context.config
db = current_app.extensions["migrate"].db
config.set_main_option("sqlalchemy.url", str(db.engine.url).replace("%", "%%"))


def run() -> None:
    """Do what the command asks for, on the database the service would use."""
    settings = current_app.config["SETTINGS"]
    with embedded.running(settings.embedded_dir), db.engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
    db.engine.dispose()


run()
