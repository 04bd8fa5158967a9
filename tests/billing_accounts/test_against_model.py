"""Random histories of two budgets over HTTP, against a model that adds and subtracts."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from decimal import Decimal
from itertools import accumulate
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from app.billing_accounts import audit
from app.db.base import db
from cli.audit import CHAINS
from tests.caller import ACCOUNTS, Caller, data, error
from tests.conftest import Scale
from tests.factories.accounts import create_account, create_client
from tests.factories.budget_model import CHALLENGE, ENGAGEMENT, Model, Movement, RefusedError

BUDGET = 300
ACCOUNT = st.sampled_from([0, 1])
# The same for both kinds, which are nevertheless apart.
REFERENCE = st.sampled_from(["a", "b", "c", "d"])
EXACT = st.one_of(
    st.sampled_from([1, 5, 20, 60, 200]).map(Decimal), st.integers(1, 900_000).map(lambda n: n * Decimal("0.0001"))
)
# With more decimals than are kept; the smallest of them round to nothing.
FINE = st.one_of(
    EXACT,
    st.integers(1, 9).map(lambda n: n * Decimal("0.00001")),
    st.integers(1, 9_000_000).map(lambda n: n * Decimal("0.00001")),
)
CHARGES = st.lists(st.tuples(ACCOUNT, REFERENCE, FINE), min_size=1, max_size=5)
# What every run must meet; other refusals may be rare.
MET = {"opened", "budget_changed", "locked", "unlocked", "consumed", "reversed"} | {
    "account_inactive",
    "insufficient_funds",
    "nothing_to_reverse",
}
SHOWN = ("kind", "externalType", "externalId", "budgetDelta", "lockedDelta", "consumedDelta")
TOTALS = {"budget": "budget", "locked": "lockedBudget", "consumed": "consumedBudget"}


class Budgets(RuleBasedStateMachine):
    """Everything that changes the budgets of one client, but for payments."""

    app: Flask
    admin: Caller
    # How often each refusal and each kind of movement came about.
    met: Counter[str]

    @initialize()
    def open_accounts(self) -> None:
        client = create_client(self.admin)
        self.ids = [create_account(self.admin, client, budget=BUDGET) for _ in range(2)]
        self.models = [Model.opened(BUDGET) for _ in range(2)]

    def patch(self, account: int, operation: str, body: Any) -> Any:
        return self.admin.patch(f"{ACCOUNTS}/{self.ids[account]}{operation}", body)

    def post(self, account: int, operation: str, body: Any) -> Any:
        return self.admin.post(f"{ACCOUNTS}/{self.ids[account]}/{operation}", {**body, "reason": "model"})

    @contextmanager
    def agreeing_with(self, answer: Any, status: int = 200) -> Iterator[None]:
        """The block does to the model what was asked; the answer must be as it comes out."""
        before = deepcopy(self.models)
        try:
            yield
        except RefusedError as refusal:
            self.models = before
            self.met[refusal.reason] += 1
            error(answer, refusal.status, refusal.reason)
        else:
            data(answer, status)

    @rule(account=ACCOUNT, reference=REFERENCE, amount=FINE)
    def lock(self, account: int, reference: str, amount: Decimal) -> None:
        answer = self.patch(account, "/lock-amount", {"challengeId": reference, "amount": amount})
        with self.agreeing_with(answer):
            self.models[account].lock(reference, amount)

    @rule(account=ACCOUNT, reference=REFERENCE, amounts=st.lists(FINE, max_size=2))
    def lock_and_unlock(self, account: int, reference: str, amounts: list[Decimal]) -> None:
        for amount in (*amounts, Decimal(0)):
            self.lock(account, reference, amount)

    @rule(account=ACCOUNT, reference=REFERENCE, amount=FINE)
    def consume(self, account: int, reference: str, amount: Decimal) -> None:
        answer = self.patch(account, "/consume-amount", {"challengeId": reference, "amount": amount})
        with self.agreeing_with(answer):
            self.models[account].consume(reference, amount)

    @rule(account=ACCOUNT, reference=REFERENCE, amount=FINE)
    def charge(self, account: int, reference: str, amount: Decimal) -> None:
        body = {"externalType": ENGAGEMENT, "externalId": reference, "amount": amount}
        answer = self.patch(account, "/consume-amount", body)
        with self.agreeing_with(answer):
            self.models[account].charge(reference, amount)

    @rule(charges=CHARGES)
    def charge_all(self, charges: list[tuple[int, str, Decimal]]) -> None:
        consumes = [
            {"billingAccountId": self.ids[account], "externalId": reference, "amount": amount}
            for account, reference, amount in charges
        ]
        answer = self.admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes})
        with self.agreeing_with(answer):
            # An amount that comes to nothing is found before anything is decided.
            if any(amount < Decimal("0.00005") for *_, amount in charges):
                raise RefusedError(400, "invalid_input")
            for account, reference, amount in charges:
                self.models[account].charge(reference, amount)

    @rule(account=ACCOUNT, budget=st.one_of(st.just(Decimal(BUDGET)), EXACT.map(lambda amount: 5 * amount)))
    def set_budget(self, account: int, budget: Decimal) -> None:
        answer = self.patch(account, "", {"budget": budget})
        with self.agreeing_with(answer):
            self.models[account].set_budget(budget)

    @rule(account=ACCOUNT, reference=REFERENCE, amount=FINE)
    def reserve_while_inactive(self, account: int, reference: str, amount: Decimal) -> None:
        for status, act in ("INACTIVE", self.lock), ("INACTIVE", self.consume), ("ACTIVE", self.consume):
            data(self.patch(account, "", {"status": status}))
            self.models[account].active = status == "ACTIVE"
            act(account, reference, amount)

    @rule(account=ACCOUNT, amount=EXACT, sign=st.sampled_from([1, -1]))
    def adjust(self, account: int, amount: Decimal, sign: int) -> None:
        answer = self.post(account, "budget-adjustments", {"amount": sign * amount})
        with self.agreeing_with(answer, 201):
            self.models[account].adjust(sign * amount)

    @rule(source=ACCOUNT, amount=st.one_of(st.none(), EXACT))
    def carry_over(self, source: int, amount: Decimal | None) -> None:
        target = 1 - source
        body = {"toBillingAccountId": self.ids[target], "amount": "remaining" if amount is None else amount}
        answer = self.post(source, "carry-over", body)
        with self.agreeing_with(answer, 201):
            self.models[source].carry_over(self.models[target], amount)

    @rule(
        account=ACCOUNT,
        external_type=st.sampled_from([CHALLENGE, ENGAGEMENT]),
        reference=REFERENCE,
        amount=st.one_of(st.none(), EXACT),
    )
    def reverse(self, account: int, external_type: str, reference: str, amount: Decimal | None) -> None:
        body: dict[str, Any] = {"externalType": external_type, "externalId": reference}
        answer = self.post(account, "reversals", body if amount is None else {**body, "amount": amount})
        with self.agreeing_with(answer, 201):
            model = self.models[account]
            model.reverse(model.consumed_for(external_type, reference), amount)

    @rule(account=ACCOUNT, chosen=st.integers(0, 9), amount=st.one_of(st.none(), EXACT))
    def reverse_line(self, account: int, chosen: int, amount: Decimal | None) -> None:
        model = self.models[account]
        consumed = [each for each in model.lines if each.kind == "consumed"]
        if not consumed:
            return
        nth = chosen % len(consumed)
        body: dict[str, Any] = {"entryId": self.movements(account)[consumed[nth].born - 1]["entryId"]}
        answer = self.post(account, "reversals", body if amount is None else {**body, "amount": amount})
        with self.agreeing_with(answer, 201):
            model.reverse([consumed[nth]], amount)

    def movements(self, account: int) -> list[Any]:
        """The movements of an account, oldest first."""
        path = f"{ACCOUNTS}/{self.ids[account]}/movements?sortBy=position&perPage=10000"
        found: list[Any] = data(self.admin.get(path))["results"]
        return found

    @invariant()
    def agrees(self) -> None:
        for account, model in enumerate(self.models):
            movements = self.movements(account)
            assert [Movement(*(each[name] for name in SHOWN)) for each in movements] == model.movements
            assert [each["position"] for each in movements] == list(range(1, len(movements) + 1))
            for name in TOTALS:
                deltas = accumulate(getattr(each, name) for each in model.movements)
                assert [each[f"{name}After"] for each in movements] == list(deltas)
            shown = data(self.admin.get(f"{ACCOUNTS}/{self.ids[account]}"))
            assert {name: shown[column] for name, column in TOTALS.items()} == self.totals(model)
            assert shown["totalBudgetRemaining"] == model.remaining
            lines = {
                (line["id"], kind, line["externalType"], line["externalId"], line["amount"])
                for kind in ("locked", "consumed")
                for line in shown[f"{kind}Amounts"]
            }
            assert lines == {
                (movements[each.born - 1]["entryId"], each.kind, each.external_type, each.external_id, each.amount)
                for each in model.lines
            }

    @invariant()
    def states_agree(self) -> None:
        """A statement from the middle of the history on begins with what was before, and ends with what is."""
        account = len(self.models[0].movements) % 2
        model, movements = self.models[account], self.movements(account)
        middle = movements[len(movements) // 2]["at"]
        before = sum(each["at"] < middle for each in movements)
        path = f"{ACCOUNTS}/{self.ids[account]}"
        stated = data(self.admin.get(f"{path}/statement?from={middle}&to=2999-01-01"))
        assert {name: stated["opening"][column] for name, column in TOTALS.items()} == self.totals(model, before)
        assert [each["position"] for each in stated["movements"]] == list(range(before + 1, len(movements) + 1))
        assert {name: stated["closing"][column] for name, column in TOTALS.items()} == self.totals(model)
        then = data(self.admin.get(f"{path}/balance?asOf={middle}"))
        included = sum(each["at"] <= middle for each in movements)
        assert {name: then[column] for name, column in TOTALS.items()} == self.totals(model, included)
        assert then["position"] == included

    def totals(self, model: Model, positions: int | None = None) -> dict[str, Decimal]:
        return {name: model.total(name, positions) for name in TOTALS}

    def teardown(self) -> None:
        self.met.update(each.kind for model in self.models for each in model.movements)
        with self.app.app_context():
            assert list(audit.differences()) == []
            assert [found for chain in CHAINS for found in chain.broken()] == []
            db.session.rollback()


def test_budget_histories_follow_the_model(app: Flask, admin: Caller, scale: Scale) -> None:
    met: Counter[str] = Counter()
    machine = type("BoundBudgets", (Budgets,), {"app": app, "admin": admin, "met": met})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=scale(100, 9),
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert met.keys() >= MET, met
