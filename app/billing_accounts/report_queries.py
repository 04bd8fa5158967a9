"""Which billing accounts run out: those of which little remains, by the share that does."""

from datetime import timedelta

from sqlalchemy import (
    BigInteger,
    DateTime,
    Numeric,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    join,
    literal,
    select,
    true,
)

from app.billing_accounts import due
from app.billing_accounts.models import BillingAccount, Budget, BudgetMovement, Status
from app.clients.models import Client
from app.db.paging import ListQuery

# Over so many days what is consumed is averaged.
AVERAGED_DAYS = 30
_DAYS = literal(AVERAGED_DAYS)
_REMAINING = due.OF_EACH.remaining
# A budget of nothing has no share.
_SHARE = _REMAINING / func.nullif(Budget.amount, 0)
# What was consumed before: one probe of the index on account and time.
_BEFORE = (
    select(BudgetMovement.consumed_after)
    .where(
        BudgetMovement.billing_account_id == Budget.billing_account_id,
        BudgetMovement.at < cast(due.NOW, DateTime(timezone=True)) - timedelta(days=AVERAGED_DAYS),
    )
    .order_by(BudgetMovement.at.desc(), BudgetMovement.position.desc())
    .limit(1)
    .correlate(Budget)
    .lateral("before")
)
_CONSUMED = func.greatest(Budget.consumed - func.coalesce(_BEFORE.c.consumed_after, 0), 0)
_PER_DAY = func.round(cast(_CONSUMED / _DAYS, Numeric), 4)
_DAYS_LEFT = case(
    (
        and_(_CONSUMED > 0, _REMAINING > 0),
        cast(func.least(func.floor(_REMAINING * _DAYS / func.nullif(_CONSUMED, 0)), 10**9), BigInteger),
    ),
    (_REMAINING <= 0, 0),
)
_MOST = Budget.amount * bindparam("max_share")
# Of the budgets, which are read as a whole, few are left; their accounts are then found by their keys.
BUDGETS = ListQuery(
    rows=select(
        BillingAccount.id,
        BillingAccount.name,
        BillingAccount.client_id,
        Client.name.label("client_name"),
        Budget.amount.label("budget"),
        _REMAINING.label("total_budget_remaining"),
        func.round(_SHARE, 4).label("share"),
        _PER_DAY.label("consumed_per_day"),
        _DAYS_LEFT.label("days_left"),
    ).select_from(
        join(Budget, BillingAccount, BillingAccount.id == Budget.billing_account_id)
        .join(Client, Client.id == BillingAccount.client_id)
        .outerjoin(_BEFORE, true())
    ),
    key=Budget.billing_account_id,
    filters={
        # What is due only adds to what remains, so most budgets are left out without a look at it.
        "max_share": and_(Budget.amount > 0, Budget.remaining <= _MOST, _REMAINING <= _MOST),
        "status": exists()
        .where(BillingAccount.id == Budget.billing_account_id, BillingAccount.status == bindparam("status"))
        .correlate(Budget),
    },
    sorts={"share": _SHARE},
    default_sort="share",
    default_order="asc",
)
ACTIVE = Status.ACTIVE
