"""Reading and writing tax rates."""

from datetime import date

from sqlalchemy import BigInteger, BindParameter, ColumnElement, Date, bindparam, cast, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

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
RATES_IN_FORCE = Prepared(select(TaxRate.country, TaxRate.rate).where(_on("day")))
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
