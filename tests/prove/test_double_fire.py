"""Every operation is sent twice, by many callers in any order, and must have one effect."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from app import tenancy
from app.billing_accounts import audit as budget_audit
from app.billing_accounts.ledger import single
from app.credits import audit as credit_audit
from app.credits.ledger import claims
from app.db.base import db
from app.purchases import audit as purchase_audit
from app.purchases import queries, return_queries
from app.web import idempotency
from bench.findings import Finding
from tests.caller import ACCOUNTS, Caller, Open, data
from tests.conftest import Scale
from tests.factories.customers import credits_of
from tests.prove.conftest import Record
from tests.prove.crowd import Call, at_once, replace_in, without_lock
from tests.purchases.conftest import (  # noqa: F401 - fixtures
    _stripe_process,
    buy,
    buy_by_card,
    packages,
    payer,
    stripe_app,
    stripe_peer,
)
from tests.purchases.test_webhooks import about
from tests.stripe_events import Stripe

CALLERS = 20
SEED = 7_012
AMOUNT = 3
MOST_CONTROL_ROUNDS = 10
STARTER_PACK = 500


class Kind:
    """Operations of one kind: makes one, counts the effects, and can lose its protection."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self.admin: Caller = request.getfixturevalue("admin")
        self.request = request

    def make(self, number: int) -> Call:
        raise NotImplementedError

    def effects(self) -> int:
        raise NotImplementedError

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        raise NotImplementedError


class Locks(Kind):
    """One challenge is locked: twice means the same line."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        open_account: Open = request.getfixturevalue("open_account")
        self.path = f"{ACCOUNTS}/{open_account(budget=1_000_000)}"

    def make(self, number: int) -> Call:
        body = {"challengeId": f"c{number}", "amount": AMOUNT}
        return lambda: self.admin.patch(f"{self.path}/lock-amount", body)

    def effects(self) -> int:
        return int(data(self.admin.get(self.path))["lockedBudget"]) // AMOUNT

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        """Forget what the line held before."""
        replace_in(patch, single, "LOCK", r"asked - CASE held_as WHEN 'locked' THEN held ELSE 0 END", "asked")


class Captures(Locks):
    """An engagement is charged with a key: without one each call would add a line."""

    def make(self, number: int) -> Call:
        body = {"externalType": "ENGAGEMENT", "externalId": f"e{number}", "amount": AMOUNT}
        return lambda: self.admin.patch(f"{self.path}/consume-amount", body, Idempotency_Key=f"capture-{number}")

    def effects(self) -> int:
        return int(data(self.admin.get(self.path))["consumedBudget"]) // AMOUNT

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        """Do not look at keys."""
        patch.setattr(idempotency, "has_key", lambda: False)


class Approvals(Kind):
    """Staff approves a bank transfer."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.customer: Caller = request.getfixturevalue("customer")
        self.buy: Callable[[], Any] = request.getfixturevalue("buy")

    def make(self, number: int) -> Call:  # noqa: ARG002 - every purchase is alike
        payment = self.buy()["payment"]["id"]
        return lambda: self.admin.post(f"/v1/billing/payments/{payment}/approve/", None)

    def effects(self) -> int:
        return self.posted() // STARTER_PACK

    def posted(self) -> int:
        """What purchases and refunds made of the credits the account began with."""
        return int(credits_of(self.customer)) - 100

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        without_lock(patch, queries, "LOCK_PAYMENT")


class Refunds(Approvals):
    """Staff takes a payment back."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.app: Flask = request.getfixturevalue("app")
        self.bought = 0

    def make(self, number: int) -> Call:
        # Two, of which one goes back: what is spent could not be refunded, not even twice.
        for _ in range(2):
            data(super().make(number)())
        self.bought += 2
        payment = data(self.customer.get("/v1/billing/payments/?per_page=1"))["results"][0]["id"]
        return lambda: self.admin.post(f"/v1/billing/payments/{payment}/refund/", {"reason": "Not needed"})

    def effects(self) -> int:
        """Refunds that were recorded, or that took credits, whichever are more."""
        with self.app.app_context():
            tenancy.set_every_account()
            recorded = int(db.session.execute(text("SELECT count(*) FROM refunds")).scalar_one())
        return max(recorded, self.bought - self.posted() // STARTER_PACK)

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        """Take no lock, do not look at what is left of the purchase, which takes one too, and satisfy the CHECK."""
        super().unprotect(patch)
        replace_in(
            patch,
            return_queries,
            "FOLLOW_PAYMENT",
            r"%\(credits_refunded\)s(::\w+)?",
            r"LEAST(%(credits_refunded)s\1, payments.credits)",
        )
        patch.setattr(claims, "unspent", lambda *_: STARTER_PACK)
        patch.setattr(claims, "take", lambda *_, **__: None)


class Webhooks(Approvals):
    """Stripe says that a card was charged."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        super().__init__(request)
        self.buy = request.getfixturevalue("buy_by_card")
        self.stripe = Stripe(request.getfixturevalue("stripe_app"))

    def make(self, number: int) -> Call:
        event = about(self.buy()["payment"], event_id=f"evt_{number}")
        return lambda: self.stripe.send(event)

    def unprotect(self, patch: pytest.MonkeyPatch) -> None:
        """Forget which events came, and what the payment is by now."""
        super().unprotect(patch)
        replace_in(patch, queries, "RECORD_EVENT", r"%\(id\)s", "%(id)s || gen_random_uuid()")


@pytest.mark.parametrize("kind", [Locks, Captures, Approvals, Refunds, Webhooks])
def test_twice_sent_is_once_done(
    app: Flask, request: pytest.FixtureRequest, scale: Scale, record: Record, kind: type[Kind]
) -> None:
    operations = scale(100, 8)
    world = kind(request)
    effects = _fire(world, operations)
    with app.app_context():
        wrong = abs(effects - operations) + len(list(_differences()))
    with pytest.MonkeyPatch.context() as patch:
        world.unprotect(patch)
        surplus = (_fire(world, operations) - operations for _ in range(MOST_CONTROL_ROUNDS))
        control = next((each for each in surplus if each), 0)
    assert control != 0, "nothing happened twice without the protection: the check proves nothing"
    done = f"{operations} sent twice by {CALLERS} callers"
    record(Finding(f"double fire, {kind.__name__.lower()}", done, wrong, f"{control:+} effects", SEED))


def _fire(world: Kind, operations: int) -> int:
    """How many effects the operations had."""
    before = world.effects()
    calls = [world.make(number) for number in range(operations)]
    random.Random(SEED).shuffle(calls)
    # Neighbours go to different callers: the twins arrive together.
    at_once([call for call in calls for _ in range(2)], CALLERS)
    return world.effects() - before


def _differences() -> Iterator[Any]:
    for audit in (budget_audit, credit_audit, purchase_audit):
        yield from audit.differences()
