"""Random histories of one account over HTTP, against a model that adds and subtracts."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from app.credits import audit as credit_audit
from app.purchases import audit as purchase_audit
from tests.caller import Caller, data
from tests.factories.customers import open_customer
from tests.factories.purchases import approve, buy

BILLING = "/v1/billing"
AMOUNTS = st.integers(1, 300)
KEYS = st.sampled_from(["a", "b", "c", None])
ITEMS = st.lists(st.tuples(AMOUNTS, KEYS), min_size=1, max_size=6)


class Ledger(RuleBasedStateMachine):
    """Everything that moves credits."""

    app: Flask
    admin: Caller
    sign_in: Callable[[str], Caller]
    histories = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).histories += 1
        self.customer = self.sign_in(f"owner-{self.histories}")
        self.account_id = open_customer(self.customer, "Model")["id"]
        self.amounts = [100]
        self.keyed: dict[str, int] = {}
        # Credits that were given are spent before those that were bought, the oldest of these first.
        self.given = 100
        self.bought: dict[str, int] = {}

    pending = Bundle("pending")
    paid = Bundle("paid")

    @property
    def balance(self) -> int:
        return sum(self.amounts)

    def spend_in_model(self, amount: int) -> bool:
        if amount > self.balance:
            return False
        self.amounts.append(-amount)
        taken = min(amount, self.given)
        self.given -= taken
        for payment, credits in self.bought.items():
            self.bought[payment] -= min(amount - taken, credits)
            taken += min(amount - taken, credits)
        return True

    @rule(amount=AMOUNTS)
    def spend(self, amount: int) -> None:
        body = {"operation_type": "search", "credits_used": amount}
        answer = self.customer.post(f"{BILLING}/credits/usage/", body)
        assert answer.status_code == (201 if self.spend_in_model(amount) else 402)

    @rule(items=ITEMS)
    def spend_many(self, items: list[tuple[int, str | None]]) -> None:
        body = [
            {"operation_type": "search", "credits_used": amount, **({"key": key} if key else {})}
            for amount, key in items
        ]
        found = data(self.customer.post(f"{BILLING}/credits/usage/bulk/", body))
        assert [each.get("error", {}).get("code") for each in found] == [
            self.expected(amount, key) for amount, key in items
        ]

    def expected(self, amount: int, key: str | None) -> int | None:
        """The code of the failure of an item, applying it to the model when there is none."""
        if key in self.keyed:
            return None if self.keyed[key] == amount else 422
        if not self.spend_in_model(amount):
            return 402
        if key is not None:
            self.keyed[key] = amount
        return None

    @rule(amount=AMOUNTS, kind=st.sampled_from(["grant", "refund", "adjustment"]))
    def grant(self, amount: int, kind: str) -> None:
        self.give(amount, kind)
        self.amounts.append(amount)
        self.given += amount

    @rule(amount=AMOUNTS)
    def adjust_down(self, amount: int) -> None:
        answer = self.give(-amount, "adjustment")
        assert answer.status_code == (201 if self.spend_in_model(amount) else 402)

    def give(self, amount: int, kind: str) -> Any:
        body = {"account_id": self.account_id, "amount": amount, "transaction_type": kind, "description": "model"}
        return self.admin.post(f"{BILLING}/credits/grant/", body)

    @rule(target=pending)
    def purchase(self) -> str:
        return str(buy(self.customer)["payment"]["id"])

    @rule(target=paid, payment=consumes(pending))
    def approve(self, payment: str) -> str:
        approve(self.admin, payment)
        self.amounts.append(500)
        self.bought[payment] = 500
        return payment

    @rule(payment=paid)
    def approve_again(self, payment: str) -> None:
        assert self.admin.post(f"{BILLING}/payments/{payment}/approve/", None).status_code == 409

    @rule(payment=consumes(paid))
    def refund(self, payment: str) -> None:
        answer = self.admin.post(f"{BILLING}/payments/{payment}/refund/", {"reason": "Not needed"})
        unspent = self.bought[payment] == 500
        assert answer.status_code == (200 if unspent else 409)
        if unspent:
            self.amounts.append(-self.bought.pop(payment))

    @invariant()
    def agrees(self) -> None:
        assert data(self.customer.get(f"{BILLING}/credits/balance/"))["credits"] == self.balance
        page = data(self.customer.get(f"{BILLING}/transactions/?per_page=10000"))
        assert [each["amount"] for each in page["results"]] == self.amounts[::-1]
        assert page["count"] == len(self.amounts)

    def teardown(self) -> None:
        with self.app.app_context():
            assert [*credit_audit.differences(), *purchase_audit.differences()] == []


@pytest.mark.usefixtures("app")
def test_credit_histories_follow_the_model(app: Flask, admin: Caller, as_caller: Callable[..., Caller]) -> None:
    members = {"app": app, "admin": admin, "sign_in": staticmethod(lambda user: as_caller(user=user))}
    machine = type("BoundLedger", (Ledger,), members)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
