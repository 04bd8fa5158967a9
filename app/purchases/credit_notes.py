"""Credit notes: corrections of invoices, for orders that were cancelled and for money that was returned.

Every function that writes runs in the caller's transaction, which holds the lock of the payment.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.errors import NotFound
from app.money import ZERO
from app.purchases import amounts, invoices, numbering, seller
from app.purchases import invoice_queries as queries
from app.purchases.amounts import Line
from app.purchases.invoice_models import DOCUMENT, InvoiceStatus, Series

CANCELLED = "The order was cancelled"
# What the entry of a new credit note says.
_AUDITED = ("credit_note_number", "invoice_number", "net_amount", "tax_amount", "total_amount", "reason")


def search(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the credit notes of an account."""
    return queries.CREDIT_NOTES.page(arguments, account_id=account_id)


def get(account_id: int, credit_note_id: int) -> Row[Any]:
    """A credit note of the account. Raises NotFound."""
    values = {"account_id": account_id, "credit_note_id": credit_note_id}
    note = db.session.execute(queries.CREDIT_NOTE, values).one_or_none()
    if note is None:
        raise NotFound(f"Credit note {credit_note_id} was not found")
    return note


def cancel(payment: Row[Any]) -> None:
    """Credit the whole invoice of a payment that was cancelled, which makes it void. Without an invoice do nothing."""
    if payment.invoice_id is None:
        return
    invoice = invoices.lock(payment)
    if invoice.status == InvoiceStatus.PENDING:
        _issue(invoice, [], invoice.total_amount, CANCELLED)
        invoices.mark(invoice, paid_at=None, amount_credited=invoice.total_amount)


def follow(payment: Row[Any], returned: Decimal, what: str, *, waived: Decimal = ZERO) -> None:
    """Bring what is credited of a paid invoice to the amount `returned` to the payer, gross, and what was `waived`.

    For more money than is credited, one credit note is issued, with the reason of the refund of that amount, else with
    `what` as its reason. For less, because a refund failed after it had succeeded, its credit note becomes void.
    """
    invoice = invoices.lock(payment)
    notes = list(db.session.execute(queries.NOTES_OF_INVOICE, invoices.key_of(invoice)))
    credited = returned + waived
    for note in _excess(notes, _sum(notes) - credited):
        _void(invoice, note)
        notes.remove(note)
    due = credited - _sum(notes)
    if due > 0:
        _issue(invoice, notes, due, _reason(payment, due - waived) or what)
    if credited != invoice.amount_credited:
        invoices.mark(invoice, paid_at=invoice.paid_at, amount_credited=credited)


def _excess(notes: list[Row[Any]], excess: Decimal) -> list[Row[Any]]:
    """The credit notes to void for an excess: the last one of that amount, else the last ones that make up for it."""
    if excess <= 0:
        return []
    exact = next((note for note in reversed(notes) if note.total_amount == excess), None)
    if exact is not None:
        return [exact]
    found: list[Row[Any]] = []
    for note in reversed(notes):
        if _sum(found) < excess:
            found.append(note)
    return found


def _issue(invoice: Row[Any], earlier: list[Row[Any]], amount: Decimal, reason: str) -> None:
    lines = _lines(invoice)
    credited = lines if amount == invoice.total_amount else amounts.credited(lines, map(_lines, earlier), amount)
    totals = amounts.totals_of(credited)
    number, now = numbering.take(Series.CREDIT_NOTE)
    values = {
        **{name: value for name, value in invoice._asdict().items() if name in DOCUMENT},
        **seller.present(),
        "account_id": invoice.account_id,
        "invoice_id": invoice.id,
        "invoice_number": invoice.invoice_number,
        "invoice_issued_at": invoice.created_at,
        "credit_note_number": number,
        "lines": json.dumps([line.as_json() for line in credited]),
        "net_amount": totals.net,
        "tax_amount": totals.tax,
        "total_amount": totals.total,
        "reason": reason[:500],
        "created_at": now,
    }
    note_id: int = db.session.execute(queries.CREATE_CREDIT_NOTE, values).scalar_one()
    after = {name: values[name] for name in _AUDITED}
    record(ObjectType.CREDIT_NOTE, note_id, after=after, account_id=invoice.account_id)


def _void(invoice: Row[Any], note: Row[Any]) -> None:
    now = utc_now()
    values = {"account_id": invoice.account_id, "credit_note_id": note.id, "now": now}
    db.session.execute(queries.VOID_CREDIT_NOTE, values)
    record(
        ObjectType.CREDIT_NOTE,
        note.id,
        before={"voided_at": None},
        after={"voided_at": now},
        account_id=invoice.account_id,
    )


def _lines(document: Row[Any]) -> list[Line]:
    return [Line.of_json(line) for line in document.lines]


def _sum(notes: list[Row[Any]]) -> Decimal:
    return sum((note.total_amount for note in notes), ZERO)


def _reason(payment: Row[Any], amount: Decimal) -> str:
    values = {"account_id": payment.account_id, "payment_id": payment.id, "amount": amount}
    return db.session.execute(queries.REASON_OF_REFUND, values).scalar_one_or_none() or ""
