"""Keys as requests present them: malformed, unknown, rotated, revoked, and used all the time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time

from app.auth.api_keys import secret
from app.auth.api_keys.models import ApiKeySecret
from app.config import Limiting
from app.config.rates import rate_limits
from app.db.base import db
from tests.api_keys.conftest import ACCOUNT_KEYS, ADMIN_KEYS, WithKey, issue
from tests.caller import TEN_YEARS, Caller, data, error
from tests.logged import logged

SETTINGS = "/v1/account/settings/"


def mistyped(key: str, place: int) -> str:
    """The key with another character in one place."""
    return f"{key[:place]}{'A' if key[place] != 'A' else 'B'}{key[place + 1 :]}"


class TestForm:
    def test_every_single_mistake_is_seen_by_the_checksum(self) -> None:
        key = secret.generate()
        assert secret.is_well_formed(key)
        assert [place for place in range(4, len(key)) if secret.is_well_formed(mistyped(key, place))] == []

    @pytest.mark.parametrize(
        "text", ["bsk_", "bsk_é", "bsk_" + "0" * 38, "bsk_" + "0" * 39, "bsk_" + "x" * 10_000, "bsk_\x00"]
    )
    def test_what_is_no_key_is_not_well_formed(self, text: str) -> None:
        assert not secret.is_well_formed(text)

    def test_keys_differ(self) -> None:
        assert len({secret.generate() for _ in range(1000)}) == 1000

    def test_malformed_key_is_refused_without_the_database(
        self, with_key: WithKey, customer_key: Any, messages: list[Any]
    ) -> None:
        caller = with_key(mistyped(customer_key["key"], 20))
        messages.clear()
        refused = caller.get(SETTINGS)
        assert messages == []
        assert "malformed" in error(refused, 401, "unauthorized")["message"]
        assert refused.headers["WWW-Authenticate"] == "Bearer"

    def test_unknown_key_is_refused(self, with_key: WithKey) -> None:
        assert "unknown" in error(with_key(secret.generate()).get(SETTINGS), 401, "unauthorized")["message"]


class TestRotation:
    def test_former_secret_works_for_the_overlap(self, customer: Caller, customer_key: Any, with_key: WithKey) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/"
        with freeze_time("2035-06-01T12:00:00Z"):
            second = data(customer.post(path, {"overlap_seconds": 60}))["key"]
        with freeze_time("2035-06-01T12:00:59Z"):
            assert [with_key(each).get(SETTINGS).status_code for each in (customer_key["key"], second)] == [200, 200]
        with freeze_time("2035-06-01T12:01:00Z"):
            assert [with_key(each).get(SETTINGS).status_code for each in (customer_key["key"], second)] == [401, 200]

    def test_second_rotation_leaves_the_first_its_overlap_unless_it_ends_sooner(
        self, customer: Caller, customer_key: Any, with_key: WithKey
    ) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/"
        keys = [customer_key["key"]]
        with freeze_time("2035-06-01T12:00:00Z"):
            for overlap in (60, 3600, 90):
                keys += [data(customer.post(path, {"overlap_seconds": overlap}))["key"]]
        with freeze_time("2035-06-01T12:01:01Z"):
            assert [with_key(each).get(SETTINGS).status_code for each in keys] == [401, 200, 200, 200]
        with freeze_time("2035-06-01T12:01:31Z"):
            assert [with_key(each).get(SETTINGS).status_code for each in keys] == [401, 401, 401, 200]

    @pytest.mark.usefixtures("always_looked_up")
    def test_without_an_overlap_the_former_secret_ends_at_once(
        self, customer: Caller, customer_key: Any, worker: Caller
    ) -> None:
        data(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/", None))
        error(worker.get(SETTINGS), 401, "unauthorized")

    def test_key_that_ended_is_not_rotated(self, customer: Caller, customer_key: Any) -> None:
        expiring = issue(customer, "read:account", path=ACCOUNT_KEYS, expires_at="2035-06-30")
        revoked = f"{ACCOUNT_KEYS}{customer_key['id']}/"
        data(customer.post(f"{revoked}revoke/", {"reason": "Leaked"}))
        error(customer.post(f"{revoked}rotate/", {}), 409, "conflict")
        with freeze_time("2035-07-01T12:00:00Z"):
            error(customer.post(f"{ACCOUNT_KEYS}{expiring['id']}/rotate/", {}), 409, "conflict")

    @pytest.mark.usefixtures("always_looked_up")
    def test_requests_during_rotations_always_succeed(
        self, customer: Caller, customer_key: Any, with_key: WithKey
    ) -> None:
        """With an overlap there is no moment at which neither secret works."""
        done = Event()

        def call_on(key: str) -> set[int]:
            caller, statuses = with_key(key), set()
            while not done.is_set():
                statuses.add(caller.get(SETTINGS).status_code)
            return statuses

        with ThreadPoolExecutor() as pool:
            calls = pool.submit(call_on, customer_key["key"])
            path = f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/"
            keys = [data(customer.post(path, {"overlap_seconds": 600}))["key"] for _ in range(10)]
            done.set()
            assert calls.result() == {200}
        assert {with_key(key).get(SETTINGS).status_code for key in keys} == {200}

    def test_rotations_at_once_leave_each_its_secret(
        self, customer: Caller, customer_key: Any, with_key: WithKey, app: Flask
    ) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/"
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: customer.post(path, {"overlap_seconds": 600}), range(4)))
        assert {with_key(data(each)["key"]).get(SETTINGS).status_code for each in answers} == {200}
        with app.app_context():
            assert db.session.query(ApiKeySecret).filter(ApiKeySecret.ends_at.is_(None)).count() == 1


class TestRevocation:
    @pytest.mark.usefixtures("always_looked_up")
    def test_revoked_key_is_refused_with_all_its_secrets(
        self, customer: Caller, customer_key: Any, with_key: WithKey
    ) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/"
        second = data(customer.post(f"{path}rotate/", {"overlap_seconds": 600}))["key"]
        keys = [customer_key["key"], second]
        assert [with_key(each).get(SETTINGS).status_code for each in keys] == [200, 200]
        data(customer.post(f"{path}revoke/", {"reason": "Leaked"}))
        for each in keys:
            assert "revoked" in error(with_key(each).get(SETTINGS), 401, "unauthorized")["message"]

    def test_what_was_found_is_trusted_for_less_than_five_seconds(
        self, customer: Caller, customer_key: Any, worker: Caller
    ) -> None:
        with freeze_time("2035-06-01T12:00:00Z"):
            assert worker.get(SETTINGS).status_code == 200
            data(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/revoke/", {"reason": "Leaked"}))
        with freeze_time("2035-06-01T12:00:05Z"):
            error(worker.get(SETTINGS), 401, "unauthorized")


class TestDatabase:
    def test_server_that_takes_no_writes_verifies_no_key(
        self, admin: Caller, app_with: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Such as a replica, or a primary that was replaced: what it knows may be out of date."""
        key = issue(admin, "read:client")["key"]
        assert Caller(app_with(), key).get("/v6/clients").status_code == 200
        monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
        cut_off = app_with()
        assert "unavailable" in error(Caller(cut_off, key).get("/v6/clients"), 503, "database_unavailable")["message"]
        # A request that reaches no guard asks, too, whether its caller is known.
        assert Caller(cut_off, key).get("/v6/nothing").status_code == 404


class TestCost:
    def test_key_in_constant_use_costs_no_round_trip(self, worker: Caller, messages: list[Any]) -> None:
        with freeze_time("2035-06-01T12:00:00Z"):
            worker.get(SETTINGS)
            messages.clear()
            assert worker.get(SETTINGS).status_code == 200
            assert not any("api_key" in str(each) for each in messages)

    def test_spending_takes_as_many_messages_as_with_a_token(
        self, worker: Caller, customer_id: int, as_caller: Callable[..., Caller], messages: list[Any]
    ) -> None:
        use = {"operation_type": "search", "credits_used": 1}
        machine = as_caller(scopes=("spend:credits",), user="", azp="spender", hours=TEN_YEARS)
        counts = []
        with freeze_time("2035-06-01T12:00:00Z"):
            for caller, body in ((worker, use), (machine, {**use, "account_id": customer_id})):
                data(caller.post("/v1/billing/credits/usage/", body), 201)
                messages.clear()
                data(caller.post("/v1/billing/credits/usage/", body), 201)
                counts.append(len(messages))
        assert counts == [1, 1]

    def test_revoked_key_that_is_still_sent_costs_no_round_trip(
        self, customer: Caller, customer_key: Any, worker: Caller, messages: list[Any]
    ) -> None:
        data(customer.post(f"{ACCOUNT_KEYS}{customer_key['id']}/revoke/", {"reason": "Leaked"}))
        with freeze_time("2035-06-01T12:00:00Z"):
            error(worker.get(SETTINGS), 401)
            messages.clear()
            error(worker.get(SETTINGS), 401)
            assert messages == []


@pytest.mark.usefixtures("always_looked_up")
class TestLastUse:
    def test_use_is_noted_once_a_minute(self, customer: Caller, customer_key: Any, worker: Caller) -> None:
        path = f"{ACCOUNT_KEYS}{customer_key['id']}/"

        def noted_at(now: str) -> str | None:
            with freeze_time(now):
                worker.get(SETTINGS)
                found: str | None = data(customer.get(path))["last_used_at"]
                return found

        assert data(customer.get(path))["last_used_at"] is None
        assert noted_at("2035-06-01T12:00:00Z") == "2035-06-01T12:00:00.000Z"
        assert noted_at("2035-06-01T12:00:59Z") == "2035-06-01T12:00:00.000Z"
        assert noted_at("2035-06-01T12:01:00Z") == "2035-06-01T12:01:00.000Z"

    def test_refused_key_is_not_used(self, admin: Caller, with_key: WithKey) -> None:
        made = issue(admin, "read:client", expires_at="2035-06-30")
        data(admin.post(f"{ADMIN_KEYS}{made['id']}/revoke/", {"reason": "Leaked"}))
        error(with_key(made["key"]).get("/v6/clients"), 401)
        assert data(admin.get(f"{ADMIN_KEYS}{made['id']}/"))["last_used_at"] is None

    def test_key_that_is_being_changed_keeps_nobody_waiting(self, app: Flask, worker: Caller) -> None:
        with app.app_context(), db.engine.begin() as connection:
            connection.exec_driver_sql("SELECT set_config('billing.account_id', '*', true)")
            connection.exec_driver_sql("SELECT FROM api_keys FOR UPDATE")
            assert worker.get(SETTINGS).status_code == 200


def test_log_never_contains_a_secret(
    customer_key: Any, token: Callable[..., str], app_with: Callable[..., Flask]
) -> None:
    with logged() as log:
        app = app_with(log_level="DEBUG")
        owner = Caller(app, token(roles=(), user="owner", email="owner@harbour.example"))
        rotated = data(owner.post(f"{ACCOUNT_KEYS}{customer_key['id']}/rotate/", {"overlap_seconds": 60}))
        Caller(app, customer_key["key"]).get(SETTINGS)
        wrong = mistyped(rotated["key"], 10)
        error(Caller(app, wrong).get(SETTINGS), 401)
        actors = [line.get("actor") for line in log.lines()]
        written = log.text()
    assert f"key-{customer_key['id']}" in actors
    for key in (customer_key["key"], rotated["key"], wrong):
        assert key not in written


def test_limits_count_each_key_by_itself(app_with: Callable[..., Flask], admin: Caller) -> None:
    limited = app_with(limiting=Limiting(rates=rate_limits("caller=2/hour"), storage_url=None))
    first, second = (Caller(limited, issue(admin, "read:client")["key"]) for _ in range(2))
    assert [first.get("/v6/clients").status_code for _ in range(3)] == [200, 200, 429]
    assert second.get("/v6/clients").status_code == 200


def test_requests_with_a_key_that_is_refused_count_to_the_address(app_with: Callable[..., Flask]) -> None:
    limited = app_with(limiting=Limiting(rates=rate_limits("address=2/hour"), storage_url=None))
    stranger = Caller(limited, secret.generate())
    assert [stranger.get("/v6/clients").status_code for _ in range(3)] == [401, 401, 429]
