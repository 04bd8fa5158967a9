"""The protocol of payment gateways.

Gateways are called outside of transactions only. Every call is idempotent per payment or refund: it may be repeated by
a caller who retries, or by `flask payments reconcile`.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, Protocol

from app.purchases.models import PaymentStatus
from app.purchases.return_models import DisputeStatus, RefundStatus


class Order(NamedTuple):
    """A payment, as described to a gateway."""

    payment_id: int
    # Identifies the payment at the gateway.
    key: str
    amount: Decimal
    currency: str
    created_at: datetime
    reference: str | None


class RefundOrder(NamedTuple):
    """A refund, as described to a gateway: its key, and the gateway's reference once it is known."""

    key: str
    amount: Decimal
    reference: str | None


class Opened(NamedTuple):
    """The gateway's reference of a payment, and the secret with which the payer's browser confirms it."""

    reference: str | None
    client_secret: str | None


class Standing(NamedTuple):
    """The standing of a payment at the gateway: pending, succeeded, failed (may still succeed) or cancelled."""

    status: PaymentStatus
    amount: Decimal
    currency: str
    failure: str | None


class RefundStanding(NamedTuple):
    """The standing of a refund at the gateway. `reference` is None if the money had already been returned.

    `amount` is the money that the gateway returned by it; None for what was asked for.
    """

    reference: str | None
    status: RefundStatus
    failure: str
    amount: Decimal | None = None


class RefundReport(NamedTuple):
    """The standing of a refund, and the refund key in its metadata."""

    standing: RefundStanding
    amount: Decimal
    key: str | None


class DisputeReport(NamedTuple):
    """The status and the amount of a dispute."""

    reference: str
    status: DisputeStatus
    amount: Decimal


class Returns(NamedTuple):
    """All refunds and disputes of a payment at the gateway; None for disputes that it refuses to list."""

    refunds: Sequence[RefundReport] = ()
    disputes: Sequence[DisputeReport] | None = ()


class RefusedError(Exception):
    """The gateway refuses permanently; the message says why."""


class Gateway(Protocol):
    """A payment gateway. Every call raises Unavailable if the gateway cannot be reached."""

    # Whether payments and refunds are made at the gateway, which then has their status.
    is_remote: bool

    def open(self, order: Order) -> Opened:
        """Create the payment, or return the one that a previous call created."""

    def find(self, order: Order) -> str | None:
        """The gateway's reference of a payment whose reference was not stored, or None."""

    def standing(self, order: Order) -> Standing:
        """The standing of the payment. The order must have a reference."""

    def cancel(self, order: Order) -> Standing:
        """Cancel the payment unless it is too late, so that it cannot succeed; its standing then."""

    def returns(self, order: Order) -> Returns:
        """What went back of the payment. The order must have a reference."""

    def refund(self, order: Order, refund: RefundOrder) -> RefundStanding:
        """Refund the payment unless that was done before, and return the standing. Raises RefusedError."""
