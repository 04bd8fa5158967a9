"""Holding credits for operations whose cost is not final yet."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row

from app.auth.actor import Actor
from app.clock import utc_now
from app.credits import hold_queries, spending_accounts
from app.credits.ledger import holding
from app.credits.ledger.holding import Capture, Held, Outcome, Terms
from app.customers.membership import Membership
from app.db.base import db
from app.db.paging import ListQuery, Page
from app.db.versions import Expected
from app.errors import NotFound, ServiceError, only


def search(membership: Membership | None, arguments: Mapping[str, Any]) -> Page:
    """One page of the holds of an account. Raises Invalid and NotFound, as for spending."""
    return of_account(spending_accounts.enter(arguments, membership, location="query"), arguments)


def of_account(account_id: int, arguments: Mapping[str, Any], listed: ListQuery | None = None) -> Page:
    """One page of the holds of an account; `listed` is a query of the same rows with more columns."""
    query = listed or hold_queries.HOLDS
    return query.page({**arguments, "account_id": account_id}, account_id=account_id, now=utc_now())


def get(membership: Membership | None, hold_id: int, arguments: Mapping[str, Any]) -> Row[Any]:
    """One hold. Raises NotFound, and Invalid for a machine that names no account."""
    account_id = spending_accounts.enter(arguments, membership, location="query")
    values = {"account_id": account_id, "hold_id": hold_id, "now": utc_now()}
    found = db.session.execute(hold_queries.HOLD, values).one_or_none()
    if found is None:
        raise NotFound(f"Hold {hold_id} was not found")
    return found


def create(actor: Actor, membership: Membership | None, item: Mapping[str, Any]) -> Held:
    """Hold credits, as `create_many` does. Raises what it returns."""
    return only(create_many(actor, membership, [item]))


def create_many(actor: Actor, membership: Membership | None, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Hold credits for each item, in order; the hold or the failure of each."""
    accounts = spending_accounts.of_items(items, membership)
    terms = [
        each if isinstance(each, ServiceError) else _terms(actor, membership, item, each)
        for item, each in zip(items, accounts, strict=True)
    ]
    made = iter(holding.create([each for each in terms if isinstance(each, Terms)]))
    return [next(made) if isinstance(each, Terms) else each for each in terms]


def capture(membership: Membership | None, hold_id: int, values: Mapping[str, Any]) -> Held:
    """Spend credits of a hold, as `capture_many` does. Raises what it returns."""
    return only(capture_many(membership, [{**values, "id": hold_id}]))


def capture_many(membership: Membership | None, items: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    """Spend credits of the hold of each item (`id`), in order; the hold or the failure of each."""
    accounts = spending_accounts.of_items(items, membership)
    captures = [
        each if isinstance(each, ServiceError) else Capture(each, item["id"], item.get("amount"), item["final"])
        for item, each in zip(items, accounts, strict=True)
    ]
    done = iter(holding.capture([each for each in captures if isinstance(each, Capture)]))
    return [next(done) if isinstance(each, Capture) else each for each in captures]


def release(membership: Membership | None, hold_id: int, values: Mapping[str, Any]) -> Held:
    """Give back what a hold holds. Raises NotFound, Conflict and Invalid."""
    return holding.release(spending_accounts.enter(values, membership), hold_id)


def change(membership: Membership | None, hold_id: int, values: Mapping[str, Any], expected: Expected) -> Held:
    """Change amount or expiry of a hold. Raises NotFound, PreconditionFailed, Conflict, PaymentRequired and Invalid."""
    account_id = spending_accounts.enter(values, membership)
    return holding.change(account_id, hold_id, values.get("amount"), values.get("expires_in"), expected)


def _terms(actor: Actor, membership: Membership | None, item: Mapping[str, Any], account_id: int) -> Terms:
    return Terms(
        account_id,
        item["reference"],
        item["amount"],
        item["operation_type"],
        item["expires_in"],
        item["over_capture"],
        item["description"],
        spending_accounts.person(actor, membership, item),
        actor.key_id,
    )
