"""A database with two roles, made as the kit makes it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import flask_migrate
import psycopg2
import pytest
from flask import Flask

from app import create_app
from app.config import Settings
from app.db.base import db
from app.db.server import embedded
from tests.processes import ROOT, finish, start
from tests.servers import Server

SECRET = "a secret that only tests know and is long enough"


class Kit:
    """A server of its own, on which `deploy/postgres/create-role.sh` has made the database and its roles."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self.directory = directory
        self.server = Server(stack, directory / "server")
        with closing(psycopg2.connect(self.url("postgres", "postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("DROP DATABASE billing")
                cursor.execute("DROP ROLE billing")
        script = str(ROOT / "deploy" / "postgres" / "create-role.sh")
        environ = {"PATH": f"{embedded.programs()}:/usr/bin:/bin", "PGHOST": self.server.address}
        code, out, err = finish(start("sh", script, BILLING_OWNER_PASSWORD="o'1", BILLING_PASSWORD='s"2', **environ))
        assert code == 0, out + err

    def url(self, role: str, database: str = "billing") -> str:
        return f"postgresql://{role}@/{database}?host={self.server.address}"

    @property
    def environ(self) -> dict[str, str]:
        """What the service is configured with."""
        return {
            "APP_ENV": "production",
            "DATABASE_URL": self.url("billing"),
            "DATABASE_OWNER_URL": self.url("billing_owner"),
            "AUTH_SECRET": SECRET,
            "VAR_DIR": str(self.directory / "var"),
            "LOG_LEVEL": "ERROR",
        }


@pytest.fixture(scope="module")
def kit() -> Iterator[Kit]:
    with tempfile.TemporaryDirectory(prefix="billing-kit-") as directory, ExitStack() as stack:
        yield Kit(stack, Path(directory))


@pytest.fixture(scope="module")
def kit_app(kit: Kit) -> Iterator[Flask]:
    """The service, running as the role that owns nothing, on a database migrated by the owner."""
    app = create_app(Settings.load(kit.environ))
    with app.app_context():
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
