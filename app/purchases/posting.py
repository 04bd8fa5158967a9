"""Locking a payment, and posting its credits and its entries of the audit trail."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.credits.ledger import claims, grants
from app.credits.ledger.grants import Terms
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import NotFound
from app.purchases import invoices, queries
from app.tenancy import Routed


def lock(payment_id: int) -> Row[Any]:
    """Lock the payment until the transaction ends, and set its account as the tenant. Raises NotFound."""
    account_id = tenancy.set_account_of(Routed.PAYMENT, payment_id)
    values = {"account_id": account_id, "payment_id": payment_id}
    payment = None if account_id is None else db.session.execute(queries.LOCK_PAYMENT, values).one_or_none()
    if payment is None:
        raise NotFound(f"Payment {payment_id} was not found")
    return payment


def lock_again(payment: Row[Any]) -> Row[Any]:
    """Lock a payment that was read before, and set its account as the tenant; the payment as it is now."""
    tenancy.set_account(payment.account_id)
    return db.session.execute(queries.LOCK_PAYMENT, key_of(payment)).one()


def key_of(payment: Row[Any]) -> dict[str, int]:
    """The parameters by which statements find a payment."""
    return {"account_id": payment.account_id, "payment_id": payment.id}


def add(payment: Row[Any]) -> int | None:
    """Add the credits of a locked payment to its account, as a lot of their own; its id."""
    expires_in = None if payment.expires_after_days is None else timedelta(days=payment.expires_after_days)
    terms = Terms(
        payment.account_id,
        payment.credits,
        TransactionType.PURCHASE,
        description(payment, "Purchase"),
        expires_in=expires_in,
        price_per_credit=Decimal(payment.net_amount) / payment.credits,
    )
    return grants.grant(terms).lot_id


def take(payment: Row[Any], credits: int, what: str) -> None:
    """Take free credits of a locked payment back. Raises PaymentRequired."""
    claims.take(payment.account_id, payment.lot_id, credits, description(payment, what))


def description(payment: Row[Any], what: str) -> str:
    """What transactions about a payment say."""
    return f"{what}, invoice {invoices.number_of(payment)}"


def record_change(payment: Row[Any], after: Mapping[str, Any]) -> None:
    """Append an entry for what changes of a locked payment."""
    known = payment._asdict()
    record(
        ObjectType.PAYMENT,
        payment.id,
        before={name: known[name] for name in after if name in known},
        after=after,
        account_id=payment.account_id,
    )
