"""The trail: entries, movements and transactions as one list, by the view that shows all of them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, MetaData, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app import tenancy
from app.audit.models import PersonalData
from app.audit.queries import refers_to_actor
from app.db.base import Id, Moment
from app.db.columns import columns_of
from app.db.paging import ListQuery, Page


class _View(DeclarativeBase):
    """Views: migrations make them, and no test empties them."""

    metadata = MetaData()


class Change(_View):
    """A change of whatever kind, as `audit_trail` shows it."""

    __tablename__ = "audit_trail"

    place: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str]
    at: Mapped[Moment]
    # The same without a zone: what is indexed.
    at_utc: Mapped[datetime]
    actor: Mapped[bytes]
    actor_kind: Mapped[str]
    action: Mapped[str]
    object_type: Mapped[str]
    object_id: Mapped[str]
    reason: Mapped[str | None]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    request_id: Mapped[str | None]
    account_id: Mapped[Id | None]
    billing_account_id: Mapped[int | None]
    entry_object_id: Mapped[str | None]
    credit_account_id: Mapped[Id | None]


_ACTOR = select(PersonalData.value).where(PersonalData.ref == Change.actor).scalar_subquery()
_INTERNALS = {"place", "at_utc", "actor", "account_id", "billing_account_id", "entry_object_id", "credit_account_id"}
CHANGES = ListQuery(
    rows=select(*columns_of(Change, but=_INTERNALS), _ACTOR.label("actor")),
    key=Change.place,
    filters={
        "actor": refers_to_actor(Change.actor),
        "action": Change.action == bindparam("action"),
        "object_type": Change.object_type == bindparam("object_type"),
        # Each part of the view has one of these and no other, which leaves it one condition that its index serves.
        "object_id": or_(
            Change.entry_object_id == bindparam("object_id"),
            Change.billing_account_id == cast(bindparam("billing_account_id"), Integer),
            Change.credit_account_id == cast(bindparam("credit_account_id"), Change.credit_account_id.type),
        ),
        "at_from": Change.at_utc >= func.timezone("UTC", cast(bindparam("at_from"), Change.at.type)),
        "at_to": Change.at_utc <= func.timezone("UTC", cast(bindparam("at_to"), Change.at.type)),
        "request_id": Change.request_id == bindparam("request_id"),
        "account_id": Change.account_id == bindparam("account_id"),
    },
    sorts={"at": Change.at_utc},
    default_sort="at",
    joins_page=False,
)
# In the customer's family texts that are not set are empty.
_TEXTS = {"reason": Change.reason, "request_id": Change.request_id, "actor": _ACTOR}
ACCOUNT_CHANGES = replace(
    CHANGES,
    rows=select(
        *columns_of(Change, but=_INTERNALS | {"reason", "request_id"}),
        *(func.coalesce(column, "").label(name) for name, column in _TEXTS.items()),
    ),
)
_MAX_INTEGER = 2**31 - 1
# No account has it, nor does the view show it.
_NONE = -1


def everything(arguments: Mapping[str, Any]) -> Page:
    """One page of the changes that match, of all accounts, newest first."""
    tenancy.set_every_account()
    return _page(CHANGES, arguments)


def of_object(kind: str, object_id: object, arguments: Mapping[str, Any]) -> Page:
    """One page of the changes of one object, newest first."""
    return everything({**arguments, "object_type": kind, "object_id": str(object_id)})


def of_account(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the changes of a customer account and of what belongs to it, newest first; it is the tenant."""
    return _page(ACCOUNT_CHANGES, {**arguments, "account_id": account_id})


def of_account_itself(account_id: int, arguments: Mapping[str, Any]) -> Page:
    """One page of the changes of a customer account itself, newest first; it is the tenant."""
    return of_account(account_id, {**arguments, "object_type": "customer_account"})


def _page(query: ListQuery, arguments: Mapping[str, Any]) -> Page:
    object_id = str(arguments.get("object_id", ""))
    is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < len(str(2**53))
    number = int(object_id) if is_number else _NONE
    return query.page(
        arguments,
        billing_account_id=number if number <= _MAX_INTEGER else _NONE,
        credit_account_id=number,
    )
