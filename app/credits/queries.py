"""Statements that read credits, and those that read and write plans."""

from dataclasses import replace

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    ScalarSelect,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import aliased

from app.auth.api_keys.models import ApiKey
from app.credits.hold_models import CreditCap, CreditHold
from app.credits.lot_models import CreditLot
from app.credits.models import (
    CreditBalance,
    CreditDailyTotal,
    CreditTransaction,
    TransactionType,
)
from app.credits.plan_models import Plan, PlanAssignment
from app.db.columns import columns_of, list_of, rows_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

_OWN = CreditTransaction.account_id == bindparam("account_id")
_SINCE = CreditTransaction.created_at >= bindparam("start_date")
_UNTIL = CreditTransaction.created_at <= bindparam("end_date")
_CAUSE = {"actor", "actor_kind", "action", "reason", "request_id"}
_INTERNALS = {"position", "usage_key_owner", "key_id", "lot_ids", "lot_credits", "reverses", "hash", *_CAUSE}
_DUE_AT = select(CreditBalance.due_at).where(CreditBalance.account_id == bindparam("account_id")).scalar_subquery()
# Positions are dense: the numbers of an account's transactions are known without counting.
TRANSACTIONS = ListQuery(
    rows=select(
        *columns_of(CreditTransaction, but={"account_id", "usage_key", *_INTERNALS}),
        (-CreditTransaction.amount).label("credits_used"),
        _DUE_AT.label("due_at"),
    ).where(_OWN),
    key=CreditTransaction.position,
    filters={
        "account_id": _OWN,
        "transaction_type": CreditTransaction.transaction_type == bindparam("transaction_type"),
        "start_date": _SINCE,
        "end_date": _UNTIL,
    },
    sorts={"created_at": CreditTransaction.position},
    default_sort="created_at",
    counts={
        frozenset({"account_id"}): select(CreditBalance.transactions).where(
            CreditBalance.account_id == bindparam("account_id")
        )
    },
)
_RETURNED = aliased(CreditTransaction)
_SUM_RETURNED = select(func.coalesce(func.sum(_RETURNED.amount), 0)).where(
    _RETURNED.account_id == CreditTransaction.account_id, _RETURNED.reverses == CreditTransaction.position
)


def _reversed(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """What was taken back of a deduction."""
    summed = _SUM_RETURNED.where(*conditions).correlate(CreditTransaction).scalar_subquery()
    return cast(summed, BigInteger).label("credits_reversed")


USAGE = replace(
    TRANSACTIONS,
    rows=TRANSACTIONS.rows.add_columns(_reversed(_RETURNED.account_id == bindparam("account_id"))),
    filters={
        "account_id": and_(_OWN, CreditTransaction.transaction_type == TransactionType.DEDUCTION),
        "operation_type": CreditTransaction.operation_type == bindparam("operation_type"),
        "start_date": _SINCE,
        "end_date": _UNTIL,
    },
    counts={
        frozenset({"account_id"}): select(cast(func.coalesce(func.sum(CreditDailyTotal.count), 0), BigInteger)).where(
            CreditDailyTotal.account_id == bindparam("account_id"),
            CreditDailyTotal.transaction_type == TransactionType.DEDUCTION,
        )
    },
)
OF_BALANCE = CreditBalance.account_id == bindparam("account_id")
# The plan that the account of a balance is on, as `ledger.balances` finds it.
_DAY = cast(
    func.timezone("UTC", func.greatest(cast(bindparam("now"), CreditBalance.moved_at.type), CreditBalance.moved_at)),
    Date,
)


def plan_id(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    """The plan that the account of a balance is on `now`."""
    return (
        select(PlanAssignment.plan_id)
        .where(PlanAssignment.account_id == CreditBalance.account_id, PlanAssignment.valid_from <= _DAY, *conditions)
        .order_by(PlanAssignment.valid_from.desc())
        .limit(1)
        .correlate(CreditBalance)
        .scalar_subquery()
    )


# The same said twice, so that a database that is cut by account knows beforehand which parts it meets.
PLAN_ID = plan_id(PlanAssignment.account_id == bindparam("account_id"))
_SPENT = (
    select(cast(func.coalesce(-func.sum(CreditDailyTotal.total + CreditDailyTotal.reversed), 0), BigInteger))
    .where(
        CreditDailyTotal.account_id == bindparam("account_id"),
        CreditDailyTotal.transaction_type == TransactionType.DEDUCTION,
        CreditDailyTotal.day >= bindparam("month"),
    )
    .scalar_subquery()
)
_EXPIRING = (
    select(
        CreditLot.expires_at,
        cast(func.sum(CreditLot.remaining - CreditLot.held - CreditLot.frozen), BigInteger).label("credits"),
    )
    .where(CreditLot.account_id == bindparam("account_id"), CreditLot.is_spendable, CreditLot.expires_at.is_not(None))
    .group_by(CreditLot.expires_at)
    .subquery()
)
BALANCE: AnyPrepared = Prepared(
    select(
        CreditBalance.credits,
        Plan.credits_per_month.label("plan_credits_per_month"),
        CreditBalance.credits.label("credits_remaining"),
        CreditBalance.held.label("credits_held"),
        CreditBalance.frozen.label("credits_frozen"),
        (CreditBalance.credits - CreditBalance.held - CreditBalance.frozen).label("credits_available"),
        CreditBalance.debt,
        _SPENT.label("credits_used_this_month"),
        select(func.array_agg(aggregate_order_by(_EXPIRING.c.expires_at, _EXPIRING.c.expires_at)))
        .scalar_subquery()
        .label("expiring_at"),
        select(func.array_agg(aggregate_order_by(_EXPIRING.c.credits, _EXPIRING.c.expires_at)))
        .scalar_subquery()
        .label("expiring_credits"),
        CreditBalance.due_at,
    )
    .join(Plan, Plan.id == PLAN_ID)
    .where(OF_BALANCE)
)
CREDITS: AnyPrepared = Prepared(
    select(CreditBalance.credits, CreditBalance.due_at, CreditBalance.moved_at).where(OF_BALANCE)
)
PLAN_AND_CREDITS: AnyPrepared = Prepared(
    select(Plan.name.label("plan"), CreditBalance.credits, CreditBalance.due_at)
    .join(Plan, Plan.id == PLAN_ID)
    .where(OF_BALANCE)
)
DAILY_TOTALS = Prepared(
    select(CreditDailyTotal.day, CreditDailyTotal.transaction_type, CreditDailyTotal.total, CreditDailyTotal.count)
    .where(
        CreditDailyTotal.account_id == bindparam("account_id"),
        CreditDailyTotal.day.between(bindparam("first"), bindparam("last")),
    )
    .order_by(CreditDailyTotal.day, CreditDailyTotal.transaction_type)
)

_OWN_LOT = CreditLot.account_id == bindparam("account_id")
LOT_OF_REFERENCE: AnyPrepared = Prepared(
    select(*columns_of(CreditLot, but={"account_id", "is_bought", "is_spendable", "is_live"})).where(
        _OWN_LOT, CreditLot.reference == bindparam("reference")
    )
)
# The transaction that brought the credits of a lot.
ARRIVAL: AnyPrepared = Prepared(
    select(CreditTransaction.id, CreditTransaction.created_at, CreditTransaction.balance_after)
    .join(
        CreditLot,
        and_(CreditLot.account_id == CreditTransaction.account_id, CreditLot.position == CreditTransaction.position),
    )
    .where(_OWN_LOT, CreditLot.id == bindparam("lot_id"))
)
# A deduction, and when it counts against caps.
CHARGE: AnyPrepared = Prepared(
    select(
        *columns_of(CreditTransaction, but={"account_id", "id"}),
        func.coalesce(CreditHold.created_at, CreditTransaction.created_at).label("counted_at"),
    )
    .outerjoin(
        CreditHold,
        and_(CreditHold.account_id == CreditTransaction.account_id, CreditHold.id == CreditTransaction.hold_id),
    )
    .where(
        _OWN,
        CreditTransaction.id == bindparam("transaction_id"),
        CreditTransaction.transaction_type == TransactionType.DEDUCTION,
    )
)
RETURNED: AnyPrepared = Prepared(
    select(CreditTransaction.lot_ids, CreditTransaction.lot_credits).where(
        _OWN, CreditTransaction.reverses == bindparam("reverses")
    )
)
CAPS: AnyPrepared = Prepared(
    select(*columns_of(CreditCap))
    .where(CreditCap.account_id == any_(list_of("account_ids", CreditCap.account_id)))
    .order_by(CreditCap.account_id, CreditCap.id.desc())
)
# Also of one that is revoked: what it spent before counts.
IS_KEY_OF_ACCOUNT = Prepared(
    select(exists().where(ApiKey.id == bindparam("key_id"), ApiKey.account_id == bindparam("account_id")))
)
_SENT = rows_of(account_ids=CreditTransaction.account_id, usage_keys=CreditTransaction.usage_key)
KEYED = Prepared(
    select(
        *columns_of(CreditTransaction, but=_INTERNALS), (-CreditTransaction.amount).label("credits_used"), _reversed()
    )
    .join(
        _SENT,
        and_(_SENT.c.account_id == CreditTransaction.account_id, _SENT.c.usage_key == CreditTransaction.usage_key),
    )
    .where(CreditTransaction.usage_key_owner == bindparam("key_owner"))
)

ACCOUNTS_AFTER = Prepared(
    select(CreditBalance.account_id)
    .where(CreditBalance.account_id > bindparam("after"))
    .order_by(CreditBalance.account_id)
    .limit(bindparam("limit"))
)
