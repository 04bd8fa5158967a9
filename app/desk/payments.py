"""Payments and invoices of all accounts. The desk is the tenant."""

from collections.abc import Mapping
from typing import Any

from app.db.base import db
from app.db.fast.prepared import AnyPrepared
from app.db.paging import Page
from app.desk import listed
from app.errors import NotFound
from app.purchases import credit_notes, invoices, payments


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the payments of all accounts, newest first."""
    return listed.EVERY_PAYMENT.page(arguments)


def get(payment_id: int) -> dict[str, Any]:
    """A payment of whichever account. Raises NotFound."""
    place = _place(listed.PAYMENT, {"payment_id": payment_id}, f"Payment {payment_id}")
    return {**payments.get(place["account_id"], payment_id)._asdict(), **place}


def search_invoices(arguments: Mapping[str, Any]) -> Page:
    """One page of the invoices of all accounts, newest first."""
    return listed.EVERY_INVOICE.page(arguments)


def get_invoice(invoice_id: int) -> dict[str, Any]:
    """An invoice of whichever account. Raises NotFound."""
    place = _place(listed.INVOICE, {"invoice_id": invoice_id}, f"Invoice {invoice_id}")
    return {**invoices.get(place["account_id"], invoice_id)._asdict(), **place}


def search_credit_notes(arguments: Mapping[str, Any]) -> Page:
    """One page of the credit notes of all accounts, newest first."""
    return listed.EVERY_CREDIT_NOTE.page(arguments)


def get_credit_note(credit_note_id: int) -> dict[str, Any]:
    """A credit note of whichever account. Raises NotFound."""
    place = _place(listed.CREDIT_NOTE, {"credit_note_id": credit_note_id}, f"Credit note {credit_note_id}")
    return {**credit_notes.get(place["account_id"], credit_note_id)._asdict(), **place}


def _place(statement: AnyPrepared, values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Whose something is."""
    found = db.session.execute(statement, values).one_or_none()
    if found is None:
        raise NotFound(f"{name} was not found")
    return found._asdict()
