"""How long invoices keep the buyer of an account that was erased, and what payments say about people."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, select, update

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.customers.models import CustomerAccount
from app.db.base import db
from app.db.columns import columns_of
from app.db.fast.prepared import Prepared
from app.db.transaction import transaction
from app.purchases.models import Invoice, Payment

_FORGET_PAYERS = Prepared(
    update(Payment)
    .where(Payment.account_id == bindparam("account_id"))
    .values(
        requested_by="",
        settled_by=case((Payment.settled_by == Payment.requested_by, ""), else_=Payment.settled_by),
        updated_at=Payment.updated_at,
    )
)
_NAMES = [each.key for each in columns_of(Invoice)]
_BUYER = [name for name in _NAMES if name.startswith("billing_") or name in {"account_name", "tax_id"}]
_FORGET_BUYERS = Prepared(
    update(Invoice)
    .where(
        Invoice.created_at < bindparam("before"),
        Invoice.account_name != "",
        Invoice.account_id.in_(select(CustomerAccount.id).where(CustomerAccount.erased_at.is_not(None))),
    )
    .values(**dict.fromkeys(_BUYER, ""), updated_at=bindparam("now"))
    .returning(Invoice.id)
)


def forget_payers(account_id: int) -> None:
    """Empty who made the payments of an account. Its invoices keep the buyer: see `forget_buyers`."""
    db.session.execute(_FORGET_PAYERS, {"account_id": account_id})


def forget_buyers(years: int) -> int:
    """Empty the buyer of invoices that are older than so many years, of accounts that were erased; how many."""
    with transaction():
        tenancy.set_every_account()
        now = utc_now()
        values = {"now": now, "before": _years_before(now, years)}
        forgotten = len(db.session.execute(_FORGET_BUYERS, values).all())
        if forgotten:
            record(ObjectType.RUN, "maintenance run", after={"buyers_forgotten": forgotten})
        return forgotten


def _years_before(moment: datetime, years: int) -> datetime:
    # The day after, for the 29th of February: kept for a day longer rather than less.
    day = moment + timedelta(days=1) if (moment.month, moment.day) == (2, 29) else moment
    return day.replace(year=day.year - years)
