"""Reading and writing tax rates."""

from datetime import date

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Date, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.customers.models import CustomerAccount
from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases.invoice_models import TaxRate

_RATE = columns_of(TaxRate, but={"created_at", "updated_at"})
_TERMS = (TaxRate.country, TaxRate.rate, TaxRate.valid_from, TaxRate.valid_to)
_IS_RATE = TaxRate.id == bindparam("rate_id")


def _on(name: str) -> ColumnElement[bool]:
    """The condition that a rate is in force on the day `name`."""
    day: BindParameter[date] = bindparam(name)
    return (TaxRate.valid_from <= day) & or_(TaxRate.valid_to.is_(None), TaxRate.valid_to >= day)


RATES = ListQuery(
    rows=select(*_RATE),
    key=TaxRate.id,
    filters={"country": TaxRate.country == bindparam("country"), "valid_on": _on("valid_on")},
    sorts={"created_at": TaxRate.id},
    default_sort="created_at",
)
RATE: AnyPrepared = Prepared(select(*_RATE).where(_IS_RATE))
# What the tax on a sale to a customer, and whether they may buy, depends on: in one statement, as every offer reads it.
_IN_FORCE = select(TaxRate.country, TaxRate.rate).where(_on("day")).cte("in_force")
BUYER: AnyPrepared = Prepared(
    select(
        CustomerAccount.billing_country,
        CustomerAccount.tax_id,
        CustomerAccount.status,
        CustomerAccount.members_may_buy,
        select(func.array_agg(_IN_FORCE.c.country)).scalar_subquery().label("countries"),
        select(func.array_agg(_IN_FORCE.c.rate)).scalar_subquery().label("rates"),
    ).where(CustomerAccount.id == bindparam("account_id"))
)
# One change at a time: whether it overlaps another is looked at before it is made.
ONE_CHANGE_AT_A_TIME = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended("tax rates", 0))))
_first, _last = cast(bindparam("valid_from"), Date), cast(bindparam("valid_to"), Date)
OVERLAPPING: AnyPrepared = Prepared(
    select(*_RATE)
    .where(
        TaxRate.country == bindparam("country"),
        TaxRate.id.is_distinct_from(cast(bindparam("rate_id"), BigInteger)),
        or_(_last.is_(None), TaxRate.valid_from <= _last),
        or_(TaxRate.valid_to.is_(None), TaxRate.valid_to >= _first),
    )
    .order_by(TaxRate.valid_from)
    .limit(1)
)
CREATE_RATE: AnyPrepared = Prepared(
    insert(TaxRate)
    .values(**values_of(*_TERMS), created_at=bindparam("now"), updated_at=bindparam("now"))
    .returning(*_RATE)
)
UPDATE_RATE: AnyPrepared = Prepared(
    update(TaxRate)
    .where(_IS_RATE)
    .values(**values_of(*_TERMS), updated_at=bindparam("now"), version=TaxRate.version + 1)
    .returning(*_RATE)
)
