"""Random histories of budgets: everything that can change one, over HTTP and by import."""

import random
from collections.abc import Callable
from typing import Any

from tests.caller import ACCOUNTS, Caller, data
from tests.factories.bookings import PAYMENTS, create_booking, periods_of

ACCEPTED = {200, 201, 400, 409}
EXPIRING, PARTIAL = 0.3, 0.4


class BudgetHistory:
    """Random operations on two accounts of one client; refused ones are part of it."""

    def __init__(self, staff: Caller, machine: Caller, accounts: list[int], seed: int) -> None:
        self.staff, self.machine, self.accounts = staff, machine, accounts
        self.chance = random.Random(seed)
        self.periods = periods_of(staff, create_booking(staff, accounts[0])["id"])
        self.payments: list[str] = []
        self.statuses: set[int] = set()

    def step(self) -> None:
        """Do something."""
        acts: list[Callable[[], Any]] = [self.lock, self.lock, self.consume, self.charge, self.charge_all]
        acts += [
            self.change_budget,
            self.adjust,
            self.carry_over,
            self.reverse,
            self.reverse,
            self.pay,
            self.correct,
            self.correct,
            self.proceed,
            self.proceed,
        ]
        answer = self.chance.choice(acts)()
        if answer is not None:
            assert answer.status_code in ACCEPTED, answer.get_data()
            self.statuses.add(answer.status_code)

    def lock(self) -> Any:
        body = {"challengeId": self._challenge(), "amount": self.chance.choice([0, 0, 5, 5, 12.5, 30, 0.0001])}
        if body["amount"] and self.chance.random() < EXPIRING:
            # Later than any history ends.
            body["expiresIn"] = self.chance.choice([3600, 7200])
        return self.staff.patch(f"{self._account()}/lock-amount", body)

    def consume(self) -> Any:
        body = {"challengeId": self._challenge(), "amount": self.chance.choice([5, 7.25, 40])}
        if self.chance.random() < PARTIAL:
            body["final"] = False
        return self.staff.patch(f"{self._account()}/consume-amount", body)

    def charge(self) -> Any:
        body = {"externalId": "e", "externalType": "ENGAGEMENT", "amount": self.chance.choice([1, 2.5])}
        return self.staff.patch(f"{self._account()}/consume-amount", body)

    def charge_all(self) -> Any:
        consumes = [
            {"billingAccountId": self.chance.choice(self.accounts), "externalId": f"e{n % 2}", "amount": 1 + n}
            for n in range(self.chance.randrange(1, 5))
        ]
        return self.staff.post(f"{ACCOUNTS}/consume-amounts", {"consumes": consumes})

    def change_budget(self) -> Any:
        return self.staff.patch(self._account(), {"budget": self.chance.choice([120, 120, 150, 200.5])})

    def adjust(self) -> Any:
        body = {"amount": self.chance.choice([-40, -5, 7.5]), "reason": "r"}
        return self.staff.post(f"{self._account()}/budget-adjustments", body)

    def carry_over(self) -> Any:
        source, target = self.chance.sample(self.accounts, 2)
        body = {"toBillingAccountId": target, "amount": self.chance.choice([3, 50, "remaining"]), "reason": "r"}
        return self.staff.post(f"{ACCOUNTS}/{source}/carry-over", body)

    def reverse(self) -> Any:
        engagement = {"externalType": "ENGAGEMENT", "externalId": "e"}
        line = self.chance.choice([engagement, {"externalType": "CHALLENGE", "externalId": self._challenge()}])
        amounts: list[dict[str, Any]] = [{}, {"amount": 1.5}, {"amount": 6}]
        body = {**line, **self.chance.choice(amounts), "reason": "r"}
        return self.staff.post(f"{self._account()}/reversals", body)

    def pay(self) -> Any:
        item = {"workPeriodId": self.chance.choice(self.periods), "days": 0, "amount": self.chance.choice([3, 20])}
        answer = self.staff.post(PAYMENTS, item)
        if answer.status_code == 201:
            self.payments.append(data(answer, 201)["id"])
        return answer

    def correct(self) -> Any:
        """Change amount, account or status of a payment, several in one call, the same one twice."""
        if not self.payments:
            return None
        changes: list[dict[str, Any]] = [
            {"amount": self.chance.choice([3, 4, 50])},
            {"billingAccountId": self.chance.choice(self.accounts)},
            {"status": self.chance.choice(["cancelled", "scheduled"])},
        ]
        chosen = [self.chance.choice(self.payments) for _ in range(3)]
        items = [{"id": each, **self.chance.choice(changes)} for each in chosen]
        return self.staff.patch(f"{PAYMENTS}/bulk", items)

    def proceed(self) -> Any:
        if not self.payments:
            return None
        status = self.chance.choice(["in-progress", "completed", "completed", "failed"])
        return self.machine.patch(f"{PAYMENTS}/{self.chance.choice(self.payments)}", {"status": status})

    def _challenge(self) -> str:
        return f"c{self.chance.randrange(5)}"

    def _account(self) -> str:
        return f"{ACCOUNTS}/{self.chance.choice(self.accounts)}"
