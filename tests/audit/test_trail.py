"""What entries say, who reads them, and that a change and its entry are one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app.audit import erasure, recording
from app.audit.models import ObjectType
from app.audit.trail import CHANGES
from app.db.base import db
from app.db.transaction import autocommit, rehearsal, transaction
from bench import accounts
from tests.caller import ACCOUNTS, Caller, data, error
from tests.cli.conftest import Run
from tests.factories.bookings import PAYMENTS, create_booking, pay, periods_of
from tests.factories.customers import Callers, join, open_customer, spend

CLIENTS = "/v6/clients"


def entries(caller: Caller, filters: str = "") -> list[Any]:
    """The changes that match, newest first."""
    found: list[Any] = data(caller.get(f"/v6/audit?perPage=1000&{filters}"))["results"]
    return found


class TestEntry:
    def test_an_entry_says_who_changed_what_and_why(self, admin: Caller, client_id: str) -> None:
        answer = admin.patch(
            f"{CLIENTS}/{client_id}", {"name": "Acme Ltd", "status": "ACTIVE"}, X_Change_Reason="A new name"
        )
        data(answer)
        entry = entries(admin)[0]
        assert entry.pop("at") >= "2020"
        assert entry.pop("id").startswith("entry-")
        assert entry == {
            "actor": "admin",
            "actorKind": "person",
            "action": "updateClient",
            "objectType": "client",
            "objectId": client_id,
            "reason": "A new name",
            "before": {"name": "Acme"},
            "after": {"name": "Acme Ltd"},
            "requestId": answer.headers["X-Request-ID"],
        }

    def test_what_changes_nothing_is_no_entry(self, admin: Caller, client_id: str) -> None:
        data(admin.patch(f"{CLIENTS}/{client_id}", {"name": "Acme"}))
        assert [each["action"] for each in entries(admin)] == ["createClient"]

    def test_what_is_refused_is_no_entry(self, admin: Caller, client_id: str) -> None:
        dates = {"startDate": "2025-02-01", "endDate": "2025-01-01"}
        error(admin.patch(f"{CLIENTS}/{client_id}", dates), 400)
        assert [each["action"] for each in entries(admin)] == ["createClient"]

    def test_a_replay_is_no_second_entry(self, admin: Caller) -> None:
        for _ in range(2):
            data(admin.post(CLIENTS, {"name": "Acme"}, Idempotency_Key="one"), 201)
        assert len(entries(admin)) == 1

    def test_a_movement_is_an_entry_of_its_account(self, admin: Caller, account_id: int) -> None:
        data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c1", "amount": 12.5}))
        lock, opened, *_ = entries(admin, f"objectType=billing_account&objectId={account_id}")
        assert (lock["action"], lock["before"], lock["after"]) == (
            "lockAmount",
            {"lockedBudget": 0},
            {"lockedBudget": 12.5},
        )
        assert {opened["action"]} == {"createBillingAccount"}

    def test_a_transaction_is_an_entry_of_its_account(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        spend(customer, 4)
        (entry,) = entries(admin, "action=spendCredits")
        assert (entry["objectType"], entry["objectId"]) == ("customer_account", str(customer_id))
        assert (entry["before"], entry["after"]) == ({"credits": 100}, {"credits": 96})

    def test_a_cap_is_set_changed_and_removed(self, admin: Caller, customer: Caller) -> None:
        cap = {"kind": "member", "subject": "kim", "period": "day"}
        for credits in (5, 5, 7):
            made = data(customer.call("PUT", "/v1/account/caps/", {**cap, "credits": credits}))
        data(customer.delete(f"/v1/account/caps/{made['id']}/"))
        found = entries(admin, f"objectType=credit_cap&objectId={made['id']}")[::-1]
        terms = {"kind": "member", "user_id": "kim", "period": "day"}
        assert [(each["action"], each["before"], each["after"]) for each in found] == [
            ("setCreditCap", None, {**terms, "credits": 5}),
            ("setCreditCap", {"credits": 5}, {"credits": 7}),
            ("removeCreditCap", {**terms, "credits": 7}, None),
        ]
        assert data(customer.get(f"/v1/account/audit/?object_type=credit_cap&object_id={made['id']}"))["count"] == 3

    def test_bulk_calls_make_an_entry_for_each_object(self, admin: Caller, account_id: int) -> None:
        booking = create_booking(admin, account_id, memberRate=5)
        items = [{"workPeriodId": week, "days": 1} for week in periods_of(admin, booking["id"])]
        paid = data(admin.post(f"{PAYMENTS}/bulk", items))
        found = entries(admin, "objectType=work_period_payment")
        assert [each["objectId"] for each in found] == [each["id"] for each in reversed(paid)]
        assert {each["action"] for each in found} == {"createWorkPeriodPaymentsBulk"}

    def test_secrets_are_not_in_it(self, app: Flask, token: Callable[..., str]) -> None:
        secret = token()
        data(Caller(app, secret).post(CLIENTS, {"name": "Acme"}, Idempotency_Key="a-secret-key"), 201)
        with app.app_context():
            rows = db.session.execute(text("SELECT CAST(e AS text) FROM audit_entries AS e")).scalars().all()
            db.session.rollback()
        assert len(rows) == 1
        assert secret not in rows[0]
        assert "a-secret-key" not in rows[0]


class TestList:
    def test_it_is_read_by_administrators_and_machines_with_the_scope(self, as_caller: Callers) -> None:
        error(as_caller(roles=("copilot",)).get("/v6/audit"), 403)
        error(as_caller(scopes=("read:client",)).get("/v6/audit"), 403)
        data(as_caller(scopes=("read:audit",)).get("/v6/audit"))

    @pytest.mark.parametrize(
        ("filters", "count"),
        [
            ("actor=admin", 3),
            ("actor=nobody", 0),
            ("action=createClient", 1),
            ("objectType=client", 1),
            ("objectType=billing_account", 2),
            ("objectType=billing_account&objectId=1", 2),
            ("objectId=1", 2),
            ("objectId=99999999999999999999", 0),
            ("atFrom=2999-01-01", 0),
            ("atTo=2999-01-01", 3),
            ("requestId=unknown", 0),
        ],
    )
    def test_filters_apply(self, admin: Caller, account_id: int, filters: str, count: int) -> None:
        assert account_id == 1
        found = data(admin.get(f"/v6/audit?{filters}"))
        assert (found["count"], len(found["results"])) == (count, count)

    def test_pages_follow_one_another(self, admin: Caller, account_id: int) -> None:
        for amount in range(1, 8):
            data(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", {"challengeId": "c1", "amount": amount}))
        whole = entries(admin)
        pages = [data(admin.get(f"/v6/audit?perPage=3&page={page}"))["results"] for page in range(1, 5)]
        assert [each for page in pages for each in page] == whole
        assert data(admin.get("/v6/audit?perPage=3&page=9"))["count"] == len(whole)
        assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)


class TestHistory:
    def test_objects_have_a_history(self, admin: Caller, account_id: int, client_id: str) -> None:
        booking = create_booking(admin, account_id, memberRate=5)
        payment = pay(admin, periods_of(admin, booking["id"])[0], days=1)
        data(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "cancelled"}))
        paths = {
            f"{CLIENTS}/{client_id}": ["createClient"],
            f"/v6/resource-bookings/{booking['id']}": ["createResourceBooking"],
            f"{PAYMENTS}/{payment['id']}": ["updateWorkPeriodPayment", "createWorkPeriodPayment"],
            f"{ACCOUNTS}/{account_id}": [
                "updateWorkPeriodPayment",
                "createWorkPeriodPayment",
                "createBillingAccount",
                "createBillingAccount",
            ],
        }
        for path, expected in paths.items():
            assert [each["action"] for each in data(admin.get(f"{path}/history"))["results"]] == expected, path

    @pytest.mark.parametrize(
        "path", [f"{CLIENTS}/x", f"{ACCOUNTS}/9", f"{PAYMENTS}/{'0' * 8}-0000-4000-8000-{'0' * 12}"]
    )
    def test_of_nothing_there_is_none(self, admin: Caller, path: str) -> None:
        error(admin.get(f"{path}/history"), 404, "not_found")


def test_a_history_reads_the_movements_of_its_object_alone(app: Flask) -> None:
    object_ = {"object_type": "billing_account", "object_id": "7", "billing_account_id": 7, "credit_account_id": 7}
    page, _ = CHANGES.statements(frozenset({"object_type", "object_id"}), "at", "desc", 20)
    with app.app_context():
        accounts.load(accounts=2_000, lines=10_000)
        plan = "\n".join(db.session.connection().exec_driver_sql(f"EXPLAIN {page.sql}", object_).scalars())
        db.session.rollback()
    assert "Seq Scan on budget_movements" not in plan, plan


class TestCustomers:
    def test_managers_read_the_trail_of_their_account_and_no_other(self, as_caller: Callers, customer: Caller) -> None:
        other = as_caller(user="other", email="other@quay.example")
        open_customer(other, "Quay Ltd")
        data(customer.patch("/v1/account/settings/", {"billing_city": "Cork"}))
        found = data(customer.get("/v1/account/audit/"))["results"]
        assert found[0]["action"] == "updateAccountSettings"
        assert {each["action"] for each in found[1:]} == {"openAccount", "monthly grant"}
        assert found[0]["after"] == {"billing_city": "Cork"}
        assert (found[0]["actor"], found[0]["reason"]) == ("owner", "")
        assert {each["actor"] for each in data(other.get("/v1/account/audit/"))["results"]} == {"other", "service"}
        assert data(other.get("/v1/account/history/"))["count"] == 2

    def test_members_do_not_read_it(self, as_caller: Callers, customer: Caller) -> None:
        error(join(customer, as_caller, "ann").get("/v1/account/audit/"), 403)

    def test_an_account_can_be_erased(
        self, app: Flask, admin: Caller, as_caller: Callers, customer: Caller, customer_id: int, run: Run
    ) -> None:
        data(customer.patch("/v1/account/settings/", {"billing_city": "Cork"}))
        other = as_caller(user="other", email="other@quay.example")
        open_customer(other, "Quay Ltd")
        with app.app_context(), transaction():
            assert erasure.erase_account(customer_id) > 2
        found = {each["actor"] for each in entries(admin)}
        assert found == {None, "other", "service", "shell"}
        settings = entries(admin, "action=updateAccountSettings")[0]
        assert settings["after"] == {"billing_city": None}
        assert run("audit", "verify").exit_code == 0


class TestTransaction:
    def test_a_change_and_its_entry_are_one(self, app: Flask, monkeypatch: pytest.MonkeyPatch, admin: Caller) -> None:
        monkeypatch.setattr(recording._Pending, "write", lambda _: 1 / 0)  # noqa: SLF001
        answer = admin.send("POST", CLIENTS, {"name": "Acme"})
        assert answer.status_code == 500
        with app.app_context():
            counted = db.session.execute(text("SELECT count(*) FROM clients")).scalar_one()
            db.session.rollback()
        assert counted == 0

    def test_what_is_undone_leaves_no_entry(self, app: Flask, admin: Caller) -> None:
        with app.app_context():
            with rehearsal():
                recording.record(ObjectType.CLIENT, "1", after={"name": "Acme"})
            with transaction():
                db.session.execute(text("SELECT 1"))
        assert entries(admin) == []

    def test_it_needs_a_transaction(self, app: Flask) -> None:
        with app.app_context(), autocommit(), pytest.raises(RuntimeError, match="Each statement commits"):
            recording.record(ObjectType.CLIENT, "1", after={"name": "Acme"})

    def test_many_writers_make_one_chain(self, app: Flask, run: Run, admin: Caller) -> None:
        def write(writer: int) -> None:
            with app.app_context():
                for number in range(10):
                    with transaction():
                        # Of several objects, in any order: nobody waits in a circle.
                        for each in ("1", "2", "3") if writer % 2 else ("3", "2", "1"):
                            recording.record(ObjectType.CLIENT, each, after={"name": f"{writer}-{number}"})
                db.session.remove()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        with app.app_context():
            chains = db.session.execute(
                text("SELECT parent_id, max(position), count(*) FROM audit_entries GROUP BY 1 ORDER BY 1")
            ).all()
            db.session.rollback()
        assert [tuple(each) for each in chains] == [(each, 60, 60) for each in ("1", "2", "3")]
        assert run("audit", "verify").exit_code == 0
        assert len(entries(admin)) == 180

    def test_an_entry_costs_no_round_trip(self, admin: Caller, client_id: str, messages: list[Any]) -> None:
        data(admin.patch(f"{CLIENTS}/{client_id}", {"name": "a"}))
        needed = []
        for name in ("b", "b"):
            messages.clear()
            data(admin.patch(f"{CLIENTS}/{client_id}", {"name": name}))
            needed.append(len(messages))
        # With an entry, and without one: the read, the update and the commit; the read and the commit.
        assert needed == [3, 2]
