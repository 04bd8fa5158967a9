"""Invoices: numbered per year without gaps, with seller, customer and amounts as they were at the time of issue.

A bank transfer is invoiced when it is ordered, a card payment when it is paid. Every function that writes runs in the
caller's transaction, which holds the lock of the payment.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.customers import countries
from app.db.base import db
from app.db.paging import ListQuery, Page
from app.errors import NotFound
from app.money import ZERO
from app.purchases import invoice_queries as queries
from app.purchases import numbering, seller
from app.purchases.invoice_models import InvoiceStatus, Series
from app.purchases.models import PaymentMethod

# What the entry of a new invoice says.
_AUDITED = ("invoice_number", "status", "net_amount", "tax_amount", "total_amount", "currency")


def search(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the invoices of an account; `listed` is a query of the same rows with more columns."""
    return (listed or queries.INVOICES).page(arguments, account_id=account_id)


def get(account_id: int, invoice_id: int) -> Row[Any]:
    """An invoice of the account. Raises NotFound."""
    values = {"account_id": account_id, "invoice_id": invoice_id}
    invoice = db.session.execute(queries.INVOICE, values).one_or_none()
    if invoice is None:
        raise NotFound(f"Invoice {invoice_id} was not found")
    return invoice


def number_of(payment: Row[Any]) -> str:
    """The number of the present invoice of a payment."""
    values = {"account_id": payment.account_id, "payment_id": payment.id}
    return db.session.execute(queries.NUMBER_OF_PAYMENT, values).scalar_one()


def lock(payment: Row[Any]) -> Row[Any]:
    """Lock the invoice of a payment until the transaction ends."""
    values = {"account_id": payment.account_id, "invoice_id": payment.invoice_id}
    return db.session.execute(queries.LOCK_INVOICE, values).one()


def key_of(invoice: Row[Any]) -> dict[str, int]:
    """The parameters by which statements find an invoice."""
    return {"account_id": invoice.account_id, "invoice_id": invoice.id}


def issue(account_id: int, payment_id: int, *, paid: bool = False) -> int:
    """Issue the invoice of a payment, with the next number of this year (UTC), and return its id."""
    payment = {"account_id": account_id, "payment_id": payment_id}
    order = db.session.execute(queries.ORDER, payment).one()._asdict()
    by_transfer = order["payment_method"] == PaymentMethod.MANUAL
    number, now = numbering.take(Series.INVOICE)
    due = seller.due_date(now.date()) if by_transfer and not paid else now.date()
    values = {
        **order,
        **_country(order),
        **seller.present(),
        "lines": json.dumps(order["lines"]),
        "description": order["lines"][0]["description"],
        "notes": order["tax_note"],
        "invoice_number": number,
        "status": InvoiceStatus.PAID if paid else InvoiceStatus.PENDING,
        "payment_reference": number if by_transfer else "",
        "due_date": due,
        "paid_at": now if paid else None,
        "created_at": now,
    }
    invoice_id: int = db.session.execute(queries.CREATE_INVOICE, values).scalar_one()
    db.session.execute(queries.SET_INVOICE, {**payment, "invoice_id": invoice_id})
    after = {name: values[name] for name in _AUDITED}
    record(ObjectType.INVOICE, invoice_id, after=after, account_id=account_id)
    return invoice_id


def settle(payment: Row[Any]) -> None:
    """Mark the invoice of a payment that succeeds as paid.

    A payment without an invoice, or whose invoice is void because the order was cancelled, is invoiced now.
    """
    invoice = None if payment.invoice_id is None else lock(payment)
    if invoice is None or invoice.status == InvoiceStatus.VOID:
        issue(payment.account_id, payment.id, paid=True)
    else:
        mark(invoice, paid_at=utc_now(), amount_credited=invoice.amount_credited)


def mark(invoice: Row[Any], *, paid_at: datetime | None, amount_credited: Any) -> None:
    """Set when a locked invoice was paid and how much of it is credited, and the status that follows from both."""
    after = {"paid_at": paid_at, "amount_credited": amount_credited}
    status = _status(invoice, **after)
    values = {**after, **key_of(invoice), "status": status, "now": utc_now()}
    db.session.execute(queries.MARK_INVOICE, values)
    after["status"] = status
    before = {name: getattr(invoice, name) for name in after}
    record(ObjectType.INVOICE, invoice.id, before=before, after=after, account_id=invoice.account_id)


def _status(invoice: Row[Any], paid_at: datetime | None, amount_credited: Any) -> InvoiceStatus:
    if amount_credited == invoice.total_amount:
        return InvoiceStatus.VOID if paid_at is None else InvoiceStatus.REFUNDED
    if amount_credited > ZERO:
        return InvoiceStatus.PARTIALLY_REFUNDED
    return InvoiceStatus.PENDING if paid_at is None else InvoiceStatus.PAID


def _country(order: Mapping[str, Any]) -> dict[str, str]:
    """The country of the customer: the one that decided on the tax, should they have moved since they ordered."""
    code = countries.code_of(order["billing_country"])
    if order["tax_country"] in {"", code}:
        return {"billing_country": order["billing_country"], "billing_country_code": code}
    return {"billing_country": countries.name_of(order["tax_country"]), "billing_country_code": order["tax_country"]}
