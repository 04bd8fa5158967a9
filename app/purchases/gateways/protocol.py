"""What every gateway can do.

A gateway is called outside of transactions only. Each of its calls may be made again for the same payment or refund, by
a caller who tries again or by `flask payments reconcile`, and then has no second effect.
"""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from app.purchases.models import PaymentStatus, RefundStatus


class Order(NamedTuple):
    """What a gateway is told of a payment."""

    payment_id: int
    # What the gateway knows it by.
    key: str
    amount: Decimal
    currency: str
    created_at: datetime
    reference: str | None


class RefundOrder(NamedTuple):
    """What a gateway is told of a refund: the key it is known by, and what the gateway calls it once that is known."""

    key: str
    amount: Decimal
    reference: str | None


class Opened(NamedTuple):
    """What the gateway calls the payment, and what the payer's browser needs to go on."""

    reference: str | None
    client_secret: str | None


class Standing(NamedTuple):
    """What the gateway says of a payment: pending, succeeded, failed (it may still succeed) or cancelled."""

    status: PaymentStatus
    amount: Decimal
    currency: str
    failure: str | None


class RefundStanding(NamedTuple):
    """What the gateway says of a refund. `reference` is None where others had returned the money already."""

    reference: str | None
    status: RefundStatus
    failure: str


class RefusedError(Exception):
    """The gateway will not do this, however often it is asked; the text says why."""


class Gateway(Protocol):
    """A way to be paid. Every call raises Unavailable when the gateway cannot be asked now."""

    # Whether money moves at the gateway, so that a payment has a standing there and a refund is made there.
    is_remote: bool

    def open(self, order: Order) -> Opened:
        """Begin the payment, or find the one begun before."""

    def find(self, order: Order) -> str | None:
        """What the gateway calls a payment whose reference was never kept."""

    def standing(self, order: Order) -> Standing:
        """What became of the payment. The order must have its reference."""

    def refund(self, order: Order, refund: RefundOrder) -> RefundStanding:
        """Give money back unless that was done before; what became of it. Raises RefusedError."""
