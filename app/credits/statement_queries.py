"""Reading the transactions of an account by time."""

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, func, select

from app.credits.models import CreditBalance, CreditTransaction
from app.customers.models import CustomerAccount
from app.db.fast.prepared import AnyPrepared, Prepared

_OWN = CreditTransaction.account_id == bindparam("account_id")


def _last(before: ColumnElement[bool]) -> ScalarSelect[int]:
    """The balance after the last transaction that `before` admits: one probe of the index on account and time."""
    return (
        select(CreditTransaction.balance_after)
        .where(_OWN, before)
        .order_by(CreditTransaction.created_at.desc(), CreditTransaction.position.desc())
        .limit(1)
        .scalar_subquery()
    )


def _balance(before: ColumnElement[bool]) -> AnyPrepared:
    return Prepared(
        select(
            func.coalesce(_last(before), 0).label("credits"),
            CreditBalance.due_at,
            CustomerAccount.created_at.label("opened_at"),
        )
        .join(CustomerAccount, CustomerAccount.id == CreditBalance.account_id)
        .where(CreditBalance.account_id == bindparam("account_id"))
    )


AT = _balance(CreditTransaction.created_at <= bindparam("as_of"))
BEFORE = _balance(CreditTransaction.created_at < bindparam("since"))
PERIOD: AnyPrepared = Prepared(
    select(
        CreditTransaction.id,
        CreditTransaction.created_at,
        CreditTransaction.transaction_type,
        CreditTransaction.operation_type,
        CreditTransaction.description,
        CreditTransaction.amount,
        CreditTransaction.balance_after,
    )
    .where(_OWN, CreditTransaction.created_at >= bindparam("since"), CreditTransaction.created_at < bindparam("until"))
    .order_by(CreditTransaction.created_at, CreditTransaction.position)
)
NAME = Prepared(select(CustomerAccount.name).where(CustomerAccount.id == bindparam("account_id")))
