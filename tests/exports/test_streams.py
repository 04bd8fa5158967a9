"""Exports while they are written: one snapshot, few at a time, and nothing left behind however they end."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from app.config import Limiting, Settings
from app.config.rates import rate_limits
from app.db.base import db
from tests.caller import Caller, data, error
from tests.exports.conftest import MANY
from tests.factories.exports import csv_of, end_transactions, table

CLIENTS = "/v6/clients"
CSV = f"{CLIENTS}?format=csv"

Make = Callable[[int], None]
Count = Callable[[], int]


def opened(caller: Caller, path: str = CSV) -> tuple[TestResponse, Iterator[bytes]]:
    """An export of which nothing is read but its first piece, the header."""
    answer = caller.send("GET", path)
    assert answer.status_code == 200, answer.get_data()
    return answer, answer.iter_encoded()


class TestOneSnapshot:
    def test_rows_are_those_of_the_beginning_whatever_is_written_meanwhile(
        self, admin: Caller, many_clients: Make, watcher: Engine
    ) -> None:
        many_clients(MANY)
        answer, pieces = opened(admin)
        first = next(pieces)
        with watcher.connect() as writer:
            writer.execute(text("DELETE FROM clients WHERE id = 'client-4999'"))
            writer.execute(text("UPDATE clients SET name = 'Changed'"))
        many_clients_later = data(admin.get(f"{CLIENTS}?perPage=1"))["count"]
        header, rows = table((first + b"".join(pieces)).decode())
        answer.close()
        names = [row[header.index("name")] for row in rows]
        assert many_clients_later == MANY - 1
        assert names == [f"Client {number}" for number in range(1, MANY + 1)]

    def test_the_transaction_is_read_only_and_bounded(self, messages: list[Any], admin: Caller) -> None:
        admin.get(CSV)
        sent = " ".join(str(message) for message in messages)
        for part in ("REPEATABLE READ, READ ONLY", "statement_timeout", "transaction_timeout", "idle_in_transaction"):
            assert part in sent


class TestNothingIsLeft:
    def test_after_the_last_row(self, admin: Caller, many_clients: Make, transactions_left: Count) -> None:
        many_clients(MANY)
        answer, pieces = opened(admin)
        next(pieces)
        assert transactions_left() == 1
        assert b"".join(pieces).endswith(b"#end,5000\r\n")
        assert transactions_left() == 0
        answer.close()

    def test_after_a_client_hangs_up(self, admin: Caller, many_clients: Make, transactions_left: Count) -> None:
        many_clients(MANY)
        for _ in range(4):
            answer, pieces = opened(admin)
            next(pieces)
            next(pieces)
            assert transactions_left() == 1
            answer.close()
            assert transactions_left() == 0

    def test_after_a_client_hangs_up_before_the_first_piece(self, app: Flask, admin: Caller) -> None:
        with app.app_context():
            pool = db.engine.pool
        for _ in range(4):
            admin.send("GET", CSV).close()
        assert pool.checkedout() == 0  # type: ignore[attr-defined]

    def test_after_head(self, admin: Caller, many_clients: Make, transactions_left: Count) -> None:
        many_clients(3)
        for _ in range(4):
            answer = admin.send("HEAD", CSV)
            assert (answer.status_code, answer.mimetype, answer.get_data()) == (200, "text/csv", b"")
            answer.close()
        assert transactions_left() == 0

    def test_after_a_refusal(self, admin: Caller, transactions_left: Count) -> None:
        for _ in range(4):
            error(admin.get(f"{CSV}&status=LOST"), 400, "invalid_input")
            error(admin.get("/v6/billing-accounts/4711/movements?format=csv"), 404, "not_found")
        assert csv_of(admin, CLIENTS)[1] == []
        assert transactions_left() == 0


class TestFailures:
    def test_failure_in_mid_stream_cuts_the_response_off(
        self, admin: Caller, many_clients: Make, watcher: Engine
    ) -> None:
        many_clients(MANY)
        answer, pieces = opened(admin)
        read = [next(pieces), next(pieces)]
        end_transactions(watcher)
        with capture_logs() as lines, pytest.raises(ConnectionResetError):
            read.extend(pieces)
        answer.close()
        assert b"#end" not in b"".join(read)
        assert "An export was cut off" in lines[0]["event"]
        assert len(csv_of(admin, CLIENTS)[1]) == MANY, "the next one is not affected"

    def test_failure_before_the_first_row_is_an_ordinary_one(self, admin: Caller, watcher: Engine) -> None:
        with watcher.connect() as connection:
            connection.execute(text("ALTER TABLE clients RENAME TO clients_away"))
            try:
                error(admin.get(CSV), 500, "internal_error")
            finally:
                connection.execute(text("ALTER TABLE clients_away RENAME TO clients"))
        assert csv_of(admin, CLIENTS)[1] == []


class TestFewAtATime:
    def test_more_than_a_few_are_refused(self, admin: Caller, many_clients: Make) -> None:
        many_clients(MANY)
        open_ones = [opened(admin) for _ in range(2)]
        refused = admin.get(CSV)
        error(refused, 429, "export_busy")
        assert int(refused.headers["Retry-After"]) > 0
        assert data(admin.get(CLIENTS))["count"] == MANY, "pages are still served"
        for answer, _ in open_ones:
            answer.close()
        assert len(csv_of(admin, CLIENTS)[1]) == MANY

    def test_the_number_is_a_setting(
        self, app_with: Callable[..., Flask], settings: Settings, token: Callable[..., str]
    ) -> None:
        caller = Caller(app_with(serving=replace(settings.serving, exports_at_once=1)), token())
        answer, _ = opened(caller)
        error(caller.get(CSV), 429, "export_busy")
        answer.close()

    def test_exports_have_a_rate_limit_of_their_own(
        self, app_with: Callable[..., Flask], token: Callable[..., str]
    ) -> None:
        limiting = Limiting(rates=rate_limits("export=2/hour"), storage_url=None)
        caller = Caller(app_with(limiting=limiting), token())
        for _ in range(2):
            assert csv_of(caller, CLIENTS)[1] == []
        assert error(caller.get(CSV), 429, "rate_limited")["details"]["limit"] == "export"
        data(caller.get(CLIENTS))


def test_a_body_that_is_closed_twice_releases_one_slot(admin: Caller) -> None:
    answer, pieces = opened(admin)
    assert b"".join(pieces)
    body: Any = answer.response
    body.close()
    answer.close()
    open_ones = [opened(admin)[0] for _ in range(2)]
    error(admin.get(CSV), 429, "export_busy")
    for each in open_ones:
        each.close()


def test_ends_are_counted(admin: Caller, app: Flask) -> None:
    def ended() -> dict[str, float]:
        lines = app.test_client().get("/metrics").get_data(as_text=True).splitlines()
        found = (line.rpartition(" ") for line in lines if line.startswith("billing_exports_total{"))
        return {name.partition('"')[2].rstrip('"}'): float(value) for name, _, value in found}

    before = ended()
    csv_of(admin, CLIENTS)
    opened(admin)[0].close()
    after = ended()
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown == {"complete": 1, "abandoned": 1}
