"""Reading and writing invoices, credit notes and the numbers of both."""

from typing import Any

from sqlalchemy import BindParameter, and_, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.customers.models import CustomerAccount
from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases.invoice_models import CreditNote, Invoice, NumberSeries
from app.purchases.models import Payment
from app.purchases.return_models import Refund, RefundStatus

_NOW: BindParameter[Any] = bindparam("now")
_OF_PAYMENT = and_(Payment.account_id == bindparam("account_id"), Payment.id == bindparam("payment_id"))
_IS_INVOICE = and_(Invoice.account_id == bindparam("account_id"), Invoice.id == bindparam("invoice_id"))

# The row is held until the document is committed: the next number is given when this one is certain.
NEXT_NUMBER = Prepared(
    insert(NumberSeries)
    .values(**values_of(NumberSeries.prefix, NumberSeries.year), last=1, last_at=_NOW)
    .on_conflict_do_update(
        index_elements=[NumberSeries.prefix, NumberSeries.year],
        set_={"last": NumberSeries.last + 1, "last_at": func.greatest(NumberSeries.last_at, _NOW)},
    )
    .returning(NumberSeries.last, NumberSeries.last_at)
)

_INVOICE = (
    *columns_of(Invoice, but={"account_id", "updated_at"}),
    Invoice.created_at.label("issued_at"),
)
INVOICES = ListQuery(
    rows=select(*_INVOICE),
    key=Invoice.id,
    filters={
        "account_id": Invoice.account_id == bindparam("account_id"),
        "status": Invoice.status == bindparam("status"),
        "start_date": Invoice.created_at >= bindparam("start_date"),
        "end_date": Invoice.created_at <= bindparam("end_date"),
    },
    sorts={"created_at": Invoice.created_at},
    default_sort="created_at",
)
INVOICE: AnyPrepared = Prepared(select(*_INVOICE).where(_IS_INVOICE))
LOCK_INVOICE: AnyPrepared = Prepared(select(*columns_of(Invoice)).where(_IS_INVOICE).with_for_update(key_share=True))
NUMBER_OF_PAYMENT = Prepared(
    select(Invoice.invoice_number)
    .join(Payment, and_(Payment.account_id == Invoice.account_id, Payment.invoice_id == Invoice.id))
    .where(_OF_PAYMENT)
)
# What is invoiced of an order, and the customer as they are now.
ORDER: AnyPrepared = Prepared(
    select(
        Payment.account_id,
        Payment.lines,
        Payment.net_amount,
        Payment.tax_amount,
        Payment.amount.label("total_amount"),
        Payment.currency,
        Payment.payment_method,
        Payment.tax_note,
        Payment.tax_country,
        Payment.tax_id,
        CustomerAccount.name.label("account_name"),
        CustomerAccount.billing_email,
        CustomerAccount.billing_address_line1,
        CustomerAccount.billing_address_line2,
        CustomerAccount.billing_city,
        CustomerAccount.billing_state,
        CustomerAccount.billing_postal_code,
        CustomerAccount.billing_country,
    )
    .join(CustomerAccount, CustomerAccount.id == Payment.account_id)
    .where(_OF_PAYMENT)
)
CREATE_INVOICE = Prepared(
    insert(Invoice)
    .values(
        **values_of(*columns_of(Invoice, but={"id", "amount_credited", "updated_at"})),
        updated_at=bindparam("created_at", type_=Invoice.created_at.type),
    )
    .returning(Invoice.id)
)
SET_INVOICE = Prepared(
    update(Payment).where(_OF_PAYMENT).values(invoice_id=bindparam("invoice_id"), updated_at=Payment.updated_at)
)
MARK_INVOICE = Prepared(
    update(Invoice)
    .where(_IS_INVOICE)
    .values(**values_of(Invoice.status, Invoice.paid_at, Invoice.amount_credited), updated_at=_NOW)
)

_IS_CREDIT_NOTE = and_(CreditNote.account_id == bindparam("account_id"), CreditNote.id == bindparam("credit_note_id"))
_CREDIT_NOTE = columns_of(CreditNote, but={"account_id"})
CREDIT_NOTES = ListQuery(
    rows=select(*_CREDIT_NOTE),
    key=CreditNote.id,
    filters={
        "account_id": CreditNote.account_id == bindparam("account_id"),
        "invoice_number": CreditNote.invoice_number == func.upper(bindparam("invoice_number")),
        "start_date": CreditNote.created_at >= bindparam("start_date"),
        "end_date": CreditNote.created_at <= bindparam("end_date"),
    },
    sorts={"created_at": CreditNote.created_at},
    default_sort="created_at",
)
CREDIT_NOTE: AnyPrepared = Prepared(select(*_CREDIT_NOTE).where(_IS_CREDIT_NOTE))
# Those that count.
NOTES_OF_INVOICE: AnyPrepared = Prepared(
    select(CreditNote.id, CreditNote.credit_note_number, CreditNote.total_amount, CreditNote.lines)
    .where(
        CreditNote.account_id == bindparam("account_id"),
        CreditNote.invoice_id == bindparam("invoice_id"),
        CreditNote.voided_at.is_(None),
    )
    .order_by(CreditNote.id)
)
CREATE_CREDIT_NOTE = Prepared(
    insert(CreditNote).values(**values_of(*columns_of(CreditNote, but={"id", "voided_at"}))).returning(CreditNote.id)
)
VOID_CREDIT_NOTE = Prepared(update(CreditNote).where(_IS_CREDIT_NOTE).values(voided_at=_NOW))
# Why the last refund of an amount was made.
REASON_OF_REFUND = Prepared(
    select(Refund.reason)
    .where(
        Refund.account_id == bindparam("account_id"),
        Refund.payment_id == bindparam("payment_id"),
        Refund.amount == bindparam("amount"),
        Refund.status == RefundStatus.SUCCEEDED,
    )
    .order_by(Refund.updated_at.desc(), Refund.id.desc())
    .limit(1)
)
