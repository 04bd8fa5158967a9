"""How long documents keep the buyer of an account that was erased, and what payments say about people."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, case, select, update

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.customers.models import CustomerAccount
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.transaction import transaction
from app.purchases.invoice_models import DOCUMENT, CreditNote, Invoice
from app.purchases.models import Payment

_FORGET_PAYERS = Prepared(
    update(Payment)
    .where(Payment.account_id == bindparam("account_id"))
    .values(
        requested_by="",
        tax_id="",
        settled_by=case((Payment.settled_by == Payment.requested_by, ""), else_=Payment.settled_by),
        updated_at=Payment.updated_at,
    )
)
_BUYER = [name for name in DOCUMENT if name.startswith("billing_") or name in {"account_name", "tax_id"}]


def _forget_buyers(document: type[Invoice] | type[CreditNote], **more: Any) -> AnyPrepared:
    return Prepared(
        update(document)
        .where(
            document.created_at < bindparam("before"),
            document.account_name != "",
            document.account_id.in_(select(CustomerAccount.id).where(CustomerAccount.erased_at.is_not(None))),
        )
        .values({**dict.fromkeys(_BUYER, ""), **more})
        .returning(document.id)
    )


_FORGET_BUYERS = (_forget_buyers(Invoice, updated_at=Invoice.updated_at), _forget_buyers(CreditNote))


def forget_payers(account_id: int) -> None:
    """Empty who made the payments of an account, and their tax ids. Documents keep the buyer: see `forget_buyers`."""
    db.session.execute(_FORGET_PAYERS, {"account_id": account_id})


def forget_buyers(years: int) -> int:
    """Empty the buyer of documents that are older than so many years, of accounts that were erased; how many."""
    with transaction():
        tenancy.set_every_account()
        values = {"before": _years_before(utc_now(), years)}
        forgotten = sum(len(db.session.execute(each, values).all()) for each in _FORGET_BUYERS)
        if forgotten:
            record(ObjectType.RUN, "maintenance run", after={"buyers_forgotten": forgotten})
        return forgotten


def _years_before(moment: datetime, years: int) -> datetime:
    # The day after, for the 29th of February: kept for a day longer rather than less.
    day = moment + timedelta(days=1) if (moment.month, moment.day) == (2, 29) else moment
    return day.replace(year=day.year - years)
