"""The test bench: one PostgreSQL for the run, one migrated database for each worker, emptied after each test.

Requests commit for real, as they do in production. `TEST_DATABASE_URL` names a server to use in place of the embedded
one; its database is the one new databases are made from.
"""

import fcntl
import gc
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import flask_migrate
import psycopg2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg2.errors import InsufficientPrivilege, ObjectInUse
from sqlalchemy import create_engine, make_url, text

from app import create_app
from app.audit import actors
from app.config import Settings
from app.db.base import db
from app.db.fast import driver, prepared
from app.db.server import embedded
from bench import layout
from cli.token import mint
from tests import bouncer, proxy
from tests.caller import TEN_YEARS, Caller, data
from tests.factories.accounts import create_account, create_client
from tests.factories.customers import open_customer
from tests.processes import command, until, using

SECRET = "a secret that only tests know and that is long enough"
# Tables whose rows the migrations make.
SEEDED = {"row_counts", "plans", "plan_terms", "credit_packages"}
# What a test does to them is undone; the other tables, which may refer to them, are empty by then.
AS_SEEDED = """
    DELETE FROM plan_terms WHERE valid_from > '0001-01-01' OR plan_id NOT IN (SELECT id FROM plans WHERE name = 'Free');
    DELETE FROM plans WHERE name <> 'Free';
    UPDATE plans SET credits_per_month = 100, usd_per_credit = 0.01, is_default = true, rollover = 'all'
    WHERE (credits_per_month, usd_per_credit, is_default, rollover) <> (100, 0.01, true, 'all');
    INSERT INTO plan_terms SELECT id, '0001-01-01', 100 FROM plans
    ON CONFLICT (plan_id, valid_from) DO UPDATE SET credits_per_month = 100, rollover = 'all'
    WHERE (plan_terms.credits_per_month, plan_terms.rollover) <> (100, 'all');
    DELETE FROM credit_packages WHERE name NOT IN ('Starter Pack', 'Growth Pack', 'Scale Pack');
    UPDATE credit_packages SET price = 9, credits = 500 WHERE name = 'Starter Pack' AND (price, credits) <> (9, 500);
    UPDATE credit_packages SET is_active = true, expires_after_days = NULL
    WHERE NOT is_active OR expires_after_days IS NOT NULL
"""
# Tables that refuse DELETE.
APPEND_ONLY = {"audit_entries", "budget_movements", "credit_transactions"}
# What the fixture `scale` yields: takes the amount for the whole check and for the small cut.
Scale = Callable[[int, int], int]
# The suite needs Python alone; what stands in front of the service is tested where it is installed, and in CI.
# The folders of tests that start services and servers.
TAKE_LONG = {"end_to_end", "deploy"}
NGINX_IS_LEFT_OUT = proxy.installed() is None and "CI" not in os.environ
_RESOURCES = ExitStack()
# What fails only as a prepared statement fails in the first test that runs it.
prepared.PREPARED_AT_RUN = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what can be different about the database."""
    parser.addoption("--pgbouncer", action="store_true", help="reach the server through PgBouncer, by transaction")
    parser.addoption("--partitioned", action="store_true", help="cut the big tables as a sharded database would")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once: in the process that distributes the tests. Collecting leaves no garbage to look for."""
    gc.disable()
    if hasattr(config, "workerinput"):
        return
    if "TEST_DATABASE_URL" not in os.environ:
        var_dir = Path(_RESOURCES.enter_context(tempfile.TemporaryDirectory(prefix="billing-tests-")))
        _RESOURCES.enter_context(embedded.running(var_dir, durable=False))
        os.environ["TEST_DATABASE_URL"] = embedded.url(var_dir)
    if config.getoption("--pgbouncer"):
        server = os.environ["TEST_DATABASE_URL"]
        os.environ["TEST_DATABASE_URL"] = _RESOURCES.enter_context(bouncer.in_front_of(server))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the proxy where there is no nginx, never in CI; begin with those that take long.

    Started last, one of them would keep the whole run waiting.
    """
    items.sort(key=lambda item: item.path.parent.name not in TAKE_LONG)
    if NGINX_IS_LEFT_OUT:
        left_out = [item for item in items if _needs_nginx(item)]
        items[:] = [item for item in items if not _needs_nginx(item)]
        config.hook.pytest_deselected(items=left_out)


def pytest_collection_finish() -> None:
    """Look for garbage from here on, but not among the tests, which are half a million objects."""
    gc.freeze()
    gc.enable()


def _needs_nginx(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    return item.get_closest_marker("nginx") is not None or not {"nginx", "front"}.isdisjoint(fixtures)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say when tests were left out."""
    if NGINX_IS_LEFT_OUT:
        terminalreporter.write_line("Left out for want of nginx: the tests of the proxy. Install the package nginx.")


def pytest_unconfigure() -> None:
    """Stop what `pytest_configure` started."""
    _RESOURCES.close()


def drop_database(cursor: Any, name: str) -> None:
    """Drop a database once those who work on it have ended; autovacuum ends by itself, and nobody but it may end it."""

    def dropped() -> bool:
        try:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
        except (InsufficientPrivilege, ObjectInUse):
            return False
        return True

    until(dropped, f"database {name} to be free")


@pytest.fixture(scope="session")
def database_url(worker_id: str) -> Iterator[str]:
    """An empty database of this worker's own."""
    server = make_url(os.environ["TEST_DATABASE_URL"])
    name = f"test_{os.getpid()}_{worker_id}"
    dsn = server.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = psycopg2.connect(dsn)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quote(name)}")
        yield server.set(database=name).render_as_string(hide_password=False)
        drop_database(cursor, quote(name))
    connection.close()


@pytest.fixture(scope="session")
def settings(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings.load(
        {
            "DATABASE_URL": database_url,
            "VAR_DIR": str(tmp_path_factory.mktemp("var")),
            "AUTH_SECRET": SECRET,
            "LOG_LEVEL": "WARNING",
            "RATE_LIMITS": "off",
        }
    )


@pytest.fixture(scope="session")
def _migrated_app(settings: Settings, pytestconfig: pytest.Config) -> Iterator[Flask]:
    app = create_app(settings)
    with app.app_context():
        flask_migrate.upgrade()
        if pytestconfig.getoption("--partitioned"):
            with db.engine.begin() as connection:
                layout.distribute(connection, layout.SHARD_KEYS, partitions=4)
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(_migrated_app: Flask) -> Iterator[Flask]:
    """The application on an empty database."""
    yield _migrated_app
    # Deleting a few rows takes a millisecond; TRUNCATE, which makes every index anew, some fifty.
    names = [table.name for table in reversed(db.metadata.sorted_tables) if table.name not in SEEDED | APPEND_ONLY]
    see_all = "SELECT set_config('billing.account_id', '*', true)"
    truncations = [
        f"DO $$ BEGIN IF EXISTS (SELECT FROM {name}) THEN TRUNCATE {name}; END IF; END $$" for name in APPEND_ONLY
    ]
    deletions = [see_all, *truncations, *(f"DELETE FROM {name}" for name in names)]
    restart = f"""
        SELECT setval(seqrelid, seqstart, false) FROM pg_sequence JOIN pg_depend ON objid = seqrelid
        WHERE deptype IN ('a', 'i') AND refobjid <> ALL (CAST(ARRAY{sorted(SEEDED)} AS regclass[]))
    """
    _migrated_app.extensions[actors.EXTENSION].clear()
    with _migrated_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("; ".join([*deletions, AS_SEEDED, restart])))


@pytest.fixture
def empty_app(settings: Settings) -> Iterator[Flask]:
    """The application on a database without anything, inside its context."""
    server = make_url(settings.database_url)
    name = f"{server.database}_empty"
    connection = psycopg2.connect(server.set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        app = create_app(
            replace(settings, database_url=server.set(database=name).render_as_string(hide_password=False))
        )
        with app.app_context():
            yield app
            db.session.remove()
            db.engine.dispose()
        drop_database(cursor, name)
    connection.close()


@pytest.fixture
def app_with(app: Flask, settings: Settings) -> Iterator[Callable[..., Flask]]:  # noqa: ARG001 - the database
    """Makes the application with other settings, on the same database: `app_with(auth_audience="us")`."""
    made: list[Flask] = []

    def make(**changes: Any) -> Flask:
        made.append(create_app(replace(settings, **changes)))
        return made[-1]

    yield make
    for each in made:
        with each.app_context():
            db.engine.dispose()


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> Scale:
    """Chooses how much to do: `scale(200, 5)` is 200 in `make prove` and 5 in `make test`."""
    # Not declared when tests/prove is met late, in a run of all tests.
    whole = request.config.getoption("--whole", default=False)
    return lambda all_of_it, a_small_cut: all_of_it if whole else a_small_cut


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def token(settings: Settings) -> Callable[..., str]:
    """Makes a token: `token(roles=[...], scopes=[...], user=...)`."""

    def make(**claims: Any) -> str:
        return mint(settings, **claims)

    return make


@pytest.fixture
def admin(app: Flask, token: Callable[..., str]) -> Caller:
    """An administrator calling the service."""
    return Caller(app, token())


@pytest.fixture
def as_caller(app: Flask, token: Callable[..., str]) -> Callable[..., Caller]:
    """Makes callers: `as_caller(roles=["copilot"], user="7")`."""

    def make(
        *, roles: tuple[str, ...] = (), scopes: tuple[str, ...] = (), user: str = "someone", **claims: Any
    ) -> Caller:
        return Caller(app, token(roles=roles, scopes=scopes, user=user, **claims))

    return make


@pytest.fixture
def messages(app: Flask, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is sent to the database, but for preparing: each takes a round trip, with one statement or with several."""
    sent: list[Any] = []
    with app.app_context():
        # One request after the other then has the same connection.
        db.engine.dispose()
    for kind, name in ((driver.Cursor, "execute"), (driver.Connection, "send")):
        original = getattr(kind, name)

        def note(self: Any, message: Any, *values: Any, original: Any = original) -> None:
            sent.append(message)
            original(self, message, *values)

        monkeypatch.setattr(kind, name, note)
    return sent


@pytest.fixture
def until_waiting(database_url: str) -> Iterator[Callable[[int], None]]:
    """Waits until so many statements wait for a lock: `until_waiting(2)`."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    # Of this database only: other processes test on the same server.
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with engine.connect() as watcher:
        yield lambda number: until(
            lambda: watcher.execute(waiting).scalar_one() == number, f"{number} statements to wait for a lock"
        )
    engine.dispose()


@pytest.fixture
def client_id(admin: Caller) -> str:
    return create_client(admin)


@pytest.fixture
def open_account(admin: Caller, client_id: str) -> Callable[..., int]:
    """Makes an account: `open_account(budget=100)`."""

    def make(**values: Any) -> int:
        return create_account(admin, client_id, **values)

    return make


@pytest.fixture
def account_id(open_account: Callable[..., int]) -> int:
    """An account with a budget of 100."""
    return open_account()


@pytest.fixture
def customer(as_caller: Callable[..., Caller]) -> Caller:
    """The owner of a new account, which has the 100 credits of the free plan."""
    owner = as_caller(user="owner", email="owner@harbour.example", hours=TEN_YEARS)
    open_customer(owner)
    return owner


@pytest.fixture
def customer_id(customer: Caller) -> int:
    """The account of `customer`."""
    found: int = data(customer.get("/v1/account/settings/"))["id"]
    return found


@pytest.fixture
def empty_var_dir() -> Iterator[Path]:
    """A directory for real processes; its path is short enough for a socket, unlike pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="billing-"))
    yield directory
    for pid in using(directory):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: using(directory) == [], "processes left by a failed test to end")
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def _migrated_cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a server whose database is migrated, made once for all workers."""
    run = tmp_path_factory.getbasetemp()
    directory = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "migrated"
    directory.mkdir(exist_ok=True)
    data = directory / "postgres"
    with (directory / "made").open("a+") as made:
        fcntl.flock(made, fcntl.LOCK_EX)
        if not made.tell():
            with embedded.running(directory, durable=False):
                code, _, err = command("db", "upgrade", VAR_DIR=str(directory))
                assert code == 0, err
            # Nothing that a test kills takes the operating system with it: files need not reach the disk.
            with (data / "postgresql.auto.conf").open("a") as settings:
                settings.write("fsync = off\nfull_page_writes = off\n")
            made.write("whole")
    return data


@pytest.fixture
def var_dir(empty_var_dir: Path, _migrated_cluster: Path) -> Path:
    """A directory for real processes, whose embedded database is migrated."""
    subprocess.run(["cp", "-a", _migrated_cluster, empty_var_dir], check=True)  # noqa: S607
    return empty_var_dir
