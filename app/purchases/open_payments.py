"""Payments whose outcome is not known yet."""

from typing import Any

from sqlalchemy import Row, bindparam, func, select

from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.purchases.models import OPEN, Payment, PaymentStatus

_IS_OPEN = Payment.status.in_(sorted(OPEN | {PaymentStatus.REFUNDING}))
_COUNT: AnyPrepared = Prepared(
    select(
        func.count().filter(_IS_OPEN).label("payments"),
        func.count().filter(Payment.status == PaymentStatus.DISPUTED).label("disputes"),
    ).where(Payment.account_id == bindparam("account_id"))
)


def count(account_id: int) -> dict[str, int]:
    """Count the `payments` and `disputes` of the account that are open."""
    counted: Row[Any] = db.session.execute(_COUNT, {"account_id": account_id}).one()
    return counted._asdict()
