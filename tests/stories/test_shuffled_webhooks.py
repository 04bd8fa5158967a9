"""The gateway's events in any order, twice, late, and before the gateway answered: the books always agree.

However they come, the same becomes of every payment.
"""

import random
from typing import Any

import pytest
from freezegun import freeze_time

from tests.caller import data
from tests.factories.customers import grant, open_customer, spend
from tests.factories.purchases import PAYMENTS
from tests.stories.conftest import ALL, INVOICES, Vendor
from tests.stories.conftest import PAYMENTS as ALL_PAYMENTS

# In which order the events come of which nothing is mixed up.
IN_ORDER = 0


class Post:
    """The way of events to the service: in order, or as bad as it gets."""

    def __init__(self, vendor: Vendor, seed: int) -> None:
        self.vendor, self.random, self.is_in_order = vendor, random.Random(seed), seed == IN_ORDER
        self._waiting: list[Any] = []

    def happens(self, kind: str, about: dict[str, Any], **changes: Any) -> None:
        """Let an event wait for its delivery, once or twice."""
        sent = self.vendor.event(kind, {**about, **changes})
        self._waiting += [sent] * (1 if self.is_in_order else self.random.randint(1, 2))

    def before_the_answer(self, made: dict[str, Any]) -> None:
        """Tell of a refund or an intent, perhaps, while the caller that made it still waits."""
        if made["object"] == "refund" and not self.is_in_order and self.random.random() < 0.7:
            data(self.vendor.stripe.send(self.vendor.event("refund.created", made)))

    def arrives(self, days: Any) -> None:
        """Deliver everything, and verify the books after each event."""
        if not self.is_in_order:
            self.random.shuffle(self._waiting)
        for sent in self._waiting:
            days.tick(60)
            data(self.vendor.stripe.send(sent))
            self.vendor.verify()
        self._waiting.clear()
        self.vendor.check()


def pays(vendor: Vendor, post: Post) -> tuple[list[Any], list[dict[str, Any]]]:
    """Three payments: at once, after a declined card, and given up before it was paid all the same."""
    payments = [vendor.buy_by_card() for _ in range(3)]
    intents = [vendor.gateway.intents[each["gateway_reference"]] for each in payments]
    declined = {"status": "requires_payment_method", "last_payment_error": {"message": "Your card was declined."}}
    post.happens("payment_intent.payment_failed", intents[1], **declined)
    for each in intents:
        vendor.confirm(each["id"])
        post.happens("payment_intent.succeeded", each)
    post.happens("payment_intent.canceled", intents[2], status="canceled")
    return payments, intents


def returns(vendor: Vendor, post: Post, payments: list[Any], intents: list[dict[str, Any]]) -> None:
    """Refunds by staff that wait for the gateway, two that somebody makes there, and disputes lost and won."""
    gateway = vendor.gateway
    gateway.refunds_are = "pending"
    for payment, amount in ((payments[0], "3.00"), (payments[1], "2.00"), (payments[2], "1.00")):
        data(vendor.staff.post(f"{PAYMENTS}{payment['id']}/refund/", {"amount": amount, "reason": "Too slow"}))
        vendor.verify()
    ours = list(gateway.refunds.values())
    for each, status in zip(ours, ("succeeded", "succeeded", "failed"), strict=True):
        post.happens("refund.updated", each, status="pending")
        each["status"] = status
        post.happens("refund.failed" if status == "failed" else "refund.updated", each)
    made = gateway.refund(intents[0]["id"], 100)
    post.happens("refund.created", made)
    charge = {"id": "ch_1", "amount": 1107, "amount_refunded": 400, "payment_intent": intents[0]["id"]}
    post.happens("charge.refunded", charge)
    for intent, cents, end in ((intents[0], 250, "lost"), (intents[1], 300, "won"), (intents[2], 1107, "lost")):
        dispute = vendor.dispute(intent["id"], cents)
        post.happens("charge.dispute.created", dispute)
        dispute["status"] = end
        post.happens("charge.dispute.closed", dispute)


def outcome(vendor: Vendor) -> Any:
    """What became of payments and invoices, and what the customer has less what is owed."""
    credits, held, frozen, debt = vendor.balance()
    names = ("id", "status", "amount_refunded", "amount_charged_back", "credits_refunded")
    payments = data(vendor.staff.get(f"{ALL_PAYMENTS}{ALL}"))["results"]
    invoices = data(vendor.staff.get(f"{INVOICES}{ALL}"))["results"]
    return (
        sorted(tuple(each[name] for name in names) for each in payments),
        sorted((each["status"], each["amount_credited"]) for each in invoices),
        (credits - debt, held, frozen),
    )


EXPECTED = (
    [
        (1, "charged_back", "4.00", "2.50", 293),
        (2, "partially_refunded", "2.00", "0.00", 90),
        (3, "charged_back", "0.00", "11.07", 500),
    ],
    [("partially_refunded", "2.00"), ("partially_refunded", "6.50"), ("refunded", "11.07")],
    # Of the plan in two months, bought, spent, taken back, and granted.
    (200 + 1500 - 800 - 293 - 90 - 500 + 1000, 0, 0),
)


@pytest.mark.parametrize("seed", [IN_ORDER, 1, 2])
def test_events_in_any_order_come_to_the_same(vendor: Vendor, seed: int) -> None:
    post = Post(vendor, seed)
    vendor.gateway.tells = post.before_the_answer
    with freeze_time("2031-03-30T09:00:00Z") as days:
        account_id = open_customer(vendor.owner)["id"]
        data(vendor.owner.patch("/v1/account/settings/", {"billing_country": "Ireland"}))
        payments, intents = pays(vendor, post)
        post.arrives(days)
        days.move_to("2031-03-31T23:40:00Z")
        returns(vendor, post, payments, intents)
        spend(vendor.owner, 100 + 700)
        post.arrives(days)
        vendor.check_everything_is_known()
        days.move_to("2031-04-01T09:00:00Z")
        grant(vendor.staff, account_id, 1000)
        vendor.check()
        assert outcome(vendor) == EXPECTED
