"""Spending and granting credits."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app import tenancy
from app.db.base import db
from tests.auth.test_tokens import signed
from tests.caller import Caller, data, error
from tests.factories.customers import credits_of, join, open_customer

BALANCE = "/v1/billing/credits/balance/"
TRANSACTIONS = "/v1/billing/transactions/"
USAGE = "/v1/billing/credits/usage/"
BULK = "/v1/billing/credits/usage/bulk/"
GRANT = "/v1/billing/credits/grant/"
UNKNOWN = 987654321


def item(credits: Any = 1, **more: Any) -> dict[str, Any]:
    return {"operation_type": "search", "credits_used": credits, **more}


@pytest.fixture
def machine(as_caller: Callable[..., Caller]) -> Caller:
    return as_caller(scopes=("spend:credits",), user="worker@clients")


@pytest.fixture
def member(customer: Caller, as_caller: Callable[..., Caller]) -> Caller:
    """Somebody who neither owns nor manages the account."""
    return join(customer, as_caller, "ann")


class TestSpending:
    def test_nobody_without_a_token(self, app: Flask) -> None:
        error(Caller(app, None).post(USAGE, item()), 401)

    def test_plain_member_may_not_spend(self, member: Caller, customer: Caller) -> None:
        refused = error(member.post(USAGE, item()), 403, "forbidden")
        assert refused["details"] == {"roles": ["owner", "admin"], "scopes": ["spend:credits", "all:credits"]}
        assert credits_of(customer) == 100

    def test_staff_without_an_account_may_not_spend(self, admin: Caller, customer_id: int) -> None:
        error(admin.post(USAGE, item(account_id=customer_id)), 403, "no_account")

    def test_machine_without_the_scope_may_not_spend(self, as_caller: Callable[..., Caller], customer_id: int) -> None:
        error(as_caller(scopes=("read:credits",)).post(USAGE, item(account_id=customer_id)), 403)

    def test_another_account_is_not_found(self, customer: Caller, as_caller: Callable[..., Caller]) -> None:
        other = as_caller(user="other")
        other_id = open_customer(other, "Other")["id"]
        error(customer.post(USAGE, item(account_id=other_id)), 404)
        assert credits_of(other) == credits_of(customer) == 100

    def test_machine_spends_of_the_account_it_names(self, machine: Caller, customer: Caller, customer_id: int) -> None:
        assert "account_id" in error(machine.post(USAGE, item()), 400)["details"]["json"]
        error(machine.post(USAGE, item(account_id=UNKNOWN)), 404)
        spent = data(machine.post(USAGE, item(30, account_id=customer_id, description="a job")), 201)
        assert spent == {
            **spent,
            "operation_type": "search",
            "credits_used": 30,
            "cost_usd": "0.30",
            "description": "a job",
            "balance_after": 70,
        }
        assert credits_of(customer) == 70
        assert data(customer.get(USAGE))["results"][0]["id"] == spent["id"]

    def test_an_owner_spends_their_own(self, customer: Caller, customer_id: int) -> None:
        assert data(customer.post(USAGE, item(1)), 201)["balance_after"] == 99
        assert data(customer.post(USAGE, item(1, account_id=customer_id)), 201)["balance_after"] == 98

    def test_no_more_credits_are_spent_than_there_are(self, customer: Caller) -> None:
        failure = error(customer.post(USAGE, item(101)), 402, "insufficient_credits")
        assert failure["details"] == {"available": 100, "requested": 101}
        assert data(customer.post(USAGE, item(100)), 201)["balance_after"] == 0
        error(customer.post(USAGE, item(1)), 402, "insufficient_credits")
        assert data(customer.get(TRANSACTIONS))["count"] == 2

    def test_transactions_of_an_account_never_go_back_in_time(self, machine: Caller, customer_id: int) -> None:
        """Another machine's clock may be behind, and whoever waits for the balance took the time before."""
        # The token is known from here on: seen first in the frozen time it would be one of the future.
        last = data(machine.post(USAGE, item(10, account_id=customer_id)), 201)
        with freeze_time("2020-01-01T00:00:00Z"):
            next_one = data(machine.post(USAGE, item(10, account_id=customer_id)), 201)
        assert next_one["created_at"] == last["created_at"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"operation_type": "search"}, "credits_used"),
            ({"credits_used": 1}, "operation_type"),
            (item(0), "credits_used"),
            (item(-1), "credits_used"),
            (item("1"), "credits_used"),
            (item(1.5), "credits_used"),
            (item(True), "credits_used"),
            (item(2**31), "credits_used"),
            (item(operation_type=" "), "operation_type"),
            (item(operation_type="x" * 256), "operation_type"),
            (item(description="nul\x00"), "description"),
            (item(account_id="mine"), "account_id"),
            (item(account_id="1"), "account_id"),
            (item(account_id=0), "account_id"),
            (item(account_id=2**53), "account_id"),
            (item(account_id=True), "account_id"),
            (item(balance_after=5), "balance_after"),
        ],
    )
    def test_bad_input(self, customer: Caller, body: Any, field: str) -> None:
        assert field in error(customer.post(USAGE, body), 400)["details"]["json"]
        assert credits_of(customer) == 100

    def test_idempotency_key_spends_once(self, customer: Caller) -> None:
        first = customer.post(USAGE, item(10), Idempotency_Key="k1")
        again = customer.post(USAGE, item(10), Idempotency_Key="k1")
        assert again.get_data() == first.get_data()
        assert credits_of(customer) == 90


class TestBulkSpending:
    def test_bulk_spending_decides_each_item_alone(self, machine: Caller, customer: Caller, customer_id: int) -> None:
        items = [
            item(60, account_id=customer_id),
            item(60, account_id=customer_id),
            item(0, account_id=customer_id),
            item(40, account_id=customer_id),
            item(1, account_id=UNKNOWN),
            item(1),
        ]
        found = data(machine.post(BULK, items))
        assert [each.get("balance_after") for each in found] == [40, None, None, 0, None, None]
        assert [each.get("error", {}).get("code") for each in found] == [None, 402, 400, None, 404, 400]
        assert found[1] == {**items[1], "error": found[1]["error"]}
        assert found[1]["error"]["reason"] == "insufficient_credits"
        assert found[1]["error"]["details"] == {"available": 40, "requested": 60}
        assert credits_of(customer) == 0

    def test_bulk_spending_takes_several_accounts(
        self, machine: Caller, customer_id: int, as_caller: Callable[..., Caller]
    ) -> None:
        other_id = open_customer(as_caller(user="other"), "Other")["id"]
        found = data(machine.post(BULK, [item(n, account_id=[customer_id, other_id][n % 2]) for n in range(1, 5)]))
        assert [each["balance_after"] for each in found] == [99, 98, 96, 94]

    def test_key_of_an_item_is_charged_once(self, machine: Caller, customer: Caller, customer_id: int) -> None:
        items = [item(10, account_id=customer_id, key="a"), item(20, account_id=customer_id, key="b")]
        first = data(machine.post(BULK, items))
        again = data(machine.post(BULK, [*items, items[0], item(1, account_id=customer_id)]))
        assert again[:3] == [first[0], first[1], first[0]]
        assert credits_of(customer) == 69

    def test_key_of_an_item_stands_for_one_item(self, machine: Caller, customer: Caller, customer_id: int) -> None:
        found = data(
            machine.post(BULK, [item(10, account_id=customer_id, key="a"), item(11, account_id=customer_id, key="a")])
        )
        assert found[1]["error"]["code"] == 422
        assert found[1]["error"]["reason"] == "idempotency_key_reused"
        assert credits_of(customer) == 90

    def test_a_key_is_the_callers_own(
        self, app: Flask, machine: Caller, customer: Caller, customer_id: int, as_caller: Callable[..., Caller]
    ) -> None:
        """A member who takes a key first does not keep the machine from charging with it."""
        callers = [
            customer,
            machine,
            join(customer, as_caller, "ann", "admin"),
            Caller(app, signed(sub=None, azp="owner", roles=None, scope="spend:credits")),
            Caller(app, signed(sub="owner", iss="https://other.example/", roles=None, scope="spend:credits")),
        ]
        sent = [item(number, account_id=customer_id, key="job-1") for number in range(1, 6)]
        for caller, each in zip(callers, sent, strict=True):
            first, again = (data(caller.post(BULK, [each]))[0] for _ in range(2))
            assert first == again
            assert first["credits_used"] == each["credits_used"]
        assert credits_of(customer) == 85

    def test_a_key_is_the_accounts_own(
        self, machine: Caller, customer_id: int, as_caller: Callable[..., Caller]
    ) -> None:
        other_id = open_customer(as_caller(user="other"), "Other")["id"]
        found = data(machine.post(BULK, [item(10, account_id=each, key="a") for each in (customer_id, other_id)]))
        assert [each["balance_after"] for each in found] == [90, 90]

    def test_costs_are_kept_with_six_decimals_and_shown_with_two(
        self, app: Flask, machine: Caller, customer: Caller, customer_id: int
    ) -> None:
        with app.app_context():
            tenancy.set_every_account()
            db.session.execute(text("UPDATE plans SET usd_per_credit = :price"), {"price": Decimal("0.004")})
            db.session.commit()
        single = [data(customer.post(USAGE, item(1)), 201)["cost_usd"] for _ in range(5)]
        bulk = data(machine.post(BULK, [item(1, account_id=customer_id)] * 5))
        tens = [data(customer.post(USAGE, item(number)), 201)["cost_usd"] for number in (2, 10, 13)]
        assert [*single, *(each["cost_usd"] for each in bulk)] == ["0.00"] * 10
        assert tens == ["0.01", "0.04", "0.05"]
        with app.app_context():
            tenancy.set_every_account()
            ten = "SELECT sum(cost_usd) FROM credit_transactions WHERE amount = -1"
            assert db.session.execute(text(ten)).scalar_one() == Decimal("0.04")

    def test_atomic_bulk_spending_is_all_or_nothing(self, customer: Caller) -> None:
        failure = error(customer.post(f"{BULK}?atomic=true", [item(60), item(60)]), 402, "insufficient_credits")
        assert failure["details"]["index"] == 1
        assert credits_of(customer) == 100

    @pytest.mark.parametrize("body", [{}, [], [1], [item()] * 1001])
    def test_bad_bodies_of_bulk_spending_are_refused(self, customer: Caller, body: Any) -> None:
        error(customer.post(BULK, body), 400)


class TestGranting:
    def grant(self, account_id: int, amount: Any = 50, kind: str = "grant") -> dict[str, Any]:
        return {"account_id": account_id, "amount": amount, "transaction_type": kind, "description": "Goodwill"}

    def test_customer_may_not_grant_credits(self, customer: Caller, customer_id: int) -> None:
        error(customer.post(GRANT, self.grant(customer_id)), 403)
        assert credits_of(customer) == 100

    def test_staff_and_machines_may_grant_credits(
        self, admin: Caller, as_caller: Callable[..., Caller], customer: Caller, customer_id: int
    ) -> None:
        granted = data(admin.post(GRANT, self.grant(customer_id)), 201)
        assert (granted["amount"], granted["balance_after"], granted["transaction_type"]) == (50, 150, "grant")
        machine = as_caller(scopes=("grant:credits",))
        data(machine.post(GRANT, self.grant(customer_id, 5, "refund")), 201)
        data(machine.post(GRANT, self.grant(customer_id, -15, "adjustment")), 201)
        assert credits_of(customer) == 140

    def test_grant_to_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.post(GRANT, self.grant(UNKNOWN)), 404)

    def test_an_adjustment_leaves_no_debt(self, admin: Caller, customer: Caller, customer_id: int) -> None:
        error(admin.post(GRANT, self.grant(customer_id, -101, "adjustment")), 402, "insufficient_credits")
        assert credits_of(customer) == 100

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"amount": 0}, "amount"),
            ({"amount": -1}, "amount"),
            ({"amount": -1, "transaction_type": "refund"}, "amount"),
            ({"amount": 1.5}, "amount"),
            ({"transaction_type": "purchase"}, "transaction_type"),
            ({"transaction_type": "deduction"}, "transaction_type"),
            ({"description": ""}, "description"),
            ({"account_id": "7"}, "account_id"),
        ],
    )
    def test_bad_input(self, admin: Caller, customer_id: int, change: dict[str, Any], field: str) -> None:
        assert field in error(admin.post(GRANT, {**self.grant(customer_id), **change}), 400)["details"]["json"]
