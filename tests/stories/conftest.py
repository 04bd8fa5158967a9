"""A vendor with one customer who pays by card and by transfer, and what must be true after every chapter."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from app.audit import chains
from app.db.transaction import transaction
from cli.audit import CHAINS
from cli.ledger import AUDITS
from tests import slow_gateway
from tests.caller import TEN_YEARS, Caller, data
from tests.factories import purchases
from tests.slow_gateway import SlowGateway
from tests.stripe_account import KEY
from tests.stripe_events import Stripe, event

DESK, REPORT = "/v1/admin/accounts/", "/v1/admin/reports/credits/"
INVOICES, NOTES, PAYMENTS = "/v1/admin/invoices/", "/v1/admin/credit-notes/", "/v1/admin/payments/"
CREDITS = "/v1/billing/credits/"
ADDED = ("granted", "purchased", "adjusted", "returned")
TAKEN = ("spent", "refunded", "charged_back", "debt_paid", "expired", "voided")
ALL = "?per_page=1000"


class Vendor:
    """Staff, the owner of the customer's account, and the gateway; with the money that truly came and went."""

    def __init__(self, app: Flask, gateway: SlowGateway, token: Callable[..., str]) -> None:
        self.app, self.gateway, self._token = app, gateway, token
        self.staff = Caller(app, token(hours=TEN_YEARS))
        self.owner = self.person("owner")
        self.stripe = Stripe(app)
        self.by_card: set[str] = set()
        self.by_transfer: dict[int, Decimal] = {}
        self.returned_by_transfer = Decimal(0)
        self._events = 0
        self.erased = False

    def person(self, name: str) -> Caller:
        email = f"{name}@harbour.example"
        return Caller(self.app, self._token(roles=(), user=name, email=email, hours=TEN_YEARS))

    def buy_by_card(self) -> Any:
        """The payment of a Starter Pack that is pending: the payer did not confirm it yet."""
        payment = purchases.buy(self.owner, method="stripe")["payment"]
        self.gateway.intents[payment["gateway_reference"]]["status"] = "requires_payment_method"
        return payment

    def confirm(self, intent: str) -> None:
        """The payer confirms a payment at the gateway, which takes the money."""
        self.gateway.intents[intent]["status"] = "succeeded"
        self.by_card.add(intent)

    def dispute(self, intent: str, cents: int) -> dict[str, Any]:
        return self.gateway.made(
            "disputes", "du", payment_intent=intent, amount=cents, status="needs_response", metadata={}
        )

    def event(self, kind: str, about: dict[str, Any]) -> Any:
        """An event of its own about an object as it is now."""
        self._events += 1
        return event(kind, f"evt_{self._events}", **about)

    def tell(self, kind: str, about: dict[str, Any]) -> bool:
        """Send an event about an object; whether it changed anything."""
        return bool(data(self.stripe.send(self.event(kind, about)))["applied"])

    def receive(self, approved: Any) -> None:
        """Note the money that came by a transfer."""
        self.by_transfer[approved["id"]] = Decimal(approved["received_amount"])

    def payment(self, payment_id: int) -> Any:
        return data(self.staff.get(f"{PAYMENTS}{payment_id}/"))

    def balance(self) -> tuple[int, int, int, int]:
        """Credits, held, frozen and debt of the customer."""
        found = data(self.owner.get(f"{CREDITS}balance/"))
        credits, held, frozen = found["credits"], found["credits_held"], found["credits_frozen"]
        assert found["credits_available"] == credits - held - frozen
        return credits, held, frozen, found["debt"]

    def months(self) -> dict[str, Any]:
        """The reports of the months since the story began."""
        now = datetime.now(UTC)
        months = [f"2031-{month:02}" for month in range(3, now.month + 1)]
        return {month: data(self.staff.get(f"{REPORT}?month={month}")) for month in months}

    def check(self) -> None:
        """Whatever happened, everything agrees."""
        self.verify()
        self._check_credits()
        self._check_money()

    def verify(self) -> None:
        """`flask ledger verify` and `flask audit verify` would list nothing."""
        with self.app.app_context(), transaction():
            found = [str(each) for audit in AUDITS for each in audit()]
            found += [str(each) for chain in CHAINS for each in chain.broken()]
            found += [str(each) for each in chains.changed_personal_data()]
        assert found == []

    def _check_credits(self) -> None:
        """Months lead from one to the next, and to the balance, which is the sum of the transactions.

        The customer's statements say the same of the only account there is.
        """
        (account,) = data(self.staff.get(DESK))["results"]
        closing = 0
        for month, report in self.months().items():
            self._check_statement(month, report)
            assert report["opening"] == closing
            closing = report["closing"]
            added, taken = (sum(report[name] for name in names) for names in (ADDED, TAKEN))
            assert report["opening"] + added - taken == closing
        posted = data(self.staff.get(f"{DESK}{account['id']}/transactions/{ALL}"))["results"]
        lots = data(self.staff.get(f"{DESK}{account['id']}/lots/{ALL}"))["results"]
        assert closing == account["credit_balance"]
        assert closing == sum(each["amount"] for each in posted)
        assert closing == sum(each["remaining"] for each in lots)

    def _check_statement(self, month: str, report: Any) -> None:
        if self.erased:
            return
        begins, ends = f"{month}-01T00:00:00Z", f"{month[:5]}{int(month[5:]) + 1:02}-01T00:00:00Z"
        found = data(self.owner.get(f"/v1/billing/statements/?from={begins}&to={ends}"))
        assert (found["opening"]["credits"], found["closing"]["credits"]) == (report["opening"], report["closing"])
        sums = {each["transaction_type"]: each["total"] for each in found["by_type"]}
        assert report["opening"] + sum(sums.values()) == report["closing"]
        named = {"deduction": "spent", "expiry": "expired", "chargeback": "charged_back", "debt_payment": "debt_paid"}
        assert {kind: -sums.get(kind, 0) for kind in named} == {kind: report[name] for kind, name in named.items()}

    def _check_money(self) -> None:
        """Invoices less credit notes are the money received less the money returned.

        Two invoices are exceptions: of an order that is not paid, and of a transfer of which staff accepted another
        amount than was due, which stays as it is. Pending refunds are not returned yet, and have no credit note.
        """
        invoices = data(self.staff.get(f"{INVOICES}{ALL}"))["results"]
        notes = data(self.staff.get(f"{NOTES}{ALL}"))["results"]
        billed = _sum(invoices) - _sum(each for each in notes if each["voided_at"] is None)
        unpaid = _sum(each for each in invoices if each["status"] == "pending")
        payments = data(self.staff.get(f"{PAYMENTS}{ALL}"))["results"]
        accepted = sum(
            (
                Decimal(each["amount"]) - Decimal(each["received_amount"])
                for each in payments
                if each["received_amount"]
            ),
            Decimal(0),
        )
        assert billed - unpaid - accepted == self._known_to_have_come(payments) - self._known_to_have_gone(payments)

    def _known_to_have_come(self, payments: list[Any]) -> Decimal:
        by_card = [
            Decimal(each["amount"])
            for each in payments
            if each["gateway_reference"] in self.by_card and each["invoice_id"] is not None
        ]
        return sum([*by_card, *self.by_transfer.values()], Decimal(0))

    def _known_to_have_gone(self, payments: list[Any]) -> Decimal:
        gone = Decimal(0)
        for each in payments:
            refunds = (refund["amount"] for refund in each["refunds"] if refund["status"] == "succeeded")
            gone += sum(map(Decimal, refunds), Decimal(each["amount_charged_back"]))
        return gone

    def check_everything_is_known(self) -> None:
        """Once every event has arrived: what is recorded is what the gateway has, and nothing else."""
        payments = data(self.staff.get(f"{PAYMENTS}{ALL}"))["results"]
        cents = sum(each["amount"] for each in self.gateway.refunds.values() if each["status"] == "succeeded")
        cents += sum(each["amount"] for each in self.gateway.disputes.values() if each["status"] == "lost")
        assert self._known_to_have_gone(payments) == Decimal(cents) / 100 + self.returned_by_transfer
        paid = {each["gateway_reference"] for each in payments if each["invoice_id"] and each["gateway_reference"]}
        assert paid - {""} == self.by_card


def _sum(documents: Any) -> Decimal:
    return sum((Decimal(each["total_amount"]) for each in documents), Decimal(0))


@pytest.fixture
def vendor(app_with: Callable[..., Flask], token: Callable[..., str]) -> Iterator[Vendor]:
    """The vendor, who charges tax in Ireland, before there is a customer."""
    with slow_gateway.running() as gateway:
        app = app_with(stripe_secret_key=KEY, stripe_webhook_secret="whsec_a_secret", stripe_api_base=gateway.url)
        made = Vendor(app, gateway, token)
        purchases.add_rate(made.staff, "IE", "0.23")
        yield made
