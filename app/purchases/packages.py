"""Credit packages, and what they cost a customer."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.clock import utc_now
from app.customers import states
from app.customers.membership import Membership
from app.db.paging import Page
from app.errors import Conflict, Reason
from app.purchases import amounts, catalogue, tax
from app.purchases.amounts import Item, Line
from app.purchases.tax import Tax


class Quote(NamedTuple):
    """What a package costs a customer: its lines as invoiced, their sums, and the tax that they were made with."""

    lines: list[Line]
    net: Decimal
    tax: Decimal
    total: Decimal
    decided: Tax

    def as_order(self) -> dict[str, Any]:
        """The quote as columns of a payment."""
        return {
            "lines": json.dumps([line.as_json() for line in self.lines]),
            "net_amount": self.net,
            "tax_amount": self.tax,
            "amount": self.total,
            "tax_note": self.decided.note,
            "tax_country": self.decided.country,
            "tax_id": self.decided.tax_id,
        }


def search(membership: Membership, arguments: Mapping[str, Any]) -> Page:
    """One page of the packages for sale, cheapest first, with what each costs this customer now.

    Its tax and its total are None if they depend on the country of the customer, which is unknown.
    """
    buyer = tax.buyer(membership.account_id, utc_now().date())
    decided = buyer.tax
    may_purchase = states.may_buy(membership, buyer.status, members_may_buy=buyer.members_may_buy)

    def show(package: Row[Any]) -> dict[str, Any]:
        quote = None if decided is None else _quote(package, decided)
        sums = {"tax_amount": quote and quote.tax, "total_price": quote and quote.total}
        return {**package._asdict(), **sums, "may_purchase": may_purchase}

    return catalogue.search({**arguments, "is_active": True}).shown(show)


def quote(account_id: int, package: Row[Any], expected_total: Decimal | None, now: datetime) -> Quote:
    """What a package costs a customer now.

    Raises Conflict if that depends on their country, which is unknown, and if it is not the total they expect.
    """
    decided = tax.buyer(account_id, now.date()).tax
    if decided is None:
        raise tax.country_unknown()
    quoted = _quote(package, decided)
    if expected_total not in {None, quoted.total}:
        raise price_changed(expected_total, quoted.tax, quoted.net)
    return quoted


def price_changed(expected: Decimal | None, tax: Decimal, price: Decimal) -> Conflict:
    """The failure of a purchase at another total than expected."""
    return Conflict(
        f"The total is {price + tax:.2f}, not {expected:.2f}",
        reason=Reason.PRICE_CHANGED,
        details={
            "expected_total": f"{expected:.2f}",
            "price": f"{price:.2f}",
            "tax_amount": f"{tax:.2f}",
            "total_price": f"{price + tax:.2f}",
        },
    )


def _quote(package: Row[Any], decided: Tax) -> Quote:
    item = Item(f"{package.name}: {package.credits:,} credits", 1, package.price, decided.rate)
    lines = amounts.taxed([item])
    return Quote(lines, *amounts.totals_of(lines), decided)


def require_for_sale(package_id: int) -> Row[Any]:
    """The package. Raises NotFound, and Conflict if it is no longer for sale."""
    package = catalogue.get(package_id)
    if not package.is_active:
        raise Conflict(f"{package.name} is no longer for sale")
    return package
