"""Reads on a streaming replica."""

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import create_engine, event, text

from app import create_app
from app.config import Settings
from app.db import streaming
from app.db.base import db
from app.db.replica import wal
from app.db.replica.routing import Replica
from app.db.replica.wal import Position
from app.db.transaction import transaction
from tests.api_keys.conftest import issue
from tests.caller import ACCOUNTS, Caller, data, error
from tests.factories.accounts import create_client
from tests.factories.customers import open_customer
from tests.factories.exports import make_clients, records, table
from tests.processes import until
from tests.servers import Server, follow

# Long enough for a replica that works on a busy machine.
PATIENCE = 5
NO_PATIENCE = 0.01

Make = Callable[..., Flask]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary and a replica that follows it."""
    with tempfile.TemporaryDirectory(prefix="billing-") as place, ExitStack() as stack:
        primary = Server(stack, Path(place) / "primary")
        # As in production: what is answered is on its way to the replica.
        primary.query("ALTER DATABASE billing SET synchronous_commit = on")
        yield primary, follow(stack, primary, Path(place) / "replica")


@pytest.fixture(scope="module")
def primary(pair: tuple[Server, Server]) -> Server:
    return pair[0]


@pytest.fixture(scope="module")
def _migrated(primary: Server, settings: Settings) -> None:
    app = create_app(replace(settings, database_url=primary.url))
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()


@pytest.fixture
def replica(pair: tuple[Server, Server], _migrated: None) -> Iterator[Server]:
    server = pair[1]
    yield server
    server.thaw()
    server.query("SELECT pg_wal_replay_resume()")


@pytest.fixture
def machine(settings: Settings, primary: Server, replica: Server) -> Iterator[Make]:
    """Makes the service of another machine on the same two servers, which uses the replica already."""
    made: list[Flask] = []

    def make(*, url: str = replica.url, max_lag: float = PATIENCE, waits: bool = True) -> Flask:
        app = create_app(
            replace(settings, database_url=primary.url, database_replica_url=url, database_replica_max_lag=max_lag)
        )
        made.append(app)
        if waits:
            until_in_use(app)
        return app

    yield make
    for app in made:
        app.extensions["replica"].close()
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def app(machine: Make) -> Flask:
    return machine()


def replica_of(app: Flask) -> Replica:
    found: Replica = app.extensions["replica"]
    return found


def position(app: Flask) -> Position:
    with app.app_context(), db.engine.connect() as connection:
        return wal.present(connection)


def until_in_use(app: Flask) -> None:
    def in_use() -> bool:
        with app.app_context():
            replica_of(app).read(lambda: None)
        return replica_of(app).in_use

    until(in_use, "the replica to be in use")


@contextmanager
def asked(app: Flask) -> Iterator[list[str]]:
    """What the replica is asked meanwhile, apart from how far it is."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "pg_last_wal_replay_lsn" not in statement and "pg_control" not in statement:
            statements.append(statement)

    event.listen(replica_of(app).engine, "before_cursor_execute", note)
    yield statements
    event.remove(replica_of(app).engine, "before_cursor_execute", note)


def reads_from_replica(app: Flask, caller: Caller, path: str) -> bool:
    with asked(app) as statements:
        data(caller.get(path))
    return statements != []


class TestWhereReadsGo:
    @pytest.mark.parametrize("path", [ACCOUNTS, "/v6/clients", "/v6/work-periods", "/v6/work-period-payments"])
    def test_reads_go_to_the_replica(self, app: Flask, admin: Caller, path: str) -> None:
        assert reads_from_replica(app, admin, path)

    def test_head_and_detail_read_from_the_replica(self, app: Flask, admin: Caller, account_id: int) -> None:
        assert reads_from_replica(app, admin, f"{ACCOUNTS}/{account_id}")
        with asked(app) as statements:
            assert admin.call("HEAD", f"{ACCOUNTS}/{account_id}").status_code == 200
        assert any("FROM billing_accounts" in each for each in statements)

    @pytest.mark.parametrize(
        "path",
        ["/v1/billing/credits/balance/", "/v1/billing/transactions/", "/v1/account/usage/analytics/"],
    )
    def test_reads_of_customers_go_to_the_replica(
        self, app: Flask, as_caller: Callable[..., Caller], path: str
    ) -> None:
        owners = [as_caller(user=f"{path} {name}") for name in ("one", "two")]
        for owner in owners:
            open_customer(owner)
        answers = [owner.get(path).get_data() for owner in owners]
        assert all(reads_from_replica(app, owner, path) for owner in owners)
        if "transactions" in path:
            assert answers[0] != answers[1]

    def test_keys_are_looked_up_on_the_primary_though_their_reads_go_to_the_replica(
        self, app: Flask, admin: Caller
    ) -> None:
        made = issue(admin, "read:client")
        with asked(app) as statements:
            data(Caller(app, made["key"]).get("/v6/clients"))
        assert statements
        assert not any("api_key" in each for each in statements)

    def test_writes_and_their_reads_go_to_the_primary(self, app: Flask, admin: Caller) -> None:
        with asked(app) as statements:
            client = create_client(admin)
            account = {"name": "Acme", "budget": 10, "markup": 0, "clientId": client}
            number = data(admin.post(ACCOUNTS, account, Idempotency_Key=client), 201)["id"]
            data(admin.post(ACCOUNTS, account, Idempotency_Key=client), 201)
            data(admin.patch(f"{ACCOUNTS}/{number}/lock-amount", {"challengeId": "1", "amount": 1}))
        assert statements == []

    def test_a_read_that_turns_out_to_write_goes_to_the_primary(self, app: Flask) -> None:
        def write() -> int:
            with transaction():
                statement = "INSERT INTO account_openers (digest, accounts) VALUES ('written', 1) RETURNING accounts"
                found: int = db.session.execute(text(statement)).scalar_one()
                return found

        with app.test_request_context():
            assert replica_of(app).read(write) == 1
        assert replica_of(app).in_use, "nothing is wrong with it"

    def test_a_failure_is_answered_from_the_replica_too(self, app: Flask, admin: Caller) -> None:
        with asked(app) as statements:
            error(admin.get(f"{ACCOUNTS}/999999"), 404, "not_found")
        assert any("FROM billing_accounts" in each for each in statements)

    def test_without_a_replica_nothing_is_asked_for(self, settings: Settings) -> None:
        assert create_app(settings).extensions["replica"] is None


class TestOwnWrites:
    def test_a_write_is_seen_at_once_on_every_machine(
        self, app: Flask, machine: Make, token: Callable[..., str], replica: Server
    ) -> None:
        other = machine(max_lag=NO_PATIENCE)
        here, there = Caller(app, token()), Caller(other, token())
        client = create_client(here, "Before")
        until(lambda: reads_from_replica(other, there, f"/v6/clients/{client}"), "the replica to be read from")
        replica.query("SELECT pg_wal_replay_pause()")
        data(here.patch(f"/v6/clients/{client}", {"name": "After"}))
        assert data(there.get(f"/v6/clients/{client}"))["name"] == "After"
        replica.query("SELECT pg_wal_replay_resume()")

    def test_write_is_missed_on_another_machine_without_the_check(
        self, app: Flask, admin: Caller, replica: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = create_client(admin, "Before")
        assert reads_from_replica(app, admin, f"/v6/clients/{client}")
        replica.query("SELECT pg_wal_replay_pause()")
        monkeypatch.setattr(wal, "has_replayed", lambda *_: True)
        data(admin.patch(f"/v6/clients/{client}", {"name": "After"}))
        assert data(admin.get(f"/v6/clients/{client}"))["name"] == "Before"

    def test_asynchronous_commit_is_seen_at_once_on_every_machine(
        self, app: Flask, admin: Caller, primary: Server
    ) -> None:
        primary.query("ALTER DATABASE billing SET synchronous_commit = off")
        with app.app_context():
            db.engine.dispose()
        client = create_client(admin, "0")
        for number in range(3):
            data(admin.patch(f"/v6/clients/{client}", {"name": str(number)}))
            assert data(admin.get(f"/v6/clients/{client}"))["name"] == str(number)
        primary.query("ALTER DATABASE billing SET synchronous_commit = on")

    def test_a_read_waits_for_a_replica_that_is_about_to_follow(self, app: Flask, admin: Caller) -> None:
        client = create_client(admin, "0")
        for number in range(20):
            data(admin.patch(f"/v6/clients/{client}", {"name": str(number)}))
            with asked(app) as statements:
                assert data(admin.get(f"/v6/clients/{client}"))["name"] == str(number)
            assert any("FROM clients" in each for each in statements)


class TestLeavingOut:
    def test_lagging_replica_is_left_out_until_it_has_caught_up(
        self, machine: Make, token: Any, replica: Server
    ) -> None:
        app = machine(max_lag=NO_PATIENCE)
        admin = Caller(app, token())
        replica.query("SELECT pg_wal_replay_pause()")
        data(admin.post("/v6/clients", {"name": "Acme"}), 201)
        assert not reads_from_replica(app, admin, "/v6/clients")
        assert not replica_of(app).in_use
        with asked(app) as statements:
            data(admin.get("/v6/clients"))
        assert statements == [], "while it is left out no read tries it"
        replica.query("SELECT pg_wal_replay_resume()")
        until_in_use(app)
        until(lambda: reads_from_replica(app, admin, "/v6/clients"), "the replica to be read from")

    def test_replica_whose_connections_break_is_left_out(self, app: Flask, admin: Caller, replica: Server) -> None:
        ours = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'billing-service'"
        assert reads_from_replica(app, admin, "/v6/clients")
        replica.query(ours)
        data(admin.get("/v6/clients"))
        until_in_use(app)
        assert reads_from_replica(app, admin, "/v6/clients")

    def test_hanging_replica_is_left_out(self, machine: Make, token: Any, replica: Server) -> None:
        """Its connections stay open, and nothing comes back."""
        app = machine(max_lag=NO_PATIENCE)
        admin = Caller(app, token())
        until(lambda: reads_from_replica(app, admin, "/v6/clients"), "the replica to be read from")
        replica.freeze()
        data(admin.get("/v6/clients"))
        assert not replica_of(app).in_use
        assert not reads_from_replica(app, admin, "/v6/clients")
        replica.thaw()
        until_in_use(app)

    def test_silent_replica_is_left_out(self, machine: Make, token: Any) -> None:
        with socket.create_server(("127.0.0.1", 0)) as hole:
            url = f"postgresql+psycopg2://billing@127.0.0.1:{hole.getsockname()[1]}/billing"
            app = machine(url=url, waits=False)
            admin = Caller(app, token())
            for _ in range(3):
                data(admin.get("/v6/clients"))
            # It was tried, by nobody's request.
            hole.accept()[0].close()
        assert not replica_of(app).in_use

    def test_missing_replica_is_left_out(self, machine: Make, token: Any) -> None:
        app = machine(url="postgresql+psycopg2://billing@127.0.0.1:1/billing", waits=False)
        data(Caller(app, token()).get("/v6/clients"))

    def test_primary_named_as_replica_is_left_out(self, machine: Make, primary: Server, token: Any) -> None:
        app = machine(url=primary.url, max_lag=NO_PATIENCE, waits=False)
        admin = Caller(app, token())
        data(admin.post("/v6/clients", {"name": "Acme"}), 201)
        assert not reads_from_replica(app, admin, "/v6/clients")

    def test_replica_of_another_timeline_is_left_out(
        self, machine: Make, token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As far on as the primary, on a timeline that the primary has left."""
        app = machine(max_lag=NO_PATIENCE)
        there = position(app)
        monkeypatch.setattr(wal, "present", lambda _: there._replace(timeline=there.timeline + 1))
        assert not reads_from_replica(app, Caller(app, token()), "/v6/clients")
        assert not replica_of(app).in_use

    def test_replica_that_hangs_during_a_read_is_left_out(self, machine: Make, token: Any, replica: Server) -> None:
        app = machine(max_lag=NO_PATIENCE)

        def hang(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "FROM clients" in statement:
                hung.append(statement)
                replica.freeze()

        hung: list[str] = []
        event.listen(replica_of(app).engine, "before_cursor_execute", hang)
        admin = Caller(app, token())
        until(lambda: bool(data(admin.get("/v6/clients")) and hung), "a read to hang, and be answered")
        assert not replica_of(app).in_use

    def test_replica_that_reads_for_too_long_is_left_out(
        self, machine: Make, token: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It says that it is well meanwhile."""
        monkeypatch.setattr("app.db.replica.routing.READ_SECONDS", 0.1)
        app = machine()

        def wait(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if "FROM clients" in statement:
                slow.append(statement)
                cursor.execute("SELECT pg_sleep(60)")

        slow: list[str] = []
        event.listen(replica_of(app).engine, "before_cursor_execute", wait)
        data(Caller(app, token()).get("/v6/clients"))
        assert slow != []


class TestExports:
    """A whole list is read on the replica too, by a transaction that may last longer than any other read."""

    def test_is_read_on_the_replica_with_every_write_before_it(
        self, app: Flask, admin: Caller, customer: Caller
    ) -> None:
        for _ in range(3):
            newest = create_client(admin)
            with asked(app) as statements:
                assert records(admin, "/v6/clients")[0]["id"] == newest
            assert any("FROM clients" in statement for statement in statements)
        transactions = "/v1/billing/transactions/"
        pages = data(customer.get(transactions))["results"]
        assert [row["id"] for row in records(customer, transactions)] == [str(row["id"]) for row in pages]

    def test_pause_of_the_reader_is_no_overdue_answer(self, app: Flask, admin: Caller, primary: Server) -> None:
        engine = create_engine(primary.url)
        make_clients(engine, 5000)
        engine.dispose()
        answer = admin.send("GET", "/v6/clients?format=csv")
        pieces = answer.iter_encoded()
        begun = next(pieces) + next(pieces)
        # As if any time went by.
        replica_of(app).deadlines.cut_all()
        _, rows = table((begun + b"".join(pieces)).decode())
        answer.close()
        assert len(rows) >= 5000

    def test_server_that_hangs_in_mid_stream_cuts_the_response_off(
        self, admin: Caller, primary: Server, replica: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(streaming, "FETCH_SECONDS", 1)
        engine = create_engine(primary.url)
        make_clients(engine, 5000)
        engine.dispose()
        answer = admin.send("GET", "/v6/clients?format=csv")
        pieces = answer.iter_encoded()
        next(pieces)
        replica.freeze()
        with pytest.raises(ConnectionResetError):
            list(pieces)
        answer.close()
        assert len(records(admin, "/v6/clients")) >= 5000, "the next one is read on the primary"
