"""Locking a payment, and posting its credits."""

from typing import Any

from sqlalchemy import Row

from app import tenancy
from app.credits.ledger import batch
from app.credits.ledger.batch import Entry, Transaction
from app.credits.models import TransactionType
from app.db.base import db
from app.errors import NotFound
from app.purchases import invoices, queries


def lock(payment_id: int) -> Row[Any]:
    """Lock the payment until the transaction ends, and set its account as the tenant. Raises NotFound."""
    tenancy.set_every_account()
    payment = db.session.execute(queries.LOCK_PAYMENT, {"payment_id": payment_id}).one_or_none()
    if payment is None:
        raise NotFound(f"Payment {payment_id} was not found")
    tenancy.set_account(payment.account_id)
    return payment


def post(payment: Row[Any], amount: int, kind: TransactionType, what: str) -> Transaction:
    """Post credits of a locked payment to its account; a negative `amount` takes them back."""
    invoice = invoices.get(payment.account_id, payment.invoice_id)
    description = f"{what}, invoice {invoice.invoice_number}"
    entry = Entry(payment.account_id, amount, kind, description, purchase=payment.purchase_position)
    return batch.post_one(entry)
