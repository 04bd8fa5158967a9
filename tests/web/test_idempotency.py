import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, text
from werkzeug.test import TestResponse

from app.auth.actor import Actor
from app.auth.tokens import TokenVerifier
from app.db.base import db
from tests.caller import Caller, data, error

ACME = {"name": "Acme"}
REPLAYED = "Idempotency-Replayed"


def create(caller: Caller, key: str, body: Any = None, path: str = "/v6/clients") -> TestResponse:
    return caller.call("POST", path, ACME if body is None else body, Idempotency_Key=key)


def count(caller: Caller) -> int:
    found: int = data(caller.get("/v6/clients"))["count"]
    return found


@pytest.fixture
def sql(app: Flask) -> Callable[..., Any]:
    """Runs one statement beside the service."""

    def run(statement: str, **values: Any) -> Any:
        with app.app_context(), db.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.all() if result.returns_rows else None

    return run


class TestWhoMayReplay:
    def test_a_replay_needs_a_token(self, app: Flask, admin: Caller) -> None:
        data(create(admin, "k"), 201)
        error(create(Caller(app, None), "k"), 401)

    def test_a_caller_who_lost_the_role_gets_no_replay(self, as_caller: Callable[..., Caller]) -> None:
        data(create(as_caller(roles=["administrator"], user="7"), "k"), 201)
        error(create(as_caller(roles=["copilot"], user="7"), "k"), 403)

    def test_keys_of_different_callers_do_not_meet(self, as_caller: Callable[..., Caller]) -> None:
        one, two = (as_caller(roles=["administrator"], user=user) for user in ("1", "2"))
        first, second = create(one, "k"), create(two, "k", {"name": "Other"})
        assert data(first, 201)["name"] == "Acme"
        assert data(second, 201)["name"] == "Other"
        assert REPLAYED not in second.headers

    def test_a_person_keeps_their_keys_with_a_new_token(self, as_caller: Callable[..., Caller]) -> None:
        data(create(as_caller(roles=["administrator"], user="7"), "k"), 201)
        again = create(as_caller(roles=["administrator", "copilot"], user="7"), "k")
        assert again.headers[REPLAYED] == "true"


class TestKeys:
    @pytest.mark.parametrize("key", ["", " ", "two words", "x" * 256, "é", "a\tb", "\x7f"])
    def test_an_unusable_key_is_refused_by_name(self, admin: Caller, key: str) -> None:
        answer = create(admin, key)
        assert error(answer, 400, "invalid_input")["details"]["headers"].keys() == {"Idempotency-Key"}
        assert count(admin) == 0

    @pytest.mark.parametrize("key", ["x", "x" * 255, "!~\"'\\;--%00"])
    def test_any_visible_text_is_a_key(self, admin: Caller, key: str) -> None:
        assert create(admin, key).get_data() == create(admin, key).get_data()
        assert count(admin) == 1

    def test_without_a_key_the_same_request_has_its_effect_again(self, admin: Caller) -> None:
        answers = [admin.post("/v6/clients", ACME) for _ in range(2)]
        assert len({data(answer, 201)["id"] for answer in answers}) == 2

    def test_a_read_pays_no_attention_to_a_key(self, admin: Caller) -> None:
        create(admin, "k")
        answer = admin.get("/v6/clients", Idempotency_Key="k")
        assert data(answer)["count"] == 1
        assert REPLAYED not in answer.headers


class TestReuse:
    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("POST", "/v6/clients", {"name": "Zeta"}),
            ("POST", "/v6/clients", {"name": "Acme", "status": "ACTIVE"}),
            ("POST", "/v6/clients", b'{ "name": "Acme" }'),
            ("POST", "/v6/billing-accounts", ACME),
            ("PATCH", "/v6/clients/{id}", ACME),
        ],
    )
    def test_a_key_stands_for_one_request_only(self, admin: Caller, method: str, path: str, body: Any) -> None:
        made = data(create(admin, "k"), 201)
        answer = admin.call(method, path.format(**made), body, Idempotency_Key="k")
        error(answer, 422, "idempotency_key_reused")
        assert data(admin.get(f"/v6/clients/{made['id']}")) == made
        assert count(admin) == 1

    def test_the_query_is_a_part_of_the_request(self, customer: Caller) -> None:
        items = [{"operation_type": "research", "credits_used": 1}]
        path = "/v1/billing/credits/usage/bulk/?atomic="
        data(customer.post(f"{path}true", items, Idempotency_Key="k"))
        error(customer.post(f"{path}false", items, Idempotency_Key="k"), 422, "idempotency_key_reused")


class TestReplay:
    def test_a_create_is_replayed_byte_for_byte(self, admin: Caller) -> None:
        first, again = create(admin, "k"), create(admin, "k")
        assert (first.status_code, first.get_data()) == (again.status_code, again.get_data())
        assert first.mimetype == again.mimetype
        assert (first.headers.get(REPLAYED), again.headers.get(REPLAYED)) == (None, "true")
        assert count(admin) == 1

    def test_a_change_is_replayed_as_it_was_though_the_thing_moved_on(self, admin: Caller) -> None:
        path = f"/v6/clients/{data(create(admin, 'k'), 201)['id']}"
        first = admin.call("PATCH", path, {"name": "Beta"}, Idempotency_Key="p")
        data(admin.patch(path, {"name": "Gamma"}))
        again = admin.call("PATCH", path, {"name": "Beta"}, Idempotency_Key="p")
        assert (again.get_data(), again.headers[REPLAYED]) == (first.get_data(), "true")
        assert data(admin.get(path))["name"] == "Gamma"

    def test_money_is_spent_once(self, admin: Caller) -> None:
        client_id = data(create(admin, "k"), 201)["id"]
        account = {"name": "Acme", "budget": 100, "markup": 0, "clientId": client_id}
        path = f"/v6/billing-accounts/{data(admin.post('/v6/billing-accounts', account), 201)['id']}"
        spend = {"externalId": "e", "externalType": "ENGAGEMENT", "amount": 30}
        answers = [
            admin.call("PATCH", f"{path}/consume-amount", spend, Idempotency_Key="spend").get_data() for _ in range(5)
        ]
        assert len(set(answers)) == 1
        assert data(admin.get(path))["consumedBudget"] == 30

    def test_the_trailing_slash_makes_no_other_request(self, admin: Caller) -> None:
        create(admin, "k")
        assert create(admin, "k", path="/v6/clients/").headers[REPLAYED] == "true"

    def test_a_replay_has_a_request_id_of_its_own(self, admin: Caller) -> None:
        ids = {create(admin, "k").headers["X-Request-ID"] for _ in range(2)}
        assert len(ids) == 2


class TestFailures:
    @pytest.mark.parametrize("body", [b"{", {"name": 7}, {"name": "x", "startDate": "2025-02-30T00:00Z"}])
    def test_a_refused_request_leaves_its_key_free(self, admin: Caller, sql: Callable[..., Any], body: Any) -> None:
        error(create(admin, "k", body), 400)
        assert sql("SELECT 1 FROM idempotency_keys") == []
        answer = create(admin, "k")
        assert data(answer, 201)["name"] == "Acme"
        assert REPLAYED not in answer.headers

    def test_not_enough_budget_leaves_the_key_free(self, admin: Caller) -> None:
        client_id = data(create(admin, "k"), 201)["id"]
        account = {"name": "Acme", "budget": 10, "markup": 0, "clientId": client_id}
        path = f"/v6/billing-accounts/{data(admin.post('/v6/billing-accounts', account), 201)['id']}"
        hold = {"challengeId": "c", "amount": 20}
        error(admin.call("PATCH", f"{path}/lock-amount", hold, Idempotency_Key="h"), 400, "insufficient_funds")
        data(admin.patch(path, {"budget": 20}))
        data(admin.call("PATCH", f"{path}/lock-amount", hold, Idempotency_Key="h"))
        assert data(admin.get(path))["lockedBudget"] == 20

    def test_a_crash_rolls_back_the_effect_and_its_key_together(self, admin: Caller, sql: Callable[..., Any]) -> None:
        sql("ALTER TABLE idempotency_keys ADD CONSTRAINT unstorable CHECK (status IS NULL)")
        try:
            error(create(admin, "k"), 500)
        finally:
            sql("ALTER TABLE idempotency_keys DROP CONSTRAINT unstorable")
        assert count(admin) == 0
        assert sql("SELECT 1 FROM idempotency_keys") == []
        data(create(admin, "k"), 201)

    def test_a_failing_commit_rolls_back_the_effect_and_its_key_together(
        self, admin: Caller, sql: Callable[..., Any]
    ) -> None:
        sql("""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''too late''; END';
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON clients DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION refuse()
        """)
        try:
            error(create(admin, "k"), 500, "internal_error")
        finally:
            sql("DROP TRIGGER refuse ON clients; DROP FUNCTION refuse")
        assert count(admin) == 0
        assert sql("SELECT 1 FROM idempotency_keys") == []


class TestExpiry:
    @pytest.mark.parametrize(("age", "replayed"), [("23 hours 59 minutes", "true"), ("24 hours 1 second", None)])
    def test_an_answer_is_kept_for_a_day(
        self, admin: Caller, sql: Callable[..., Any], age: str, replayed: str | None
    ) -> None:
        first = create(admin, "k")
        sql("UPDATE idempotency_keys SET created_at = created_at - CAST(:age AS interval)", age=age)
        again = create(admin, "k")
        assert again.headers.get(REPLAYED) == replayed
        assert (again.get_data() == first.get_data()) == bool(replayed)

    def test_an_expired_key_may_stand_for_another_request(self, admin: Caller, sql: Callable[..., Any]) -> None:
        create(admin, "k")
        sql("UPDATE idempotency_keys SET created_at = created_at - interval '2 days'")
        assert data(create(admin, "k", {"name": "Zeta"}), 201)["name"] == "Zeta"
        assert create(admin, "k", {"name": "Zeta"}).headers[REPLAYED] == "true"
        error(create(admin, "k"), 422)

    def test_an_expired_key_is_not_lost_to_a_failure(self, admin: Caller, sql: Callable[..., Any]) -> None:
        create(admin, "k")
        sql("UPDATE idempotency_keys SET created_at = created_at - interval '2 days'")
        error(create(admin, "k", {"name": 7}), 400)
        data(create(admin, "k"), 201)
        assert count(admin) == 2


class TestTwins:
    @pytest.fixture
    def hold(self, app: Flask) -> Callable[[str], Any]:
        """Keeps every change of a client waiting while its block runs."""

        @contextmanager
        def holding(client_id: str) -> Iterator[None]:
            with app.app_context(), db.engine.connect() as connection:
                connection.execute(text("SELECT FROM clients WHERE id = :id FOR UPDATE"), {"id": client_id})
                try:
                    yield
                finally:
                    connection.rollback()

        return holding

    def test_two_at_once_have_one_effect_and_one_answer(
        self,
        app: Flask,
        token: Callable[..., str],
        admin: Caller,
        hold: Any,
        sql: Callable[..., Any],
        until_waiting: Callable[[int], None],
    ) -> None:
        client_id = data(create(admin, "make"), 201)["id"]
        sql("CREATE TABLE changes (name text)")
        sql("CREATE RULE count_changes AS ON UPDATE TO clients DO ALSO INSERT INTO changes VALUES (new.name)")
        try:
            with ThreadPoolExecutor(2) as pool:
                with hold(client_id):
                    change = Caller(app, token()).call
                    args = ("PATCH", f"/v6/clients/{client_id}", {"name": "Zeta"})
                    futures = [pool.submit(change, *args, Idempotency_Key="twin") for _ in range(2)]
                    until_waiting(2)
                answers = [future.result() for future in futures]
            changes = sql("SELECT * FROM changes")
        finally:
            sql("DROP RULE count_changes ON clients")
            sql("DROP TABLE changes")
        assert [data(answer)["name"] for answer in answers] == ["Zeta", "Zeta"]
        assert answers[0].get_data() == answers[1].get_data()
        assert sorted(REPLAYED in answer.headers for answer in answers) == [False, True]
        assert len(changes) == 1

    def test_the_second_runs_when_the_first_fails(
        self, app: Flask, token: Callable[..., str], admin: Caller, hold: Any, until_waiting: Callable[[int], None]
    ) -> None:
        values = {"name": "Acme", "endDate": "2025-01-02T00:00:00.000Z"}
        client_id = data(create(admin, "make", values), 201)["id"]
        late = {"startDate": "2025-01-03T00:00:00.000Z"}
        with ThreadPoolExecutor(2) as pool:
            with hold(client_id):
                change = Caller(app, token()).call
                args = ("PATCH", f"/v6/clients/{client_id}", late)
                futures = [pool.submit(change, *args, Idempotency_Key="twin") for _ in range(2)]
                until_waiting(2)
            answers = [future.result() for future in futures]
        assert [error(answer, 400)["reason"] for answer in answers] == ["invalid_input"] * 2

    def test_two_creates_at_once_make_one_client(self, app: Flask, token: Callable[..., str], admin: Caller) -> None:
        callers = [Caller(app, token()) for _ in range(4)]
        with ThreadPoolExecutor(len(callers)) as pool:
            answers = list(pool.map(lambda caller: create(caller, "twin"), callers))
        assert len({answer.get_data() for answer in answers}) == 1
        assert {answer.status_code for answer in answers} == {201}
        assert count(admin) == 1

    def test_a_twin_that_waits_too_long_is_told_that_the_first_still_runs(
        self, app: Flask, admin: Caller, token: Callable[..., str]
    ) -> None:
        verifier: TokenVerifier = app.extensions["token_verifier"]
        administrator = verifier.verify(token())
        with app.app_context(), db.engine.connect() as connection:
            claim(connection, "twin", administrator)
            error(create(admin, "twin"), 409, "idempotency_in_progress")
            connection.rollback()
        data(create(admin, "twin"), 201)


def claim(connection: Connection, key: str, actor: Actor) -> None:
    """Hold a key as a request does that has not ended yet."""
    connection.execute(
        text("INSERT INTO idempotency_keys VALUES (:caller, :key, :hash, NULL, NULL, now())"),
        {"caller": actor.identity, "key": key, "hash": json.dumps(key).encode()},
    )
