"""Random histories of everything at once over HTTP, against a model in plain Python: its clock moves, commits fail."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app import clock, tenancy
from app.billing_accounts import audit as budget_audit
from app.billing_accounts.ledger import single
from app.credits import audit as credit_audit
from app.credits import plans
from app.db.base import db
from app.db.transaction import transaction
from app.purchases import audit as purchase_audit
from app.work_periods import audit as payment_audit
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open, data
from tests.conftest import Scale
from tests.factories.bookings import create_booking, periods_of
from tests.prove.conftest import Record
from tests.prove.crowd import replace_in
from tests.work_periods.test_model import ACTIVE, MOVES

SEED = 5_150
STEPS_EACH = 50
BUDGET, PLAN, PACK = 100, 100, 500
PAYMENTS, BILLING = "/v6/work-period-payments", "/v1/billing"
WEEK = {"startDate": "2024-01-01", "endDate": "2024-01-05"}
AMOUNTS = st.integers(1, 60)
CHALLENGES = st.sampled_from(["a", "b", "c", "d"])


class World(RuleBasedStateMachine):
    """One billing account with a booking, and one customer, as they should be."""

    app: Flask
    admin: Caller
    processor: Caller
    open_account: Open
    sign_in: Callable[[str], Caller]
    steps: ClassVar[int] = 0
    faults: ClassVar[int] = 0
    histories: ClassVar[int] = 0
    invoices: ClassVar[dict[int, int]] = {}
    commit_fails: ClassVar[bool] = False

    paid = Bundle("paid")
    bought = Bundle("bought")

    def __init__(self) -> None:
        super().__init__()
        World.histories += 1
        self.is_broken = False
        self.now = datetime(2030, 11, 20, tzinfo=UTC)
        self.account = self.open_account(budget=BUDGET)
        self.path = f"{ACCOUNTS}/{self.account}"
        booking = create_booking(self.admin, self.account, memberRate=5, **WEEK)
        (self.period,) = periods_of(self.admin, booking["id"])
        self.customer = self.sign_in(f"customer-{World.histories}")
        self.customer_id = self.ok(self.customer, "POST", "/v1/account", {"name": "Model"})["id"]
        self.pack = data(self.customer.get(f"{BILLING}/credit-packages"))["results"][0]["id"]
        self.budget, self.active = BUDGET, True
        self.lines: dict[str, tuple[str, int]] = {}
        self.engagements = 0
        self.payments: dict[str, tuple[int, str, str]] = {}
        self.given = PLAN
        # What is unspent of each purchase, in the order of their approval.
        self.unspent: dict[str, int] = {}
        self.used: dict[tuple[int, int], int] = {}
        self.purchases: dict[str, str] = {}

    # Calls

    def call(self, caller: Caller, method: str, path: str, body: Any = None) -> TestResponse:
        """The answer to a request; when its commit is to fail, it fails first and is sent again."""
        World.steps += 1
        with clock.at(self.now):
            if self.is_broken:
                self.is_broken, World.commit_fails = False, True
                answer = caller.call(method, path, body)
                if World.commit_fails:
                    # It was refused before there was anything to commit.
                    World.commit_fails = False
                    return answer
                World.faults += 1
                assert answer.status_code == 503, answer.get_data()
            return caller.call(method, path, body)

    def ok(self, caller: Caller, method: str, path: str, body: Any = None) -> Any:
        answer = self.call(caller, method, path, body)
        return data(answer, answer.status_code)

    @rule()
    def break_the_next_commit(self) -> None:
        self.is_broken = True

    @rule(days=st.integers(1, 40))
    def wait(self, days: int) -> None:
        before = self.now
        self.now += timedelta(days=days)
        # A month counts from its first instant, whoever posts it.
        self.given += PLAN * ((self.now.year - before.year) * 12 + self.now.month - before.month)

    # Budgets

    def reserved(self) -> dict[str, int]:
        totals = {"lock": 0, "consume": self.engagements}
        for kind, amount in self.lines.values():
            totals[kind] += amount
        for amount, status, _ in self.payments.values():
            if status in ACTIVE:
                totals["consume" if status == "completed" else "lock"] += amount
        return totals

    def refusal(self, more: int) -> int | None:
        """The status that an operation is refused with when it reserves so much more."""
        if more <= 0:
            return None
        if not self.active:
            return 409
        return 400 if sum(self.reserved().values()) + more > self.budget else None

    @rule(kind=st.sampled_from(["lock", "consume"]), challenge=CHALLENGES, amount=st.integers(0, 60))
    def reserve(self, kind: str, challenge: str, amount: int) -> None:
        if kind == "consume":
            amount = max(amount, 1)
        answer = self.call(
            self.admin, "PATCH", f"{self.path}/{kind}-amount", {"challengeId": challenge, "amount": amount}
        )
        held = self.lines.get(challenge)
        if kind == "lock" and held and held[0] == "consume":
            assert answer.status_code == 409
            return
        refused = self.refusal(amount - (held[1] if held else 0))
        assert answer.status_code == (refused or 200)
        if not refused:
            self.lines.pop(challenge, None)
            if amount:
                self.lines[challenge] = (kind, amount)

    @rule(amounts=st.lists(AMOUNTS, min_size=1, max_size=3))
    def charge_engagements(self, amounts: list[int]) -> None:
        charges = [{"billingAccountId": self.account, "externalId": "e", "amount": amount} for amount in amounts]
        answer = self.call(self.admin, "POST", f"{ACCOUNTS}/consume-amounts", {"consumes": charges})
        refused = self.refusal(sum(amounts))
        assert answer.status_code == (refused or 200)
        if not refused:
            self.engagements += sum(amounts)

    @rule(amount=st.integers(20, 200))
    def set_budget(self, amount: int) -> None:
        answer = self.call(self.admin, "PATCH", self.path, {"budget": amount})
        fits = amount >= sum(self.reserved().values()) or amount == self.budget
        assert answer.status_code == (200 if fits else 409)
        if fits:
            self.budget = amount

    @rule()
    def switch(self) -> None:
        self.active = not self.active
        self.ok(self.admin, "PATCH", self.path, {"status": "ACTIVE" if self.active else "INACTIVE"})

    # Payments

    @rule(target=paid, amount=AMOUNTS)
    def pay(self, amount: int) -> str:
        body = {"workPeriodId": self.period, "days": 0, "amount": amount}
        answer = self.call(self.admin, "POST", PAYMENTS, body)
        refused = self.refusal(amount)
        assert answer.status_code == (refused or 201)
        if refused:
            return ""
        payment_id = str(data(answer, 201)["id"])
        self.payments[payment_id] = (amount, "scheduled", "")
        return payment_id

    @rule(
        payment_id=paid,
        who=st.sampled_from(["people", "processing"]),
        to=st.sampled_from(["scheduled", "in-progress", "completed", "failed", "cancelled"]),
    )
    def move(self, payment_id: str, who: str, to: str) -> None:
        if not payment_id:
            return
        caller = self.admin if who == "people" else self.processor
        answer = self.call(caller, "PATCH", f"{PAYMENTS}/{payment_id}", {"status": to})
        amount, status, moved_by = self.payments[payment_id]
        if status == to:
            assert answer.status_code == (200 if moved_by == who else 409)
            return
        if (status, to) not in MOVES[who]:
            assert answer.status_code == 409
            return
        refused = self.refusal(amount) if to in ACTIVE and status not in ACTIVE else None
        assert answer.status_code == (refused or 200)
        if not refused:
            self.payments[payment_id] = (amount, to, who)

    # Credits

    def balance(self) -> int:
        return self.given + sum(self.unspent.values())

    def spend_in_model(self, amount: int) -> bool:
        fits = amount <= self.balance()
        if fits:
            # Given credits go first, then the older purchases.
            bought = max(0, amount - self.given)
            self.given -= amount - bought
            for payment_id, unspent in self.unspent.items():
                drawn = min(bought, unspent)
                self.unspent[payment_id] -= drawn
                bought -= drawn
            month = (self.now.year, self.now.month)
            self.used[month] = self.used.get(month, 0) + amount
        return fits

    @rule(amounts=st.lists(AMOUNTS, min_size=1, max_size=3))
    def spend(self, amounts: list[int]) -> None:
        items = [{"operation_type": "search", "credits_used": amount} for amount in amounts]
        outcomes = self.ok(self.customer, "POST", f"{BILLING}/credits/usage/bulk", items)
        codes = [outcome.get("error", {}).get("code") for outcome in outcomes]
        assert codes == [None if self.spend_in_model(amount) else 402 for amount in amounts]

    @rule()
    def grant_monthly(self) -> None:
        with self.app.app_context(), clock.at(self.now), transaction():
            tenancy.set_every_account()
            plans.grant_due([self.customer_id])
            assert plans.grant_due([self.customer_id]).months == 0

    @rule(target=bought)
    def buy(self) -> str:
        bought = self.ok(
            self.customer, "POST", f"{BILLING}/credit-packages/{self.pack}/purchase", {"payment_method": "manual"}
        )
        number = World.invoices[self.now.year] = World.invoices.get(self.now.year, 0) + 1
        assert bought["invoice"]["invoice_number"] == f"INV-{self.now.year}-{number:03}", "no gap, whatever failed"
        payment_id = str(bought["payment"]["id"])
        self.purchases[payment_id] = "pending"
        return payment_id

    @rule(payment_id=bought)
    def approve(self, payment_id: str) -> None:
        answer = self.call(self.admin, "POST", f"{BILLING}/payments/{payment_id}/approve")
        is_open = self.purchases[payment_id] == "pending"
        assert answer.status_code == (200 if is_open else 409)
        if is_open:
            self.purchases[payment_id] = "succeeded"
            self.unspent[payment_id] = PACK

    @rule(payment_id=bought)
    def refund(self, payment_id: str) -> None:
        answer = self.call(self.admin, "POST", f"{BILLING}/payments/{payment_id}/refund", {"reason": "Not needed"})
        # Of this purchase, whatever else there is.
        possible = self.purchases[payment_id] == "succeeded" and self.unspent[payment_id] == PACK
        assert answer.status_code == (200 if possible else 409)
        if possible:
            self.purchases[payment_id] = "refunded"
            del self.unspent[payment_id]

    # What is seen

    @invariant()
    def agrees(self) -> None:
        with clock.at(self.now):
            account = data(self.admin.get(self.path))
            credits = data(self.customer.get(f"{BILLING}/credits/balance"))
        reserved = self.reserved()
        seen = (account["lockedBudget"], account["consumedBudget"], account["totalBudgetRemaining"])
        assert seen == (reserved["lock"], reserved["consume"], self.budget - sum(reserved.values()))
        used = self.used.get((self.now.year, self.now.month), 0)
        assert (credits["credits"], credits["credits_used_this_month"]) == (self.balance(), used)

    def teardown(self) -> None:
        with self.app.app_context():
            for audit in (budget_audit, payment_audit, credit_audit, purchase_audit):
                assert list(audit.differences()) == []


@pytest.fixture
def simulate(
    app: Flask, admin: Caller, open_account: Open, as_caller: Callable[..., Caller]
) -> Iterator[Callable[..., None]]:
    """Runs at least so many steps of histories, from the seed."""
    members: dict[str, Any] = {
        "app": app,
        "admin": admin,
        "processor": as_caller(scopes=("process:taas-workPeriodPayments",), user="processor"),
        "open_account": staticmethod(open_account),
        "sign_in": staticmethod(lambda user: as_caller(user=user)),
    }
    World.steps = World.faults = World.histories = 0
    World.invoices.clear()

    def run(steps: int, *, shrink: bool = True) -> None:
        options = settings(
            max_examples=4,
            stateful_step_count=STEPS_EACH,
            phases=[Phase.generate, *([Phase.shrink] if shrink else [])],
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        number = SEED
        while World.steps < steps:
            machine = seed(number)(type("BoundWorld", (World,), members))
            run_state_machine_as_test(machine, settings=options)
            number += 1

    with _failing_commits(app):
        yield run


@contextmanager
def _failing_commits(app: Flask) -> Iterator[None]:
    """Let the commit fail when it is to."""

    def fail(_connection: Any) -> None:
        if World.commit_fails:
            World.commit_fails = False
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "commit", fail)
    yield
    event.remove(engine, "commit", fail)


def test_simulated_histories_follow_the_model(simulate: Callable[..., None], scale: Scale, record: Record) -> None:
    wanted = scale(10_000, 150)
    simulate(wanted)
    done = f"{World.steps:,} steps in {World.histories} histories, {World.faults:,} commits failed"
    with pytest.MonkeyPatch.context() as patch:
        # A budget that is exactly used up refuses what fits.
        for statement in ("LOCK", "CONSUME"):
            replace_in(patch, single, statement, r"asked - held >", "asked - held >=")
        before = World.steps
        with pytest.raises(AssertionError):
            simulate(before + scale(10_000, 3_000), shrink=False)
    record(Finding("simulation", done, 0, "< for <= in the budget rule: found", SEED))
