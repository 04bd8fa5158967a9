"""Every cell of the table of statuses and events, over HTTP and by events of the gateway."""

from itertools import count
from typing import Any

import pytest
from flask import Flask

from app.credits import audit as credit_audit
from app.purchases import audit, states
from app.purchases.models import PaymentStatus
from app.purchases.states import Event, Outcome
from tests.caller import Caller, data, error
from tests.factories import purchases
from tests.processes import ROOT
from tests.purchases.conftest import Bought
from tests.stripe_events import event

PAYMENTS = "/v1/billing/payments/"
STATUS_OF_INTENT = {
    Event.PAID: ("succeeded", "succeeded"),
    Event.DECLINED: ("payment_failed", "requires_payment_method"),
    Event.GIVEN_UP: ("canceled", "canceled"),
}
STATUS_OF_DISPUTE = {
    Event.DISPUTE: "needs_response",
    Event.DISPUTE_WON: "won",
    Event.DISPUTE_LOST: "lost",
}
STAFF = {
    Event.APPROVE: ("approve", {}),
    Event.CANCEL: ("cancel", None),
    Event.REFUND: ("refund", {"amount": "1.00", "reason": "Table"}),
}
# How a card payment gets to each status.
PATHS: dict[PaymentStatus, tuple[Event, ...]] = {
    PaymentStatus.PENDING: (),
    PaymentStatus.FAILED: (Event.DECLINED,),
    PaymentStatus.CANCELLED: (Event.GIVEN_UP,),
    PaymentStatus.SUCCEEDED: (Event.PAID,),
    PaymentStatus.REFUNDING: (Event.PAID,),
    PaymentStatus.PARTIALLY_REFUNDED: (Event.PAID, Event.RETURN),
    PaymentStatus.REFUNDED: (Event.PAID,),
    PaymentStatus.DISPUTED: (Event.PAID, Event.DISPUTE),
    PaymentStatus.CHARGED_BACK: (Event.PAID, Event.DISPUTE_LOST),
}
# The same status, as it follows after a refund of 1.00 or a dispute of 1.00 at the gateway.
FOLLOWS = {
    (PaymentStatus.SUCCEEDED, Event.REFUND): "partially_refunded",
    (PaymentStatus.SUCCEEDED, Event.RETURN): "partially_refunded",
    (PaymentStatus.SUCCEEDED, Event.DISPUTE_WON): "succeeded",
    (PaymentStatus.REFUNDED, Event.RETURN): "refunded",
    (PaymentStatus.REFUNDED, Event.DISPUTE_WON): "refunded",
    (PaymentStatus.REFUNDING, Event.DISPUTE_WON): "refunding",
    (PaymentStatus.REFUNDING, Event.REFUND): "refunding",
    (PaymentStatus.REFUNDING, Event.RETURN): "refunding",
    (PaymentStatus.PARTIALLY_REFUNDED, Event.REFUND): "partially_refunded",
    (PaymentStatus.PARTIALLY_REFUNDED, Event.RETURN): "partially_refunded",
    (PaymentStatus.PARTIALLY_REFUNDED, Event.DISPUTE_WON): "partially_refunded",
    **dict.fromkeys(((PaymentStatus.DISPUTED, each) for each in (Event.RETURN, Event.DISPUTE_LOST)), "disputed"),
    (PaymentStatus.DISPUTED, Event.DISPUTE_WON): "disputed",
    **dict.fromkeys(((PaymentStatus.CHARGED_BACK, each) for each in (Event.RETURN, Event.DISPUTE_WON)), "charged_back"),
    **dict.fromkeys(((status, Event.DISPUTE_LOST) for status in list(PATHS)[3:7]), "charged_back"),
    (PaymentStatus.CHARGED_BACK, Event.DISPUTE_LOST): "charged_back",
}


class Walk:
    """Card payments, and what happens to them."""

    def __init__(self, bought: Bought) -> None:
        self.start = bought
        self.numbers = count(1)

    def to(self, status: PaymentStatus) -> Bought:
        payment = self.start.another()
        for each in PATHS[status]:
            self.happen(payment, each)
        if status == PaymentStatus.REFUNDING:
            self.start.gateway.refunds_are = "pending"
            data(payment.refund({"amount": "4.00"}))
            self.start.gateway.refunds_are = "succeeded"
        if status == PaymentStatus.REFUNDED:
            data(payment.refund())
        assert payment.payment()["status"] == status
        return payment

    def happen(self, payment: Bought, what: Event) -> Any:
        """The answer to an event of the gateway, told twice, or to a request of staff."""
        if what in STAFF:
            path, body = STAFF[what]
            return payment.staff.post(f"{PAYMENTS}{payment.id}/{path}/", body)
        number = next(self.numbers)
        about: dict[str, Any] = {"payment_intent": payment.intent, "amount": 100, "id": f"x_{number}"}
        if what in STATUS_OF_INTENT:
            kind, status = STATUS_OF_INTENT[what]
            failure = {"message": "declined"} if what == Event.DECLINED else None
            intent = {"id": payment.intent, "amount": 900, "status": status, "last_payment_error": failure}
            told = event(f"payment_intent.{kind}", f"evt_{number}", **intent)
        elif what == Event.RETURN:
            told = event("refund.updated", f"evt_{number}", **about, status="succeeded")
        else:
            told = event("charge.dispute.updated", f"evt_{number}", **about, status=STATUS_OF_DISPUTE[what])
        answer = payment.stripe.send(told)
        assert data(payment.stripe.send(told))["applied"] is False
        return answer


def expected(status: PaymentStatus, what: Event) -> str:
    outcome = states.TRANSITIONS[status, what]
    if outcome is Outcome.FOLLOWS:
        return FOLLOWS[status, what]
    return str(status if isinstance(outcome, Outcome) else outcome)


@pytest.mark.parametrize("what", [each for each in Event if each != Event.APPROVE])
def test_event_makes_of_a_card_payment_what_the_table_says(bought: Bought, what: Event) -> None:
    walk = Walk(bought)
    for status in PATHS:
        payment = walk.to(status)
        if what == Event.CANCEL:
            bought.gateway.intents[payment.intent]["status"] = "requires_payment_method"
        answer = walk.happen(payment, what)
        refused = states.TRANSITIONS[status, what] is Outcome.REFUSED
        assert answer.status_code == (409 if refused else 200), (status, what)
        assert payment.payment()["status"] == expected(status, what), (status, what)
    with bought.app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


def test_approval_makes_of_a_transfer_what_the_table_says(app: Flask, customer: Caller, admin: Caller) -> None:
    def to(*steps: str) -> str:
        path = f"{PAYMENTS}{purchases.buy(customer)['payment']['id']}/"
        for step in steps:
            body = {"reason": "Table", **({"amount": "1.00"} if step == "part" else {})} if step != "approve" else {}
            name = {"part": "refund"}.get(step, step)
            data(admin.post(f"{path}{name}/", None if step == "cancel" else body))
        return path

    ways: dict[PaymentStatus, tuple[str, ...]] = {
        PaymentStatus.PENDING: (),
        PaymentStatus.CANCELLED: ("cancel",),
        PaymentStatus.SUCCEEDED: ("approve",),
        PaymentStatus.PARTIALLY_REFUNDED: ("approve", "part"),
        PaymentStatus.REFUNDED: ("approve", "refund"),
    }
    for status, steps in ways.items():
        path = to(*steps)
        assert data(customer.get(path))["status"] == status
        answer = admin.post(f"{path}approve/", None)
        if states.TRANSITIONS[status, Event.APPROVE] is Outcome.REFUSED:
            assert error(answer, 409)["message"] == f"A payment that is {status} cannot be approved"
        assert data(customer.get(path))["status"] == expected(status, Event.APPROVE)
    with app.app_context():
        assert [*credit_audit.differences(), *audit.differences()] == []


def test_card_payment_is_never_approved(bought: Bought) -> None:
    walk = Walk(bought)
    for status in PATHS:
        error(walk.happen(walk.to(status), Event.APPROVE), 409)


def test_table_has_a_cell_for_every_status_and_event() -> None:
    assert set(states.TRANSITIONS) == {(status, what) for status in PaymentStatus for what in Event}


def test_docs_print_the_table() -> None:
    def cell(outcome: PaymentStatus | Outcome) -> str:
        return outcome.value if isinstance(outcome, Outcome) else f"`{outcome}`"

    lines = [
        f"| {what.value} | {' | '.join(cell(states.TRANSITIONS[status, what]) for status in states.STATUSES)} |"
        for what in Event
    ]
    head = f"| event | {' | '.join(f'`{status}`' for status in states.STATUSES)} |"
    assert "\n".join([head, "|---" * 10 + "|", *lines]) in (ROOT / "docs/credits.md").read_text()
