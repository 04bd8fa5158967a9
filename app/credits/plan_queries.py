"""Plans, the accounts that are put on them, and the months that they grant."""

from typing import Any

from sqlalchemy import (
    Date,
    DateTime,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.credits.models import CreditBalance
from app.credits.plan_models import Plan, PlanAssignment, PlanGrant, PlanTerms
from app.credits.queries import OF_BALANCE, PLAN_ID
from app.customers.models import CustomerAccount
from app.db.columns import list_of, rows_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

_PLAN = select(Plan.id, Plan.name, Plan.credits_per_month, Plan.rollover)
PLAN_ON: AnyPrepared = Prepared(_PLAN.join(CreditBalance, Plan.id == PLAN_ID).where(OF_BALANCE))
# By its name; else by its id.
PLAN_NAMED: AnyPrepared = Prepared(
    _PLAN.where(or_(Plan.name == bindparam("plan"), cast(Plan.id, Text) == bindparam("plan")))
    .order_by((Plan.name == bindparam("plan")).desc())
    .limit(1)
)
ASSIGNMENTS: AnyPrepared = Prepared(
    select(Plan.name.label("plan"), PlanAssignment.valid_from)
    .join(Plan, Plan.id == PlanAssignment.plan_id)
    .where(PlanAssignment.account_id == bindparam("account_id"))
    .order_by(PlanAssignment.valid_from.desc())
)
_ASSIGN = insert(PlanAssignment).values(
    **values_of(PlanAssignment.account_id, PlanAssignment.valid_from, PlanAssignment.plan_id)
)
# What was to come later is overtaken.
ASSIGN = Prepared(
    delete(PlanAssignment).where(
        PlanAssignment.account_id == bindparam("account_id"), PlanAssignment.valid_from > bindparam("valid_from")
    ),
    _ASSIGN.on_conflict_do_update(
        index_elements=[PlanAssignment.account_id, PlanAssignment.valid_from],
        set_={"plan_id": _ASSIGN.excluded.plan_id},
    ),
)
_IN_MONTH = (PlanGrant.account_id == bindparam("account_id"), PlanGrant.month == bindparam("month"))
GRANTED_IN = Prepared(select(PlanGrant.credits).where(*_IN_MONTH))
RAISE_GRANT = Prepared(update(PlanGrant).where(*_IN_MONTH).values(credits=bindparam("raised")))
_ACCOUNT_IDS = list_of("account_ids", CreditBalance.account_id)
# When the account of a balance was opened (UTC), and every month from that one on.
_OPENED = func.timezone("UTC", CustomerAccount.created_at)
_MONTHS = (
    func.generate_series(
        func.date_trunc("month", _OPENED), cast(bindparam("month"), DateTime), literal_column("interval '1 month'")
    )
    .table_valued("starts_at")
    .render_derived()
)
_MONTH = cast(_MONTHS.c.starts_at, Date)
# What holds on the first day of a month holds for it; for the first month, what holds on the day of the opening.
_DECIDED_ON = func.greatest(_MONTH, cast(_OPENED, Date))
_ASSIGNED = (
    select(PlanAssignment.plan_id)
    .where(PlanAssignment.account_id == CreditBalance.account_id, PlanAssignment.valid_from <= _DECIDED_ON)
    .order_by(PlanAssignment.valid_from.desc())
    .limit(1)
    .correlate_except(PlanAssignment)
    .lateral()
)
_TERMS = (
    select(PlanTerms.credits_per_month, PlanTerms.rollover)
    .where(PlanTerms.plan_id == Plan.id, PlanTerms.valid_from <= _DECIDED_ON)
    .order_by(PlanTerms.valid_from.desc())
    .limit(1)
    .correlate_except(PlanTerms)
    .lateral()
)
# Every month from the one an account was opened in to the present one, but for those granted already.
DUE_GRANTS = Prepared(
    select(
        CreditBalance.account_id,
        _MONTH.label("month"),
        func.greatest(func.timezone("UTC", _MONTHS.c.starts_at), CustomerAccount.created_at).label("effective_at"),
        Plan.name.label("plan"),
        _TERMS.c.credits_per_month,
        _TERMS.c.rollover,
    )
    .join(CustomerAccount, CustomerAccount.id == CreditBalance.account_id)
    .join(_MONTHS, true())
    .join(_ASSIGNED, true())
    .join(Plan, Plan.id == _ASSIGNED.c.plan_id)
    .join(_TERMS, true())
    .where(
        CreditBalance.account_id == any_(_ACCOUNT_IDS),
        ~exists().where(PlanGrant.account_id == CreditBalance.account_id, PlanGrant.month == _MONTH),
    )
    .order_by(CreditBalance.account_id, _MONTH)
)
_GRANTED = rows_of(account_ids=PlanGrant.account_id, months=PlanGrant.month, credits=PlanGrant.credits)
_NEW_GRANTS = {**_GRANTED.c, "created_at": bindparam("now")}
RECORD_GRANTS = Prepared(insert(PlanGrant).from_select(list(_NEW_GRANTS), select(*_NEW_GRANTS.values())))

_EDITABLE = (Plan.name, Plan.credits_per_month, Plan.usd_per_credit, Plan.rollover, Plan.is_default)
EDITABLE = tuple(each.key for each in _EDITABLE)
_PLANS: Select[*tuple[Any, ...]] = select(Plan.id, *_EDITABLE, Plan.version)
PLANS = ListQuery(
    rows=_PLANS, key=Plan.id, sorts={"size": Plan.credits_per_month}, default_sort="size", default_order="asc"
)
EVERY_PLAN: AnyPrepared = Prepared(_PLANS.order_by(Plan.credits_per_month, Plan.name))
PLAN: AnyPrepared = Prepared(_PLANS.where(Plan.id == bindparam("plan_id")))
ONE_CHANGE_AT_A_TIME = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended("plans", 0))))
CREATE_PLAN: AnyPrepared = Prepared(
    insert(Plan)
    .values(**values_of(*_EDITABLE), created_at=bindparam("now"), updated_at=bindparam("now"))
    .on_conflict_do_nothing(index_elements=[Plan.name])
    .returning(Plan.id, *_EDITABLE, Plan.version)
)
UPDATE_PLAN: AnyPrepared = Prepared(
    update(Plan)
    .where(Plan.id == bindparam("plan_id"))
    .values(**values_of(*_EDITABLE), updated_at=bindparam("now"), version=Plan.version + 1)
    .returning(Plan.id, *_EDITABLE, Plan.version)
)
NO_DEFAULT_PLAN: AnyPrepared = Prepared(
    update(Plan)
    .where(Plan.is_default)
    .values(is_default=False, updated_at=bindparam("now"), version=Plan.version + 1)
    .returning(Plan.id)
)
_SET_TERMS = insert(PlanTerms).values(
    **values_of(PlanTerms.plan_id, PlanTerms.valid_from, PlanTerms.credits_per_month, PlanTerms.rollover)
)
SET_TERMS = Prepared(
    _SET_TERMS.on_conflict_do_update(
        index_elements=[PlanTerms.plan_id, PlanTerms.valid_from],
        set_={name: _SET_TERMS.excluded[name] for name in ("credits_per_month", "rollover")},
    )
)
