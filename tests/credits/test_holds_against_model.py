"""Random histories of lots and holds over HTTP, against a plain model of every lot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app import clock
from app.credits import audit
from tests.caller import TEN_YEARS, Caller, data
from tests.factories.customers import open_customer

BILLING = "/v1/billing"
HOLDS = f"{BILLING}/credits/holds/"
START = datetime(2031, 3, 10, tzinfo=UTC)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
AMOUNTS = st.integers(1, 90)


@dataclass
class Lot:
    number: int
    priority: int
    expires_at: datetime
    free: int
    held: int = 0

    @property
    def order(self) -> tuple[int, datetime, int]:
        return self.priority, self.expires_at, self.number


@dataclass
class Hold:
    id: int
    expires_at: datetime
    draws: list[tuple[Lot, int]] = field(default_factory=list)
    is_open: bool = True

    @property
    def remaining(self) -> int:
        return sum(credits for _, credits in self.draws)


class Account:
    """What an account is, by the contract alone."""

    def __init__(self) -> None:
        self.now = START
        self.lots = [Lot(0, 100, NEVER, 100)]
        self.holds: list[Hold] = []
        self.amounts = [100]

    def wait(self, minutes: int) -> None:
        until = self.now + timedelta(minutes=minutes)
        instants = {lot.expires_at for lot in self.lots} | {hold.expires_at for hold in self.holds}
        for self.now in sorted(instant for instant in instants if self.now < instant <= until):
            for hold in self.holds:
                if hold.is_open and hold.expires_at <= self.now:
                    self.end(hold)
            self.expire()
        self.now = until

    def expire(self) -> None:
        for lot in sorted(self.lots, key=lambda each: each.expires_at):
            if lot.expires_at <= self.now and lot.free:
                self.amounts.append(-lot.free)
                lot.free = 0

    def draw(self, amount: int) -> list[tuple[Lot, int]] | None:
        """Take free credits in the order of spending; None, and nothing, if there are too few."""
        if amount > sum(lot.free for lot in self.lots):
            return None
        draws = []
        for lot in sorted(self.lots, key=lambda each: each.order):
            part = min(amount, lot.free)
            if part:
                lot.free -= part
                amount -= part
                draws.append((lot, part))
        return draws

    def end(self, hold: Hold) -> None:
        hold.is_open = False
        for lot, credits in hold.draws:
            lot.held -= credits
            lot.free += credits
            # What goes back to a lot that is over ends at once.
            if lot.expires_at <= self.now:
                self.amounts.append(-credits)
                lot.free -= credits
        hold.draws = []

    def capture(self, hold: Hold, amount: int) -> None:
        self.amounts.append(-amount)
        kept = []
        for lot, credits in hold.draws:
            part = min(amount, credits)
            amount -= part
            lot.held -= part
            if credits > part:
                kept.append((lot, credits - part))
        hold.draws = kept


class World(RuleBasedStateMachine):
    """Everything that holds, spends and lets expire."""

    app: Flask
    admin: Caller
    sign_in: Callable[[str], Caller]
    histories = 0
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        type(self).histories += 1
        self.customer = self.sign_in(f"owner-{self.histories}")
        self.model = Account()
        with clock.at(START):
            self.account_id = open_customer(self.customer, "Model")["id"]

    def call(self, caller: Caller, method: str, path: str, body: Any = None) -> Any:
        with clock.at(self.model.now):
            return caller.call(method, path, body)

    @rule(minutes=st.integers(1, 90))
    def wait(self, minutes: int) -> None:
        self.model.wait(minutes)

    @rule(amount=AMOUNTS, minutes=st.one_of(st.none(), st.integers(1, 120)), priority=st.sampled_from([100, 100, 7]))
    def grant(self, amount: int, minutes: int | None, priority: int) -> None:
        body = {"account_id": self.account_id, "amount": amount, "transaction_type": "grant", "description": "model"}
        body |= {"priority": priority, **({} if minutes is None else {"expires_in": 60 * minutes})}
        data(self.call(self.admin, "POST", f"{BILLING}/credits/grant/", body), 201)
        expires_at = NEVER if minutes is None else self.model.now + timedelta(minutes=minutes)
        self.model.lots.append(Lot(len(self.model.lots), priority, expires_at, amount))
        self.model.amounts.append(amount)

    @rule(amount=AMOUNTS)
    def spend(self, amount: int) -> None:
        body = {"operation_type": "search", "credits_used": amount}
        answer = self.call(self.customer, "POST", f"{BILLING}/credits/usage/", body)
        fits = self.model.draw(amount) is not None
        assert answer.status_code == (201 if fits else 402)
        if fits:
            self.model.amounts.append(-amount)

    @rule(target=holds, amount=AMOUNTS, minutes=st.integers(1, 120))
    def hold(self, amount: int, minutes: int) -> Hold | None:
        body = {"operation_type": "images", "amount": amount, "expires_in": 60 * minutes}
        body["reference"] = f"job-{len(self.model.holds)}-{len(self.model.amounts)}-{self.model.now:%d%H%M}-{amount}"
        answer = self.call(self.customer, "POST", HOLDS, body)
        if answer.status_code == 200:
            return None
        draws = self.model.draw(amount)
        assert answer.status_code == (402 if draws is None else 201)
        if draws is None:
            return None
        made = Hold(data(answer, 201)["id"], self.model.now + timedelta(minutes=minutes), draws)
        for lot, credits in draws:
            lot.held += credits
        self.model.holds.append(made)
        return made

    @rule(hold=holds, amount=AMOUNTS, final=st.booleans())
    def capture(self, hold: Hold | None, amount: int, final: bool) -> None:
        if hold is None:
            return
        body = {"amount": amount, "final": final}
        answer = self.call(self.customer, "POST", f"{HOLDS}{hold.id}/capture/", body)
        fits = hold.is_open and amount <= hold.remaining
        assert answer.status_code == (200 if fits else 409)
        if fits:
            self.model.capture(hold, amount)
            if final:
                self.model.end(hold)

    @rule(hold=holds)
    def release(self, hold: Hold | None) -> None:
        if hold is None:
            return
        answer = self.call(self.customer, "POST", f"{HOLDS}{hold.id}/release/")
        assert answer.status_code == (200 if hold.is_open else 409)
        if hold.is_open:
            self.model.end(hold)

    @invariant()
    def agrees(self) -> None:
        balance = data(self.call(self.customer, "GET", f"{BILLING}/credits/balance/"))
        free, held = (sum(getattr(lot, name) for lot in self.model.lots) for name in ("free", "held"))
        seen = tuple(balance[name] for name in ("credits", "credits_held", "credits_available"))
        assert seen == (free + held, held, free)
        page = data(self.call(self.customer, "GET", f"{BILLING}/transactions/?per_page=10000"))
        assert sorted(each["amount"] for each in page["results"]) == sorted(self.model.amounts)
        lots = data(self.call(self.customer, "GET", f"{BILLING}/credits/lots/?per_page=10000"))["results"][::-1]
        assert [each["remaining"] - each["held"] for each in lots] == [lot.free for lot in self.model.lots]
        open_now = data(self.call(self.customer, "GET", f"{HOLDS}?status=open&per_page=10000"))["results"]
        assert {each["id"] for each in open_now} == {hold.id for hold in self.model.holds if hold.is_open}

    def teardown(self) -> None:
        with self.app.app_context():
            assert list(audit.differences()) == []


def test_histories_of_holds_follow_the_model(app: Flask, as_caller: Callable[..., Caller]) -> None:
    admin = as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)
    members = {"app": app, "admin": admin, "sign_in": staticmethod(lambda user: as_caller(user=user, hours=TEN_YEARS))}
    machine = type("BoundWorld", (World,), members)
    options = settings(
        max_examples=8,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=options)
