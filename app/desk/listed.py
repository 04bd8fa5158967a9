"""The lists of customers with who made each row, and those of all accounts with whose each is."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Label, Text, bindparam, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.audit.models import AuditEntry, ObjectType, PersonalData
from app.credits import hold_queries, lot_queries
from app.credits import queries as credit_queries
from app.credits.hold_models import CreditHold
from app.credits.lot_models import CreditLot
from app.credits.models import CreditTransaction
from app.customers import queries as customer_queries
from app.customers.models import AccountMember, CustomerAccount
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases import invoice_queries
from app.purchases import queries as purchase_queries
from app.purchases.invoice_models import CreditNote, Invoice
from app.purchases.models import Payment


def _named(text: ColumnElement[Any]) -> Label[str]:
    return func.coalesce(text, "").label("created_by")


def _caller(column: InstrumentedAttribute[bytes]) -> Label[str]:
    return _named(select(PersonalData.value).where(PersonalData.ref == column).scalar_subquery())


def _name_of(account_id: InstrumentedAttribute[int]) -> Label[str]:
    name = select(CustomerAccount.name).where(CustomerAccount.id == account_id).scalar_subquery()
    return name.label("account_name")


def _with(query: ListQuery, *columns: ColumnElement[Any] | InstrumentedAttribute[Any]) -> ListQuery:
    return replace(query, rows=query.rows.add_columns(*columns))


# Its first entry says who made a hold.
_MADE_HOLD = (
    select(PersonalData.value)
    .join(AuditEntry, AuditEntry.actor == PersonalData.ref)
    .where(AuditEntry.object_type == ObjectType.CREDIT_HOLD, AuditEntry.object_id == cast(CreditHold.id, Text))
    .order_by(AuditEntry.at, AuditEntry.position)
    .limit(1)
    .scalar_subquery()
)


def _buyer(invoice_id: InstrumentedAttribute[int]) -> Label[str]:
    orders = select(Payment.requested_by).where(Payment.invoice_id == invoice_id).order_by(Payment.id)
    return _named(orders.limit(1).scalar_subquery())


TRANSACTIONS = _with(credit_queries.TRANSACTIONS, _caller(CreditTransaction.actor))
USAGE = _with(credit_queries.USAGE, _caller(CreditTransaction.actor))
LOTS = _with(lot_queries.LOTS, _caller(CreditLot.actor))
HOLDS = _with(hold_queries.HOLDS, _named(_MADE_HOLD))
MEMBERS = _with(
    customer_queries.MEMBERS, _named(func.coalesce(func.nullif(AccountMember.invited_by, ""), AccountMember.user_id))
)
INVOICES = _with(invoice_queries.INVOICES, _buyer(Invoice.id))
PAYMENTS = _with(purchase_queries.PAYMENTS, Payment.requested_by.label("created_by"))

_NUMBER = select(Invoice.invoice_number).where(Invoice.id == Payment.invoice_id).scalar_subquery()
_HAS_NUMBER = Payment.invoice_id.in_(
    select(Invoice.id).where(Invoice.invoice_number == func.upper(cast(bindparam("invoice_number"), Text)))
)
EVERY_PAYMENT = replace(
    _with(PAYMENTS, _name_of(Payment.account_id), func.coalesce(_NUMBER, "").label("invoice_number")),
    filters={
        **PAYMENTS.filters,
        "invoice_number": _HAS_NUMBER,
        "start_date": Payment.created_at >= bindparam("start_date"),
        "end_date": Payment.created_at <= bindparam("end_date"),
    },
)
EVERY_INVOICE = replace(
    # Its name is that of the time of issue.
    _with(INVOICES, Invoice.account_id),
    filters={**INVOICES.filters, "invoice_number": Invoice.invoice_number == func.upper(bindparam("invoice_number"))},
)
# Whose a payment or an invoice is, and what staff see of it besides.
PAYMENT: AnyPrepared = Prepared(
    select(
        Payment.account_id,
        _name_of(Payment.account_id),
        Payment.requested_by.label("created_by"),
        func.coalesce(_NUMBER, "").label("invoice_number"),
    ).where(Payment.id == bindparam("payment_id"))
)
INVOICE: AnyPrepared = Prepared(
    select(Invoice.account_id, _buyer(Invoice.id)).where(Invoice.id == bindparam("invoice_id"))
)
EVERY_CREDIT_NOTE = _with(invoice_queries.CREDIT_NOTES, CreditNote.account_id, _buyer(CreditNote.invoice_id))
CREDIT_NOTE: AnyPrepared = Prepared(
    select(CreditNote.account_id, _buyer(CreditNote.invoice_id)).where(CreditNote.id == bindparam("credit_note_id"))
)
