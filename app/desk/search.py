"""Finding anything by a word that one has at hand, in one statement."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.auth.actor import Actor
from app.billing_accounts.permissions import READ as BILLING_ACCOUNTS
from app.clients.permissions import READ as CLIENTS
from app.db.base import db
from app.db.paging import Page, whole_list
from app.desk import permissions, words
from app.desk import search_queries as queries
from app.work_periods.permissions import READ_BOOKINGS, READ_PERIODS
from app.work_periods.permissions import READ_PAYMENTS as READ_WORK_PAYMENTS

# Nobody reads more; who finds so many looks for more than a word.
MOST = 100


def search(actor: Actor, arguments: Mapping[str, Any]) -> Page:
    """One page of what matches `q`, best first: what is named so exactly, then what is named so in part.

    Besides what customers have, administrators find all else, and machines what they have the scopes to read.
    """
    rows = db.session.execute(queries.EVERYTHING, values_of(actor, arguments["q"].strip())).all()
    return whole_list([_shown(row) for row in rows], arguments)


def values_of(actor: Actor, asked: str) -> dict[str, Any]:
    """The parameters of the statement."""
    looked_for = words.look_for(asked)
    return {
        **looked_for.values,
        "longest": looked_for.longest,
        "text": asked,
        "uuid": _uuid(asked),
        "most": MOST,
        "sees_clients": _reads(actor, CLIENTS),
        "sees_billing_accounts": _reads(actor, BILLING_ACCOUNTS),
        "sees_bookings": _reads(actor, READ_BOOKINGS),
        "sees_work_periods": _reads(actor, READ_PERIODS),
        "sees_work_payments": _reads(actor, READ_WORK_PAYMENTS),
    }


def _reads(actor: Actor, scopes: tuple[str, ...]) -> bool:
    return actor.has_role(*permissions.STAFF) or actor.has_scope(scopes)


def _uuid(asked: str) -> UUID | None:
    try:
        return UUID(asked)
    except ValueError:
        return None


def _shown(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    found = row._asdict()
    text_id = found.pop("text_id")
    return found if text_id is None else {**found, "id": text_id}
