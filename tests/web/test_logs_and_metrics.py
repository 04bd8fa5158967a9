import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app import create_app
from app.config import Settings
from app.db.base import db
from tests.caller import Caller, data
from tests.logged import Log, logged

BODY_MARK = "Secretive Ltd"


@pytest.fixture
def log(app: Flask) -> Iterator[Log]:  # noqa: ARG001 - the database, migrated and emptied
    """Everything logged during a test."""
    with logged() as log:
        yield log


@pytest.fixture
def talkative(settings: Settings, log: Log) -> Iterator[Flask]:  # noqa: ARG001 - standard error, when it is made
    """The application as it logs in production."""
    app = create_app(replace(settings, log_level="INFO"))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def caller(talkative: Flask, token: Callable[..., str]) -> Caller:
    """An administrator calling it."""
    return Caller(talkative, token())


class TestLogs:
    def test_a_stranger_is_logged_as_nobody(self, talkative: Flask, log: Log) -> None:
        Caller(talkative, None).get("/v6/clients")
        [line] = log.lines()
        assert (line["status"], line["actor"]) == (401, None)

    def test_a_request_is_one_line(self, talkative: Flask, token: Callable[..., str], log: Log) -> None:
        data(Caller(talkative, token(user="40051399")).call("GET", "/v6/clients?name=x", X_Request_ID="r-1"))
        [line] = log.lines()
        assert line["ms"] >= 0
        expected = {"method": "GET", "route": "/v6/clients", "status": 200, "actor": "40051399", "request_id": "r-1"}
        assert expected.items() <= line.items()
        assert line["level"] == "info"
        assert line["timestamp"].endswith("Z")

    @pytest.mark.parametrize(
        ("call", "route", "status"),
        [
            (("GET", "/nowhere/40051399"), "unmatched", 404),
            (("PUT", "/v6/clients"), "unmatched", 405),
            (("GET", "/v6/clients/40051399"), "/v6/clients/<text_id:client_id>", 404),
            (("GET", "/v6/billing-accounts/x"), "/v6/billing-accounts/<int_id:billing_account_id>", 400),
            (("POST", "/v6/clients/"), "/v6/clients", 400),
        ],
    )
    def test_a_failure_is_one_line_too(
        self, caller: Caller, log: Log, call: tuple[str, str], route: str, status: int
    ) -> None:
        caller.call(*call)
        [line] = log.lines()
        assert (line["method"], line["route"], line["status"]) == (call[0], route, status)

    def test_no_line_holds_a_token_or_a_body(self, talkative: Flask, token: Callable[..., str], log: Log) -> None:
        secret = token()
        caller = Caller(talkative, secret)
        body = {"name": BODY_MARK}
        data(caller.post("/v6/clients", body), 201)
        caller.post("/v6/clients", {**body, BODY_MARK: 1})
        caller.post("/v6/clients", f'{{"name": "{BODY_MARK}"'.encode())
        caller.get(f"/v6/clients?name={BODY_MARK}&page=0")
        Caller(talkative, f"{secret}x").get("/v6/clients")
        caller.call("GET", f"/v6/clients?token={secret}")
        text = log.text()
        assert len(text.splitlines()) == 6
        assert BODY_MARK not in text
        assert not any(part in text for part in secret.split("."))

    def test_a_crash_is_logged_with_its_cause_and_the_request_id_but_no_values(
        self, talkative: Flask, caller: Caller, log: Log
    ) -> None:
        with talkative.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE clients RENAME COLUMN code_name TO hidden_name"))
        try:
            caller.call("POST", "/v6/clients", {"name": BODY_MARK}, X_Request_ID="r-2")
        finally:
            with talkative.app_context(), db.engine.begin() as connection:
                connection.execute(text("ALTER TABLE clients RENAME COLUMN hidden_name TO code_name"))
        crash, request = log.lines()
        assert (crash["level"], crash["request_id"], request["request_id"]) == ("error", "r-2", "r-2")
        assert "code_name" in crash["exception"]
        assert "Traceback" in crash["exception"]
        assert request["status"] == 500
        assert BODY_MARK not in json.dumps([crash, request])

    def test_one_request_leaves_nothing_in_the_lines_of_the_next(
        self, talkative: Flask, token: Callable[..., str], log: Log
    ) -> None:
        Caller(talkative, token(user="7")).call("GET", "/v6/clients", X_Request_ID="first")
        Caller(talkative, None).get("/v6/clients")
        first, second = log.lines()
        assert first["request_id"] == "first"
        assert (second["request_id"] == "first", second["actor"]) == (False, None)

    @pytest.mark.parametrize(
        ("user", "actor"), [('7", "forged": "x', '7", "forged": "x'), ('7"\n{"forged": true}', None)]
    )
    def test_a_caller_cannot_forge_a_line(
        self, talkative: Flask, token: Callable[..., str], log: Log, user: str, actor: str | None
    ) -> None:
        Caller(talkative, token(user=user)).get("/v6/clients")
        [line] = log.lines()
        assert line["actor"] == actor
        assert "forged" not in line


class TestMetrics:
    @staticmethod
    def count(app: Flask, name: str, **labels: str) -> float:
        """The present value of a metric."""
        exposition = Caller(app, None).get("/metrics").get_data(as_text=True)
        samples = [sample for family in text_string_to_metric_families(exposition) for sample in family.samples]
        return sum(
            sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()
        )

    @pytest.mark.parametrize(
        ("method", "path", "labels"),
        [
            ("GET", "/v6/clients", {"method": "GET", "route": "/v6/clients", "status": "200"}),
            ("GET", "/v6/clients/x", {"route": "/v6/clients/<text_id:client_id>", "status": "404"}),
            ("POST", "/v6/clients", {"method": "POST", "route": "/v6/clients", "status": "400"}),
            ("GET", "/nowhere/at/all", {"route": "unmatched", "status": "404"}),
            ("INVENTED", "/v6/clients", {"method": "OTHER", "route": "unmatched", "status": "405"}),
        ],
    )
    def test_every_request_is_counted_and_timed(
        self, app: Flask, admin: Caller, method: str, path: str, labels: dict[str, str]
    ) -> None:
        timed = {name: value for name, value in labels.items() if name != "status"}
        counted_before = self.count(app, "billing_http_requests_total", **labels)
        timed_before = self.count(app, "billing_http_request_duration_seconds_count", **timed)
        for _ in range(3):
            admin.call(method, path)
        assert self.count(app, "billing_http_requests_total", **labels) - counted_before == 3
        assert self.count(app, "billing_http_request_duration_seconds_count", **timed) - timed_before == 3

    def test_failures_are_counted_by_reason(self, app: Flask, admin: Caller, account_id: int) -> None:
        before = self.count(app, "billing_http_failures_total", reason="insufficient_funds")
        admin.patch(f"/v6/billing-accounts/{account_id}/lock-amount", {"challengeId": "c", "amount": 101})
        assert self.count(app, "billing_http_failures_total", reason="insufficient_funds") - before == 1

    def test_replays_are_counted(self, app: Flask, admin: Caller) -> None:
        before = self.count(app, "billing_idempotent_replays_total", status="201")
        for _ in range(3):
            admin.call("POST", "/v6/clients", {"name": "Acme"}, Idempotency_Key="once")
        assert self.count(app, "billing_idempotent_replays_total", status="201") - before == 2

    def test_connections_are_counted_while_they_are_out(self, app: Flask, admin: Caller) -> None:
        def in_use() -> float:
            return self.count(app, "billing_database_connections_in_use", pool="primary")

        admin.get("/v6/clients")
        before = in_use()
        with app.app_context(), db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
            assert in_use() - before == 1
            connection.invalidate()
        assert in_use() == before

    def test_callers_cannot_make_new_labels(self, app: Flask, admin: Caller) -> None:
        for number in range(3):
            admin.call(f"METHOD{number}", f"/made-up/{number}")
        exposition = Caller(app, None).get("/metrics").get_data(as_text=True)
        assert "METHOD" not in exposition
        assert "made-up" not in exposition

    def test_the_exposition_says_what_it_is(self, app: Flask) -> None:
        answer = Caller(app, None).get("/metrics")
        assert answer.status_code == 200
        assert answer.content_type.startswith("text/plain; version=")

    def test_a_file_that_a_worker_has_just_created_is_no_failure(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
        (tmp_path / "counter_1.db").touch()
        assert self.count(app, "billing_http_requests_total") == 0
