"""Reading the journals of budgets: movements, balances at an instant, statements over a period."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.orm import InstrumentedAttribute

from app.audit.models import PersonalData
from app.audit.queries import refers_to_actor
from app.billing_accounts import due
from app.billing_accounts.due import ShownMovement
from app.billing_accounts.models import BillingAccount, BudgetLine, BudgetMovement
from app.billing_accounts.visibility import visible_to
from app.clients.models import Client
from app.db import json_rows
from app.db.columns import columns_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.json_rows import Json
from app.db.paging import ListQuery
from app.origin import SERVICE

_OF_ACCOUNT = BudgetMovement.billing_account_id == bindparam("account_id")
_SHOWN = (
    select(
        *columns_of(ShownMovement, but={"place", "actor"}),
        case((ShownMovement.position.is_(None), literal(SERVICE)), else_=PersonalData.value).label("actor"),
    )
    .select_from(ShownMovement)
    .outerjoin(PersonalData, PersonalData.ref == ShownMovement.actor)
)
_DELTAS = ("budget_delta", "locked_delta", "consumed_delta")
MOVEMENTS = ListQuery(
    rows=_SHOWN,
    key=ShownMovement.place,
    filters={
        "kind": ShownMovement.kind == bindparam("kind"),
        "external_type": ShownMovement.external_type == bindparam("external_type"),
        "external_id": ShownMovement.external_id == bindparam("external_id"),
        "at_from": ShownMovement.at >= bindparam("at_from"),
        "at_to": ShownMovement.at <= bindparam("at_to"),
        "actor": or_(
            refers_to_actor(ShownMovement.actor),
            and_(ShownMovement.position.is_(None), bindparam("actor") == SERVICE),
        ),
    },
    sorts={"position": ShownMovement.place, "at": ShownMovement.at},
    default_sort="position",
    joins_page=False,
)


_Time = InstrumentedAttribute[Any]


def _last(name: str, before: Callable[[_Time], ColumnElement[bool]]) -> FromClause:
    """What the budget was after all that `before` admits by its time, and how many movements that are.

    One probe of the index on account and time finds the last that is posted, another what is due.
    """
    last = (
        select(BudgetMovement)
        .where(_OF_ACCOUNT, before(BudgetMovement.at))
        .order_by(BudgetMovement.at.desc(), BudgetMovement.position.desc())
        .limit(1)
        .subquery(f"{name}_posted")
    )
    expired = due.total(f"{name}_due", before(BudgetLine.expires_at))
    locked = last.c.locked_after - expired.c.amount
    return (
        select(
            case((expired.c.count == 0, last.c.position)).label("position"),
            (last.c.position + expired.c.count).label("count"),
            last.c.at,
            last.c.budget_after.label("budget"),
            locked.label("locked_budget"),
            last.c.consumed_after.label("consumed_budget"),
            (last.c.budget_after - locked - last.c.consumed_after).label("total_budget_remaining"),
        )
        .select_from(last.join(expired, true()))
        .lateral(name)
    )


def _of_visible(*columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    """Columns about the account, if the caller may see it."""
    return (
        select(*columns)
        .select_from(BillingAccount)
        .where(BillingAccount.id == bindparam("account_id"), visible_to(bindparam("granted_to")))
    )


_AS_OF = _last("as_of", lambda at: at <= bindparam("as_of"))
# All columns are NULL before the opening; the position also when the last movement is due.
BALANCE: AnyPrepared = Prepared(_of_visible(*_AS_OF.c).outerjoin(_AS_OF, true()))

_IN_PERIOD = _SHOWN.where(ShownMovement.at >= bindparam("since"), ShownMovement.at < bindparam("until"))
_PERIOD = _IN_PERIOD.add_columns(ShownMovement.place).cte("period").prefix_with("MATERIALIZED")
_JSON_MOVEMENT: dict[str, Json] = {
    "position": json_rows.value(_PERIOD.c.position),
    "at": json_rows.time(_PERIOD.c.at),
    "kind": json_rows.word(_PERIOD.c.kind),
    "entry_id": json_rows.or_null(json_rows.word(_PERIOD.c.entry_id)),
    **{name: json_rows.value(_PERIOD.c[name]) for name in ("external_type", "external_id", "external_name")},
    **{
        name: json_rows.amount(_PERIOD.c[name]) for name in (*_DELTAS, "budget_after", "locked_after", "consumed_after")
    },
    **{name: json_rows.value(_PERIOD.c[name]) for name in ("actor", "reason", "request_id")},
}


def _sums(by: str) -> ColumnElement[str]:
    """The movements of the period, counted and added up by a column, as a JSON list."""
    sums = (
        select(
            _PERIOD.c[by],
            func.count().label("count"),
            *(func.sum(_PERIOD.c[name]).label(name) for name in _DELTAS),
        )
        .group_by(_PERIOD.c[by])
        .subquery(f"sums_by_{by}")
    )
    members = {
        by: json_rows.value(sums.c[by]),
        "count": json_rows.value(sums.c.count),
        **{name: json_rows.amount(sums.c[name]) for name in _DELTAS},
    }
    listed = json_rows.text(json_rows.json_list(json_rows.text(json_rows.json_object(members)), sums.c[by]))
    return select(listed).scalar_subquery()


_OPENING = _last("opening", lambda at: at < bindparam("since"))
_CLOSING = _last("closing", lambda at: at < bindparam("until"))
BALANCE_FIELDS = ("budget", "locked_budget", "consumed_budget", "total_budget_remaining")
_ENDS = _of_visible(
    *(
        func.coalesce(each.c[name], literal_column("0")).label(f"{side}_{name}")
        for side, each in (("opening", _OPENING), ("closing", _CLOSING))
        for name in BALANCE_FIELDS
    ),
)


def _between(statement: Select[*tuple[Any, ...]]) -> AnyPrepared:
    """A statement about a period, with what the budget was at both ends of it."""
    return Prepared(statement.outerjoin(_OPENING, true()).outerjoin(_CLOSING, true()))


# One statement, so that everything is of one snapshot.
STATEMENT = _between(
    _ENDS.add_columns(
        select(
            json_rows.text(json_rows.json_list(json_rows.text(json_rows.json_object(_JSON_MOVEMENT)), _PERIOD.c.place))
        )
        .scalar_subquery()
        .label("movements"),
        _sums("kind").label("by_kind"),
        _sums("external_type").label("by_external_type"),
    )
)
# Positions are dense, and times never decrease with them: the movements need not be counted.
_LENGTH = func.coalesce(_CLOSING.c.count, literal_column("0")) - func.coalesce(_OPENING.c.count, literal_column("0"))
ENDS = _between(_ENDS.add_columns(_LENGTH.label("length")))
MOVEMENTS_OF_PERIOD: AnyPrepared = Prepared(_IN_PERIOD.order_by(ShownMovement.place))
NAMES = Prepared(
    select(BillingAccount.id, BillingAccount.name, Client.name.label("client_name"))
    .join(Client, Client.id == BillingAccount.client_id)
    .where(BillingAccount.id == bindparam("account_id"))
)
