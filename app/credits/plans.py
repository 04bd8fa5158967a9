"""Plans and their monthly grants."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.credits import plan_queries, queries
from app.credits.ledger import balances, grants, planning
from app.credits.ledger.planning import Starts
from app.credits.plan_models import ROLLOVER_ALL
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Conflict, Invalid, NotFound


class Granted(NamedTuple):
    """Number of months granted, and their credits in total."""

    months: int
    credits: int


def every_plan() -> Sequence[Row[Any]]:
    """All plans, smallest first."""
    return db.session.execute(plan_queries.EVERY_PLAN).all()


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the plans, smallest first."""
    return plan_queries.PLANS.page(arguments)


def get(plan_id: int) -> Row[Any]:
    """A plan. Raises NotFound."""
    found = db.session.execute(plan_queries.PLAN, {"plan_id": plan_id}).one_or_none()
    if found is None:
        raise _unknown(plan_id)
    return found


def create(values: Mapping[str, Any]) -> Row[Any]:
    """Create a plan; as the default, it becomes the plan of new accounts. Raises Conflict if its name is taken."""
    db.session.execute(plan_queries.ONE_CHANGE_AT_A_TIME)
    now = utc_now()
    if values["is_default"]:
        _end_default(now)
    plan = db.session.execute(plan_queries.CREATE_PLAN, {**values, "now": now}).one_or_none()
    if plan is None:
        raise Conflict(f"There is a plan {values['name']!r} already")
    # Its first terms hold from the first day there is.
    _set_terms(plan, date.min)
    record(ObjectType.PLAN, plan.id, after=values)
    return plan


def update(plan_id: int, changes: Mapping[str, Any], expected: Expected) -> Row[Any]:
    """Change a plan: what it grants from today on, for months that begin from then on.

    Raises NotFound, PreconditionFailed, and Conflict if its name is taken, or if no plan would be the default.
    """
    db.session.execute(plan_queries.ONE_CHANGE_AT_A_TIME)
    plans = every_plan()
    known = next((each for each in plans if each.id == plan_id), None)
    if known is None:
        raise _unknown(plan_id)
    versions.require(known.version, expected)
    before = {name: getattr(known, name) for name in plan_queries.EDITABLE}
    after = {**before, **changes}
    if any(each.name == after["name"] for each in plans if each.id != plan_id):
        raise Conflict(f"There is a plan {after['name']!r} already")
    if known.is_default and not after["is_default"]:
        raise Conflict("New accounts need a plan: make another one the default instead")
    now = utc_now()
    if after["is_default"] and not known.is_default:
        _end_default(now)
    values = {**after, "plan_id": plan_id, "now": now}
    changed = db.session.execute(plan_queries.UPDATE_PLAN, values).one()
    if (changed.credits_per_month, changed.rollover) != (known.credits_per_month, known.rollover):
        _set_terms(changed, now.date())
    record(ObjectType.PLAN, plan_id, before=before, after=after)
    return changed


def put(
    name: str, credits_per_month: int, usd_per_credit: Decimal, rollover: str = ROLLOVER_ALL, *, default: bool
) -> None:
    """Create a plan, or change it from today on; with `default` it becomes the plan of new accounts.

    `rollover` is "all", "none", or the most credits of the plan that are kept at the turn of the month.
    """
    values = {
        "name": name,
        "credits_per_month": credits_per_month,
        "usd_per_credit": usd_per_credit,
        "rollover": rollover,
    }
    known = next((each for each in every_plan() if each.name == name), None)
    if known is None:
        create({**values, "is_default": default})
    else:
        update(known.id, {**values, "is_default": default or known.is_default}, None)


def _end_default(now: datetime) -> None:
    """Make room for a new default plan: there is one at any time."""
    for plan_id in db.session.execute(plan_queries.NO_DEFAULT_PLAN, {"now": now}).scalars():
        record(ObjectType.PLAN, plan_id, before={"is_default": True}, after={"is_default": False})


def _set_terms(plan: Row[Any], valid_from: date) -> None:
    values = {"plan_id": plan.id, "credits_per_month": plan.credits_per_month, "rollover": plan.rollover}
    db.session.execute(plan_queries.SET_TERMS, {**values, "valid_from": valid_from})


def _unknown(plan_id: int) -> NotFound:
    return NotFound(f"Plan {plan_id} was not found")


def assign(account_id: int, name: str, starts: Starts) -> None:
    """Assign a plan, by its name or id, to an account, in place of those assigned for later.

    From now on it grants at once what it grants in a month beyond what was granted for this one, and takes nothing
    back. Raises NotFound, Forbidden for a closed account, and Invalid for an unknown plan.
    """
    tenancy.set_account(account_id)
    plan = db.session.execute(plan_queries.PLAN_NAMED, {"plan": name}).one_or_none()
    if plan is None:
        raise Invalid.field("plan", f"There is no plan {name!r}.")
    planning.assign(account_id, plan, starts)


def assigned(account_id: int) -> Sequence[Row[Any]]:
    """The plans that the account was, is or will be on, and from which day on each, latest first."""
    return db.session.execute(plan_queries.ASSIGNMENTS, {"account_id": account_id}).all()


def start(account_id: int, *, first_credits: bool) -> None:
    """Open the balance of a new account on the default plan.

    Without `first_credits` the plan grants nothing in its first month: neither at once nor by being assigned again.
    """
    now = utc_now()
    balances.open_balance(account_id, now)
    if not first_credits:
        month = now.date().replace(day=1)
        plan = db.session.execute(plan_queries.PLAN_ON, {"account_id": account_id, "now": now}).one()
        values = {"account_ids": [account_id], "months": [month], "credits": [plan.credits_per_month], "now": now}
        db.session.execute(plan_queries.RECORD_GRANTS, values)
    grants.catch_up([account_id])


def grant_due(account_ids: Sequence[int]) -> Granted:
    """Grant each account the credits of every month not granted yet, up to the current one (UTC).

    Whatever else fell due is posted with them. A month is granted by the plan that the account had on the first of the
    month, with its credits on that day. No month is granted twice, even by concurrent calls.
    """
    months = grants.catch_up(list(account_ids)).months
    return Granted(len(months), sum(month.granted for month in months))


def accounts_after(account_id: int, limit: int) -> list[int]:
    """The next account ids after `account_id`, in order."""
    return list(db.session.execute(queries.ACCOUNTS_AFTER, {"after": account_id, "limit": limit}).scalars())
