"""Plans and their monthly grants."""

from collections.abc import Sequence
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
from app.db.base import db
from app.errors import Invalid


class Granted(NamedTuple):
    """Number of months granted, and their credits in total."""

    months: int
    credits: int


def every_plan() -> Sequence[Row[Any]]:
    """All plans, smallest first."""
    return db.session.execute(plan_queries.PLANS).all()


def put(
    name: str, credits_per_month: int, usd_per_credit: Decimal, rollover: str = ROLLOVER_ALL, *, default: bool
) -> None:
    """Create a plan, or change it from today on; with `default` it becomes the plan of new accounts.

    `rollover` is "all", "none", or the most credits of the plan that are kept at the turn of the month.
    """
    terms = {"credits_per_month": credits_per_month, "usd_per_credit": usd_per_credit, "rollover": rollover}
    now = utc_now()
    known = next((each._asdict() for each in every_plan() if each.name == name), None)
    is_default = default or (known is not None and known["is_default"])
    record(ObjectType.PLAN, name, before=known, after={"name": name, **terms, "is_default": is_default})
    db.session.execute(plan_queries.SET_PLAN, {**terms, "name": name, "now": now, "today": now.date()})
    if default:
        db.session.execute(plan_queries.SET_DEFAULT_PLAN, {"name": name, "now": now})


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


def name_of(account_id: int) -> str:
    """The name of the plan that the account is on today (UTC)."""
    name: str = db.session.execute(plan_queries.PLAN_ON, {"account_id": account_id, "now": utc_now()}).one().name
    return name


def assigned(account_id: int) -> Sequence[Row[Any]]:
    """The plans that the account was, is or will be on, and from which day on each, latest first."""
    return db.session.execute(plan_queries.ASSIGNMENTS, {"account_id": account_id}).all()


def start(account_id: int, *, first_credits: bool) -> None:
    """Open the balance of a new account on the default plan; without `first_credits` its first month grants none."""
    now = utc_now()
    balances.open_balance(account_id, now)
    if not first_credits:
        month = now.date().replace(day=1)
        values = {"account_ids": [account_id], "months": [month], "credits": [0], "now": now}
        db.session.execute(plan_queries.RECORD_GRANTS, values)
    grants.catch_up([account_id])


def grant_due(account_ids: Sequence[int]) -> Granted:
    """Grant each account the credits of every month not granted yet, up to the current one (UTC).

    Whatever else fell due is posted with them. A month is granted by the plan that the account had on the first of the
    month, with its credits on that day. No month is granted twice, even by concurrent calls.
    """
    months = grants.catch_up(list(account_ids)).months
    return Granted(len(months), sum(month.credits_per_month for month in months))


def accounts_after(account_id: int, limit: int) -> list[int]:
    """The next account ids after `account_id`, in order."""
    return list(db.session.execute(queries.ACCOUNTS_AFTER, {"after": account_id, "limit": limit}).scalars())
